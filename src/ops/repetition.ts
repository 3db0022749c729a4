/** Operators that repeat elements; their gradients sum the copies. */
import { ShapeError } from '../errors.js';
import { reshaped } from '../graph/op-rules.js';
import { broadcastShapes, stridesOf } from '../tensor/shape.js';
import { type Tensor, toNumbers } from '../tensor/tensor.js';
import { list } from './cases.js';
import { dimsOf, lengthOf, multiplyDims, nameOf, unknownDims } from './dims.js';
import { knownNumbers, reshapedTo } from './emit.js';
import type { Op } from './op.js';
import { flatIndex, rearrange } from './rearrange.js';
import { pointwise } from './receptive-field-rules.js';

/** Broadcasting made visible; the walker sums the gradient back. */
export const Expand: Op<['input', 'shape'], object> = {
  inputs: ['input', 'shape'],
  attributes: {},
  infer({ input, dims }) {
    const shape = dims(1);
    if (shape) return reshaped(input(0), broadcastShapes(input(0).shape, shape));
    const rank = Math.max(input(0).shape.length, lengthOf(input(1), 'shape'));
    return reshaped(
      input(0),
      unknownDims(`expand(${nameOf(input(0))}, ${nameOf(input(1))})`, rank),
    );
  },
  evaluate([data, shape]) {
    if (!data || !shape) return null;
    const dims = broadcastShapes(data.dims, toNumbers(shape)) as number[];
    return spread(data, dims);
  },
  field: pointwise,
  gradient: ({ dy }) => [dy, null],
  cases: [
    { inputs: [[3, 1], list(3, 4)] },
    { inputs: [[3, 1], list(2, 1, 4)] },
    { inputs: [[2, 3], list(1)] },
    { inputs: [[], list(2, 3)] },
  ],
};

/** `data` repeated over `dims`, to which it broadcasts or which are multiples of its own. */
function spread(data: Tensor, dims: readonly number[]): Tensor {
  const offset = dims.length - data.dims.length;
  const strides = stridesOf(data.dims);
  return rearrange(data, dims, (position) =>
    flatIndex(
      data.dims.map((dim, axis) => (position[axis + offset] ?? 0) % dim),
      strides,
    ),
  );
}

/** dx is the sum over the copies: dy with an axis of its own for them, summed away. */
export const Tile: Op<['input', 'repeats'], object> = {
  inputs: ['input', 'repeats'],
  attributes: {},
  infer({ input, constant }) {
    const { shape } = input(0);
    const repeats = constant(1);
    if (!repeats)
      return reshaped(
        input(0),
        unknownDims(`tile(${nameOf(input(0))}, ${nameOf(input(1))})`, shape.length),
      );
    const counts = toNumbers(repeats);
    if (counts.length !== shape.length)
      throw new ShapeError(`repeats must hold ${shape.length} numbers, got ${counts.length}`, {
        expected: shape.length,
        actual: counts.length,
      });
    return reshaped(
      input(0),
      shape.map((dim, axis) => multiplyDims([dim, counts[axis] ?? 1])),
    );
  },
  evaluate: ([data, repeats]) =>
    data && repeats
      ? spread(
          data,
          toNumbers(repeats).map((count, axis) => count * (data.dims[axis] ?? 1)),
        )
      : null,
  field: pointwise,
  gradient({ b, x: [x], dy, constant }) {
    const repeats = knownNumbers(constant(1), 'repeats');
    const dims: number[] = [];
    const copies: number[] = [];
    dimsOf(x).forEach((dim, axis) => {
      const count = repeats[axis] ?? 1;
      if (count !== 1) copies.push(dims.push(count) - 1);
      dims.push(dim);
    });
    if (copies.length === 0) return [dy, null];
    return [b.ReduceSum(reshapedTo(b, dy, dims), copies, { keepdims: 0 }), null];
  },
  cases: [
    { inputs: [[2, 3], list(2, 1)] },
    { inputs: [[2, 1, 3], list(2, 3, 2)] },
    { inputs: [[2], list(1)] },
  ],
};
