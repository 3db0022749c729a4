/** Moving elements on the host, of whatever dtype: what shape arithmetic needs while a graph is built. */
import { allocate } from '../tensor/dtype.js';
import { sizeOf, stridesOf } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';

/** The same elements in another shape. */
export const withDims = (source: Tensor, dims: readonly number[]): Tensor => ({ ...source, dims });

/** A tensor of shape `dims` whose element at each position is `source`'s element at the flat index `from(position)`. */
export function rearrange(
  source: Tensor,
  dims: readonly number[],
  from: (position: readonly number[]) => number,
): Tensor {
  const data = allocate(source.dtype, sizeOf(dims));
  const strides = stridesOf(dims);
  for (let i = 0; i < data.length; i++) {
    const position = strides.map((stride, axis) => Math.floor(i / stride) % (dims[axis] ?? 1));
    (data as unknown[])[i] = source.data[from(position)];
  }
  return { dtype: source.dtype, dims, data };
}

/** Flat index of a position. */
export const flatIndex = (position: readonly number[], strides: readonly number[]): number =>
  position.reduce((index, at, axis) => index + at * (strides[axis] ?? 0), 0);

/** Tensors of one rank joined along `axis`. */
export function joined(parts: readonly Tensor[], axis: number): Tensor | null {
  const [first] = parts;
  if (!first) return null;
  const lengths = parts.map((part) => part.dims[axis] ?? 0);
  const dims = first.dims.with(
    axis,
    lengths.reduce((a, c) => a + c, 0),
  );
  const data = allocate(first.dtype, sizeOf(dims));
  const inner = sizeOf(dims.slice(axis + 1));
  const outer = sizeOf(dims.slice(0, axis));
  let at = 0;
  for (let row = 0; row < outer; row++)
    parts.forEach((part, i) => {
      const run = (lengths[i] ?? 0) * inner;
      for (let j = 0; j < run; j++) (data as unknown[])[at++] = part.data[row * run + j];
    });
  return { dtype: first.dtype, dims, data };
}
