/** Element-wise arithmetic on the host, for the shape arithmetic of exported models: int64, float32 and bool only. */
import { allocate, type DType } from '../tensor/dtype.js';
import { broadcastShapes, type Dim, sizeOf, stridesOf } from '../tensor/shape.js';
import { hasDType, type Tensor } from '../tensor/tensor.js';
import { flatIndex, rearrange } from './rearrange.js';

type Element = number | bigint;
type Evaluate = (inputs: readonly Tensor[]) => Tensor | null;

const known = (tensor: Tensor): boolean =>
  tensor.dtype === 'int64' || tensor.dtype === 'float32' || tensor.dtype === 'bool';

/** `f` of the elements of tensors broadcast together; null for a dtype that shape arithmetic does not use. */
export function zip(
  dtype: DType,
  inputs: readonly Tensor[],
  f: (...elements: Element[]) => Element | boolean,
): Tensor | null {
  return inputs.every(known) ? zipAny(dtype, inputs, f) : null;
}

function zipAny<E>(
  dtype: DType,
  inputs: readonly Tensor[],
  f: (...elements: E[]) => unknown,
): Tensor {
  const dims = broadcastShapes(...inputs.map((input) => input.dims)) as number[];
  const operands = inputs.map((input) => stretched(input, dims).data as unknown as ArrayLike<E>);
  const data = allocate(dtype, sizeOf(dims));
  for (let i = 0; i < data.length; i++)
    (data as unknown[])[i] = f(...operands.map((operand) => operand[i] as E));
  return { dtype, dims, data };
}

/** `input` written out in the shape that it broadcasts to. */
function stretched(input: Tensor, dims: readonly number[]): Tensor {
  const strides = stridesOf(input.dims).map((stride, axis) =>
    input.dims[axis] === 1 ? 0 : stride,
  );
  const offset = dims.length - strides.length;
  return rearrange(input, dims, (position) => flatIndex(position.slice(offset), strides));
}

/**
 * A function of two operands of one dtype: by numbers for float32, by bigints for int64, and by `dims` where int64
 * dimensions have only names (then as strings; null is unknown).
 */
export const evaluatePair =
  (
    float: (a: number, b: number) => number,
    int: (a: bigint, b: bigint) => bigint,
    dims: (a: Dim, b: Dim) => Dim | null = () => null,
  ): Evaluate =>
  ([a, b]) => {
    if (!a || !b || a.dtype !== b.dtype || a.dtype === 'bool') return null;
    if (a.dtype === 'string') return pairDims([a, b], int, dims);
    const f = a.dtype === 'int64' ? int : float;
    return zip(a.dtype, [a, b], f as (...elements: Element[]) => Element);
  };

function pairDims(
  inputs: readonly Tensor[],
  int: (a: bigint, b: bigint) => bigint,
  dims: (a: Dim, b: Dim) => Dim | null,
): Tensor | null {
  let unknown = false;
  const result = zipAny<string>('string', inputs, (...pair) => {
    const [a = 0, b = 0] = pair.map((text) => (/^-?\d+$/.test(text) ? Number(text) : text));
    if (typeof a === 'number' && typeof b === 'number') return `${int(BigInt(a), BigInt(b))}`;
    const combined = dims(a, b);
    unknown ||= combined === null;
    return `${combined}`;
  });
  return unknown ? null : result;
}

/** A function of one float32. */
export const evaluateEach =
  (f: (x: number) => number): Evaluate =>
  ([x]) =>
    x && hasDType(x, 'float32') ? { ...x, data: x.data.map(f) } : null;
