/** Small pieces of graph that several gradient rules emit. */
import { GradientError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import type { DType } from '../tensor/dtype.js';
import { sameShape } from '../tensor/shape.js';
import { type Tensor, toNumbers, zeros } from '../tensor/tensor.js';
import type { Builder } from './builder.js';

/** `x` in the shape `dims`; no node where it has that shape. */
export function reshapedTo(b: Builder, x: Value, dims: readonly number[]): Value {
  if (sameShape(x.shape, dims)) return x;
  // A zero in the list would mean "as in the input" otherwise.
  return b.Reshape(x, dims, dims.includes(0) ? { allowzero: 1 } : {});
}

/** What `x` was before it was given its shape: another Reshape may come to stand in the place of the last one. */
export function unshaped(b: Builder, x: Value): Value {
  const node = b.producer(x);
  return node?.op === 'Reshape' ? unshaped(b, b.value(node.inputs[0] ?? '')) : x;
}

/** Zeros, made when the graph runs: a constant of this size would be stored with the graph. */
export function zerosOf(b: Builder, dtype: DType, dims: readonly number[]): Value {
  return b.ConstantOfShape(dims, { value: zeros(dtype, [1]) });
}

/** `x` with zeros around it, or with its rim cut off where a number is negative. */
export function padded(
  b: Builder,
  x: Value,
  before: readonly number[],
  after: readonly number[],
): Value {
  return [...before, ...after].every((count) => count === 0) ? x : b.Pad(x, [...before, ...after]);
}

/** Numbers that a gradient rule needs at hand. @throws GradientError where they are computed by the graph. */
export function knownNumbers(data: Tensor | null, what: string): number[] {
  if (data) return toNumbers(data);
  throw new GradientError(
    `the gradient needs ${what} before the run, but the graph computes it. Make it a constant.`,
  );
}
