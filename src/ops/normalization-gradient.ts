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
 * What the statistics add goes into the means, which are small: four passes over x, and the two means.
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
  const mean = (value: Value): Value => b.ReduceMean(value, axes, { keepdims: 1 });
  // d InvStdDev / dx = -InvStdDev² x̂ / n, and d Mean / dx = 1 / n.
  const bend = dInverse ? b.Mul(inverse, b.Mul(dInverse, share)) : null;
  const shift = dMean ? b.Mul(dMean, share) : null;
  if (g) {
    const slope = mean(b.Mul(g, x));
    const level = mean(g);
    const turned = b.Sub(g, b.Mul(x, bend ? b.Add(slope, bend) : slope));
    return b.Mul(b.Sub(turned, shift ? b.Sub(level, b.Div(shift, inverse)) : level), inverse);
  }
  const bent = bend ? b.Neg(b.Mul(x, b.Mul(inverse, bend))) : null;
  const dx = bent && shift ? b.Add(bent, shift) : (bent ?? shift);
  return dx ?? internal('a normalization has a gradient without one of its outputs');
}
