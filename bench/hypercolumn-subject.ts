/** What the hypercolumn benchmark runs: a linear classifier of 11 classes on five layers of SqueezeNet 1.1. */
import { convolutionalize } from '../src/dense/convolutionalize.js';
import { columnLength } from '../src/dense/hypercolumn.js';
import { columnScorer } from '../src/dense/hypercolumn-models.js';
import { hypercolumnTaps } from '../src/dense/hypercolumn-taps.js';
import type { Model } from '../src/graph/graph.js';
import { normal } from '../src/nn/init.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import type { Tensor } from '../src/tensor/tensor.js';

const [classes, seed] = [11, 1];

export type Path = 'efficient' | 'explicit';

export interface HypercolumnSubject {
  /** From `image` to `probabilities`, by one of the paths. */
  readonly scorer: (path: Path) => Model;
  readonly image: Tensor<'float32'>;
  /** The classifier: float32 (classes, channels), (classes). */
  readonly weights: Tensor<'float32'>;
  readonly bias: Tensor<'float32'>;
}

/** Drawn weights on a drawn image of `size` x `size`. */
export function hypercolumnSubject(size: number): HypercolumnSubject {
  const source = buildModel(models.squeezenet, { seed });
  const { model } = convolutionalize(source, { pooling: 'none' });
  const taps = hypercolumnTaps(model, ['conv1', 'fire3', 'fire5', 'fire7', 'fire9']);
  const draw = (name: string, dims: readonly number[], deviation: number): Tensor<'float32'> =>
    normal(seed, name, dims, deviation) as Tensor<'float32'>;
  const weights = draw('weights', [classes, columnLength(taps)], 0.02);
  const bias = draw('bias', [classes], 0.1);
  return {
    scorer: (path) => columnScorer(model, taps, { weights, bias }, { path }),
    image: draw('image', [1, 3, size, size], 1),
    weights,
    bias,
  };
}
