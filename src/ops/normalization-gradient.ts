/** The gradient that layer, instance and group normalization share. */
import { internal } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { dimsOf } from './dims.js';

/** A value with mean 0 and variance 1 over some axes, and what it was multiplied by. */
export interface Standard {
  /** x̂ = (x - Mean) InvStdDev, of the shape of x. */
  readonly x: Value;
  /** InvStdDev, with 1 in the place of the normalized axes. */
  readonly inverse: Value;
}

/**
 * dx from g, the gradient by x̂: with means over the normalized axes, dx = InvStdDev (g - mean g - x̂ mean(g x̂)).
 * Sums of whole rows are small; only the last line makes passes over x.
 * @param statistics gradients by Mean and by InvStdDev, where there are any
 */
export function gradientOfStandard(
  b: Builder,
  axes: readonly number[],
  { x, inverse }: Standard,
  g: Value | null,
  [dMean, dInverse]: readonly (Value | null | undefined)[] = [],
): Value {
  const share = 1 / sizeOf(axes.map((axis) => dimsOf(x)[axis] ?? 1));
  const mean = (value: Value): Value => b.Mul(b.ReduceSum(value, axes, { keepdims: 1 }), share);
  const total = (...terms: (Value | null | undefined)[]): Value | null =>
    terms.reduce<Value | null>(
      (sum, term) => (sum && term ? b.Add(sum, term) : sum || term || null),
      null,
    );
  const slope = total(
    g && b.Mul(inverse, mean(b.Mul(g, x))),
    dInverse && b.Mul(b.Mul(inverse, inverse), b.Mul(dInverse, share)),
  );
  const shift = total(g && b.Neg(b.Mul(inverse, mean(g))), dMean && b.Mul(dMean, share));
  const dx = total(g && b.Mul(g, inverse), shift, slope && b.Mul(x, b.Neg(slope)));
  return dx ?? internal('a normalization has a gradient without one of its outputs');
}
