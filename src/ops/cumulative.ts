/** Running sums, and triangles of matrices. */
import { ShapeError } from '../errors.js';
import { formatShape, normalizeAxis } from '../tensor/shape.js';
import { scalar, tensor, toNumbers } from '../tensor/tensor.js';
import { indices } from './cases.js';
import { checkNumber } from './infer.js';
import { type CaseInput, int, type Op } from './op.js';
import { mixedAlong, pointwise } from './receptive-field-rules.js';

/** Attributes of CumSum. */
export interface CumSumAttributes {
  /** 1: an element is not part of its own sum. */
  readonly exclusive: number;
  /** 1: sums run from the end. */
  readonly reverse: number;
}

/** Sums along an axis up to each element. The gradient runs the other way: dx_i = Σ dy_j over the sums that have x_i. */
export const CumSum: Op<['x', 'axis'], CumSumAttributes> = {
  inputs: ['x', 'axis'],
  attributes: { exclusive: int(0), reverse: int(0) },
  infer({ input, constant }) {
    const x = checkNumber(input(0));
    const axis = constant(1);
    if (axis) normalizeAxis(toNumbers(axis)[0] ?? 0, x.shape.length);
    return x;
  },
  field(context) {
    const axis = context.constant(1);
    return axis ? mixedAlong(context, toNumbers(axis)) : 'unknown';
  },
  gradient: ({ b, x: [, axis], dy, attributes: { exclusive, reverse } }) => [
    b.CumSum(dy, axis, { exclusive, reverse: 1 - reverse }),
    null,
  ],
  cases: [
    { inputs: [[4], indices([], [0])] },
    { inputs: [[2, 3], indices([], [1])], attributes: { exclusive: 1 } },
    { inputs: [[2, 3, 2], indices([], [-2])], attributes: { reverse: 1 } },
    {
      inputs: [[3, 2], { fixed: tensor('int32', [1], [0]) }],
      attributes: { exclusive: 1, reverse: 1 },
    },
  ],
};

/** Attributes of Trilu. */
export interface TriluAttributes {
  /** 1 keeps what is above the diagonal, 0 what is below. */
  readonly upper: number;
}

const diagonal = (k: number): CaseInput => ({ fixed: scalar('int64', k) });

/** The last two axes as matrices, with zeros below (or above) the k-th diagonal. The gradient is cut in the same way. */
export const Trilu: Op<['input', 'k?'], TriluAttributes> = {
  inputs: ['input', 'k?'],
  attributes: { upper: int(1) },
  infer({ input }) {
    const { shape } = input(0);
    if (shape.length < 2)
      throw new ShapeError(`input must be matrices, got ${formatShape(shape)}`, { actual: shape });
    return input(0);
  },
  field: pointwise,
  gradient: ({ b, x: [, k], dy, attributes }) => [b.Trilu(dy, k, { ...attributes }), null],
  cases: [
    { inputs: [[3, 3]] },
    { inputs: [[2, 3, 4], diagonal(1)] },
    { inputs: [[4, 3], diagonal(-1)], attributes: { upper: 0 } },
    { inputs: [[2, 2], diagonal(5)] },
  ],
};
