/** The product over axes, whose gradient must not divide by the elements: some may be zero. */
import { internal } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { list } from './cases.js';
import { dimsOf } from './dims.js';
import { reshapedTo } from './emit.js';
import { type Reduced, reduction } from './reduce.js';

/**
 * dx is dy times the product of the other elements. Those products are found without a division, in log2(n)
 * levels that hold 2n elements together, so that they, and their own derivatives, are right where elements are
 * zero.
 */
function gradient({ b, x, dy, axes, count }: Reduced): Value {
  if (count === 1) return dy;
  const dims = dimsOf(x);
  const kept = dims.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const perm = [...kept, ...axes];
  const isInOrder = perm.every((axis, i) => axis === i);
  const moved = isInOrder ? x : b.Transpose(x, { perm });
  const rows = reshapedTo(b, moved, [sizeOf(kept.map((axis) => dims[axis] ?? 1)), count]);
  const others = reshapedTo(b, productOfOthers(b, rows), dimsOf(moved));
  const back = perm.map((_, axis) => perm.indexOf(axis));
  return b.Mul(isInOrder ? others : b.Transpose(others, { perm: back }), dy);
}

/**
 * For each element of a row, the product of the others. The row is cut into two halves (and the odd element
 * left over): an element's others are its partner in the other half, and the other pairs, whose products
 * are a row of half the length.
 * @param x float (rows, n) with n > 1
 */
function productOfOthers(b: Builder, x: Value): Value {
  const [, n = 1] = dimsOf(x);
  const half = Math.floor(n / 2);
  const [low, high, rest] = cut(b, x, n % 2 === 0 ? [half, half] : [half, half, 1]);
  if (!low || !high) return internal('ReduceProd: Split gave no halves');
  if (n === 2) return b.Concat(high, low, { axis: 1 });
  const pairs = b.Mul(low, high);
  const row = rest ? b.Concat(pairs, rest, { axis: 1 }) : pairs;
  const outer = productOfOthers(b, row);
  const [outerPairs = outer, outerRest] = rest ? cut(b, outer, [half, 1]) : [];
  const products = [b.Mul(outerPairs, high), b.Mul(outerPairs, low)];
  return b.Concat(...products, ...(outerRest ? [outerRest] : []), { axis: 1 });
}

const cut = (b: Builder, x: Value, sizes: readonly number[]): Value[] =>
  b.node('Split', [x, sizes], { axis: 1 }, { count: sizes.length });

export const ReduceProd = reduction({
  gradient,
  input: { shape: [2, 3, 2], kinks: [0] },
  cases: [
    { inputs: [{ shape: [2, 5], range: [0.5, 1.5] }, list(1)] },
    { inputs: [{ shape: [7, 2], range: [0.5, 1.5] }, list(0)], attributes: { keepdims: 0 } },
    { inputs: [{ shape: [1, 3] }, list(0)] },
    // All elements zero: the check moves one or two of them off it.
    { inputs: [{ shape: [2, 2], range: [0, 0] }, list(1)] },
    { inputs: [{ shape: [2, 3], range: [0, 0] }, list(1)] },
  ],
});
