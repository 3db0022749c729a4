/** A classifier of hypercolumns: one linear layer, or two with a ReLU between them. */
import { ShapeError } from '../../errors.js';
import { formatShape } from '../../tensor/shape.js';
import { type Tensor, tensor, zeros } from '../../tensor/tensor.js';

/** y = weights x + bias. */
export interface PixelLayer {
  /** float32 (outputs, inputs) */
  readonly weights: Tensor<'float32'>;
  /** float32 (outputs) */
  readonly bias: Tensor<'float32'>;
}

export interface PixelHead {
  /** The first reads columns, laid as `columnsAt` lays them; the last gives a score for each class. */
  readonly layers: readonly PixelLayer[];
}

/** The score of a class that nothing is known of: its probability is 0. */
const absentScore = -1e4;

/** How many classes a head tells apart. */
export const classesOfHead = ({ layers }: PixelHead): number =>
  layers.at(-1)?.bias.data.length ?? 0;

/** @throws ShapeError where layers do not follow each other. */
export function checkHead({ layers }: PixelHead, channels: number): void {
  let inputs = channels;
  for (const { weights, bias } of layers) {
    const [outputs = 0] = bias.dims;
    const fits = weights.dims.length === 2 && weights.dims[0] === outputs;
    if (!fits || weights.dims[1] !== inputs)
      throw new ShapeError(
        `a layer of the classifier must be (${outputs}, ${inputs}), got ${formatShape(weights.dims)}`,
        { expected: [outputs, inputs], actual: weights.dims },
      );
    inputs = outputs;
  }
  if (layers.length < 1 || layers.length > 2)
    throw new ShapeError(`a classifier of pixels has 1 or 2 layers, got ${layers.length}`, {
      actual: layers.length,
    });
}

/**
 * The layer that gives the scores of all classes, of one that gives those of some.
 * @param present the class of each output
 */
export function withAbsent(layer: PixelLayer, present: readonly number[], classes: number) {
  const [, inputs = 0] = layer.weights.dims;
  const weights = zeros('float32', [classes, inputs]);
  const bias = tensor('float32', [classes], new Float32Array(classes).fill(absentScore));
  present.forEach((id, i) => {
    weights.data.set(layer.weights.data.subarray(i * inputs, (i + 1) * inputs), id * inputs);
    bias.data[id] = layer.bias.data[i] ?? 0;
  });
  return { weights, bias };
}

/** What brings features to mean 0 and deviation 1. */
export interface Scaling {
  readonly means: Float64Array;
  /** 1 / deviation; 0 of features that do not vary. */
  readonly factors: Float64Array;
}

/** The layer for features as they are, of one for scaled ones. */
export function unscaled({ weights, bias }: PixelLayer, { means, factors }: Scaling): PixelLayer {
  const [outputs = 0, inputs = 0] = weights.dims;
  const own = zeros('float32', [outputs, inputs]);
  const shifted = bias.data.slice();
  for (let o = 0; o < outputs; o++) {
    let shift = 0;
    for (let f = 0; f < inputs; f++) {
      const weight = (weights.data[o * inputs + f] ?? 0) * (factors[f] ?? 0);
      own.data[o * inputs + f] = weight;
      shift += weight * (means[f] ?? 0);
    }
    shifted[o] = (bias.data[o] ?? 0) - shift;
  }
  return { weights: own, bias: tensor('float32', [outputs], shifted) };
}
