/** Pools over the whole of the spatial axes, which stay with size 1. x is (batch, channels, spatial axes). */
import { ShapeError } from '../errors.js';
import type { TensorType } from '../graph/graph.js';
import { type InferContext, reshaped } from '../graph/op-rules.js';
import { formatShape, sizeOf } from '../tensor/shape.js';
import { dimsOf } from './dims.js';
import { reshapedTo, zerosOf } from './emit.js';
import { checkFloat } from './infer.js';
import { int, type Op } from './op.js';
import { lpGradient } from './pool-lp.js';
import { globalField } from './receptive-field-rules.js';

function pooled({ input }: Pick<InferContext, 'input'>): TensorType {
  const { shape } = checkFloat(input(0));
  if (shape.length < 3)
    throw new ShapeError(
      `X must be (batch, channels, sizes…), got ${formatShape(shape)}. Unsqueeze it`,
      { expected: 3, actual: shape.length },
    );
  return reshaped(input(0), [...shape.slice(0, 2), ...shape.slice(2).map(() => 1)]);
}

/** dx = dy / count, everywhere. */
export const GlobalAveragePool: Op<['X'], object> = {
  inputs: ['X'],
  attributes: {},
  infer: pooled,
  field: globalField,
  gradient: ({ b, x: [x], dy }) => [b.Mul(dy, 1 / sizeOf(dimsOf(x).slice(2)))],
  cases: [{ inputs: [[2, 3, 4, 5]] }, { inputs: [[2, 3, 4]] }, { inputs: [[1, 2, 2, 3, 2]] }],
};

/** dy goes to the first of the largest elements. One index for each channel: nothing is added up twice. */
export const GlobalMaxPool: Op<['X'], object> = {
  inputs: ['X'],
  attributes: {},
  infer: pooled,
  field: globalField,
  gradient({ b, x: [x], dy }) {
    const dims = dimsOf(x);
    const flat = [sizeOf(dims.slice(0, 2)), sizeOf(dims.slice(2))];
    const at = b.ArgMax(reshapedTo(b, x, flat), { axis: 1, keepdims: 1 });
    const column = reshapedTo(b, dy, [flat[0] ?? 1, 1]);
    const dx = b.ScatterElements(zerosOf(b, x.dtype, flat), at, column, { axis: 1 });
    return [reshapedTo(b, dx, dims)];
  },
  cases: [{ inputs: [[2, 3, 4, 5]] }, { inputs: [[2, 3, 4]] }, { inputs: [[1, 2, 2, 3, 2]] }],
};

/** Attributes of GlobalLpPool. */
export interface GlobalLpPoolAttributes {
  readonly p: number;
}

/** y = (Σ |x|ᵖ)^(1/p). */
export const GlobalLpPool: Op<['X'], GlobalLpPoolAttributes> = {
  inputs: ['X'],
  attributes: { p: int(2) },
  infer: pooled,
  field: globalField,
  gradient: ({ b, x: [x], y, dy, attributes: { p } }) => [
    lpGradient(b, x, y, dy, p, (value) => value),
  ],
  cases: [undefined, 1, 2, 3].map((p) => ({
    inputs: [{ shape: [2, 3, 4, 2], kinks: [0] }],
    attributes: p === undefined ? {} : { p },
  })),
};
