/** Pools over sliding windows. x is (batch, channels, spatial axes), y the output, dy its gradient. */
import { GradientError, ShapeError } from '../errors.js';
import type { TensorType } from '../graph/graph.js';
import { type InferContext, reshaped } from '../graph/op-rules.js';
import { formatShape } from '../tensor/shape.js';
import { dimsOf } from './dims.js';
import { checkFloat, checkNumber } from './infer.js';
import { int, ints, type Op, required, string } from './op.js';
import { averagePoolGradient } from './pool-average-gradient.js';
import { windowCases } from './pool-cases.js';
import { lpGradient } from './pool-lp.js';
import { poolMatrices } from './pool-matrix.js';
import { maxPoolGradient } from './pool-max-gradient.js';
import type { FieldContext } from './receptive-field.js';
import { slidingField } from './receptive-field-window.js';
import { backAlongAll } from './resize-axis.js';
import { type Window, type WindowAttributes, windowDims, windowOf } from './window.js';

const attributes = {
  auto_pad: string('NOTSET'),
  ceil_mode: int(0),
  dilations: ints(),
  kernel_shape: required(ints()),
  pads: ints(),
  strides: ints(),
};

/** The output's type, of the input's dtype. */
function pooled({ attributes, input }: InferContext<WindowAttributes>): TensorType {
  const { shape } = input(0);
  if (shape.length < 3)
    throw new ShapeError(
      `X must be (batch, channels, sizes…), got ${formatShape(shape)}. Unsqueeze it`,
      { expected: 3, actual: shape.length },
    );
  return reshaped(input(0), [...shape.slice(0, 2), ...windowDims(attributes, shape.slice(2))]);
}

const field = (context: FieldContext<WindowAttributes>) => slidingField(context, false);

/** Elements along an axis that a window of MaxPool may choose from, and pass over: its gradient has nodes for each. */
const widest = 4096;

/** @throws GradientError where a window is too wide for the gradient of MaxPool. */
function checkWidth({ kernel, strides }: Window): void {
  for (const size of [...kernel, ...strides])
    if (size > widest)
      throw new GradientError(
        `no gradient for a kernel or stride above ${widest}, got ${size}. Use ReduceMax or GlobalMaxPool`,
        { expected: widest, actual: size },
      );
}

/** Attributes of MaxPool. */
export interface MaxPoolAttributes extends WindowAttributes {
  /** Whether Indices count column by column (1) or row by row. */
  readonly storage_order: number;
}

/** The largest of each window; Indices are its places in the flattened input. The first of equal ones gets dy. */
export const MaxPool: Op<['X'], MaxPoolAttributes> = {
  inputs: ['X'],
  outputs: ['Y', 'Indices?'],
  attributes: { ...attributes, storage_order: int(0) },
  infer(context) {
    const y = checkNumber(pooled(context));
    return [y, { dtype: 'int64', shape: y.shape }];
  },
  field,
  gradient({ b, x: [x], y, dy, attributes: given }) {
    const window = windowOf(given, dimsOf(x).slice(2));
    checkWidth(window);
    return [maxPoolGradient(b, x, y, dy, window)];
  },
  cases: [
    ...windowCases((...shape) => shape),
    { inputs: [[2, 2, 4, 4]], attributes: { kernel_shape: [2, 2], strides: [2, 2] }, outputs: 2 },
    {
      inputs: [[1, 2, 4, 5]],
      attributes: { kernel_shape: [3, 2], storage_order: 1, pads: [1, 0, 1, 1] },
      outputs: 2,
    },
  ],
};

/** Attributes of AveragePool. */
export interface AveragePoolAttributes extends WindowAttributes {
  /** Whether elements of padding count in the divisor. */
  readonly count_include_pad: number;
}

/** The mean of each window. */
export const AveragePool: Op<['X'], AveragePoolAttributes> = {
  inputs: ['X'],
  attributes: { ...attributes, count_include_pad: int(0) },
  since: 19,
  infer: (context) => checkFloat(pooled(context)),
  field,
  gradient({ b, x: [x], dy, attributes: given }) {
    const spatial = dimsOf(x).slice(2);
    const countsPadding = given.count_include_pad !== 0;
    return [averagePoolGradient(b, dy, windowOf(given, spatial), spatial, countsPadding)];
  },
  cases: [
    ...windowCases((...shape) => shape),
    ...windowCases((...shape) => shape).map((each) => ({
      ...each,
      attributes: { ...each.attributes, count_include_pad: 1 },
    })),
  ],
};

/** Attributes of LpPool. */
export interface LpPoolAttributes extends WindowAttributes {
  readonly p: number;
}

/** y = (Σ |x|ᵖ)^(1/p) over each window. */
export const LpPool: Op<['X'], LpPoolAttributes> = {
  inputs: ['X'],
  attributes: { ...attributes, p: int(2) },
  infer: (context) => checkFloat(pooled(context)),
  field,
  gradient({ b, x: [x], y, dy, attributes: given }) {
    const spatial = dimsOf(x).slice(2);
    const sums = poolMatrices(windowOf(given, spatial), spatial, 'sum');
    return [lpGradient(b, x, y, dy, given.p, (value) => backAlongAll(b, value, 2, sums))];
  },
  cases: [
    ...windowCases((...shape) => ({ shape, kinks: [0] })),
    ...[1, 3, 4].map((p) => ({
      inputs: [{ shape: [1, 2, 5, 4], kinks: [0] }],
      attributes: { p, kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 0, 1] },
    })),
  ],
};
