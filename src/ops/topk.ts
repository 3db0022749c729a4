/** The largest or smallest elements along an axis. */
import { ShapeError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { type Dim, normalizeAxis } from '../tensor/shape.js';
import { toNumbers } from '../tensor/tensor.js';
import { list } from './cases.js';
import { dimsOf, nameOf } from './dims.js';
import { zerosOf } from './emit.js';
import { checkNumber } from './infer.js';
import { int, type Op } from './op.js';

/** Attributes of TopK. */
export interface TopKAttributes {
  readonly axis: number;
  readonly largest: number;
  /** Whether the elements come in their order; else in any. */
  readonly sorted: number;
}

/** The gradient of each value goes to the place that it came from. */
export const TopK: Op<['X', 'K'], TopKAttributes> = {
  inputs: ['X', 'K'],
  outputs: ['Values', 'Indices'],
  attributes: { axis: int(-1), largest: int(1), sorted: int(1) },
  infer({ input, constant, attributes }) {
    const { dtype, shape } = checkNumber(input(0));
    const axis = normalizeAxis(attributes.axis, shape.length);
    const known = constant(1);
    const k: Dim = known ? (toNumbers(known)[0] ?? 0) : nameOf(input(1));
    const dim = shape[axis];
    if (typeof k === 'number' && (k < 0 || (typeof dim === 'number' && k > dim)))
      throw new ShapeError(`K must be from 0 to the ${dim} elements of axis ${axis}, got ${k}`, {
        actual: k,
      });
    const chosen = shape.with(axis, k);
    return [
      { dtype, shape: chosen },
      { dtype: 'int64', shape: chosen },
    ];
  },
  gradient({ b, x: [x, k], ys, dys: [dy], attributes }) {
    if (!dy) return [null, null];
    const at = ys[1] ?? (b.node('TopK', [x, k], { ...attributes })[1] as Value);
    const axis = normalizeAxis(attributes.axis, x.shape.length);
    const zeros = zerosOf(b, dy.dtype, dimsOf(x));
    return [b.ScatterElements(zeros, at, dy, { axis }), null];
  },
  cases: [
    { inputs: [[5], list(3)], outputs: 2 },
    { inputs: [[4, 3], list(2)], attributes: { axis: 0 }, outputs: 2 },
    { inputs: [[2, 5, 2], list(2)], attributes: { axis: -2, largest: 0 }, outputs: 2 },
    { inputs: [[3, 4], list(4)], attributes: { sorted: 0 }, outputs: 2 },
  ],
};
