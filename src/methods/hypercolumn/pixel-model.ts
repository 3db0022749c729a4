/** A classifier of pixels with the layers before it: one graph for images of any size, or for layers made before. */

import { pixels } from '../../dense/grid.js';
import { columnLength, efficient, kernelsOf } from '../../dense/hypercolumn.js';
import { columnScorer } from '../../dense/hypercolumn-models.js';
import type { HypercolumnTap } from '../../dense/hypercolumn-taps.js';
import { internal } from '../../errors.js';
import { type Model, model, type Value } from '../../graph/graph.js';
import { type Builder, builder } from '../../ops/builder.js';
import { loadModel } from '../../ops/load.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import type { PixelFeatures } from './pixel-features.js';
import { checkHead, type PixelHead } from './pixel-head.js';

/** Names of the outputs. */
export const probabilitiesName = 'probabilities';
export const uncertaintyName = 'uncertainty';
const scoresName = 'espalier.columns';

/** What is told of every pixel. */
export interface PixelScores {
  /** float32 (1, classes, height, width) */
  readonly probabilities: Tensor<'float32'>;
  /** float32 (1, 1, height, width), in [0, 1] */
  readonly uncertainty: Tensor<'float32'>;
}

/**
 * The whole model, by the efficient path: the first layer is convolved on each map where it stands and interpolated, the
 * second works on pixels. Outputs are `probabilities`, float32 (batch, classes, height, width), and `uncertainty`, float32
 * (batch, 1, height, width): their entropy as a share of the largest, 0 where one class has all, 1 where all are alike.
 * @param source a network of any image size, as `convolutionalize` gives it
 * @throws ShapeError where the head does not fit the taps; UsageError where the network has a value of an output's name.
 */
export function pixelModel(
  source: Model,
  taps: readonly HypercolumnTap[],
  head: PixelHead,
  metadata: Readonly<Record<string, string>> = source.metadata,
): Model {
  checkHead(head, columnLength(taps));
  const [first, ...rest] = head.layers;
  if (!first) return internal('a classifier without layers');
  const scorer = columnScorer(source, taps, first, { squash: 'none', output: scoresName });
  const b = loadModel({ ...scorer, graph: { ...scorer.graph, outputs: [] } });
  finish(b, b.value(scoresName), { layers: rest });
  const made = model(b.build(source.graph.name), metadata, b.opset);
  return { ...made, opsets: { ...scorer.opsets, ...made.opsets } };
}

/** The layers after the first, the probabilities and the uncertainty. */
function finish(b: Builder, columns: Value, { layers }: PixelHead): void {
  let x = columns;
  layers.forEach(({ weights, bias }, i) => {
    const [outputs = 0, inputs = 0] = weights.dims;
    const kernel = tensor('float32', [outputs, inputs, 1, 1], weights.data);
    x = b.Conv(
      b.Relu(x),
      b.initializer(b.fresh(`hypercolumn.layer${i + 1}.weight`), kernel),
      b.initializer(b.fresh(`hypercolumn.layer${i + 1}.bias`), bias),
      { kernel_shape: [1, 1] },
    );
  });
  const probabilities = b.Softmax(x, { axis: 1 });
  const classes = Number(probabilities.shape[1]);
  // p log p is 0 at 0, where the logarithm alone has no value.
  const logarithms = b.Log(b.Max(probabilities, 1e-30));
  const sum = b.ReduceSum(b.Mul(probabilities, logarithms), [1], { keepdims: 1 });
  b.output(probabilities, probabilitiesName);
  b.output(b.Mul(sum, -1 / Math.log(classes)), uncertaintyName);
}

/**
 * The classifier over layers that were made before, for images of one size.
 * @throws ShapeError where the head does not fit the taps.
 */
export async function pixelScorer(
  runtime: Runtime,
  taps: readonly HypercolumnTap[],
  head: PixelHead,
  like: PixelFeatures,
  session: SessionOptions = {},
): Promise<(features: PixelFeatures) => Promise<PixelScores>> {
  checkHead(head, columnLength(taps));
  const [first, ...rest] = head.layers;
  if (!first) return internal('a classifier without layers');
  const b = builder();
  const inputs = taps.map((tap, i) => {
    const value = b.input(`map${i}`, 'float32', like.maps[i]?.dims ?? []);
    return { ...tap, value: value.name };
  });
  const weights = kernelsOf(first.weights, taps).map((part, i) =>
    b.initializer(`weight${i}`, part),
  );
  const heads = { weights, bias: b.initializer('bias', first.bias) };
  const target = { grids: pixels, size: [like.height, like.width] as const };
  finish(b, efficient(b, inputs, heads, target), { layers: rest });
  // Kernels of few outputs gain nothing by blocks, and asking for their size takes a while.
  const network = await runtime.load(model(b.build('pixels')), { ...session, blocked: false });
  return async ({ maps }) => {
    const results = await network.run(Object.fromEntries(maps.map((map, i) => [`map${i}`, map])));
    return {
      probabilities: results[probabilitiesName] as Tensor<'float32'>,
      uncertainty: results[uncertaintyName] as Tensor<'float32'>,
    };
  };
}
