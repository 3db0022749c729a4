/** Element-wise arithmetic on the host, for the shape arithmetic of exported models: int64, float32 and bool only. */
import { allocate, type DType } from '../tensor/dtype.js';
import { broadcastShapes, sizeOf, stridesOf } from '../tensor/shape.js';
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
  if (!inputs.every(known)) return null;
  const dims = broadcastShapes(...inputs.map((input) => input.dims)) as number[];
  const operands = inputs.map((input) => stretched(input, dims).data as ArrayLike<Element>);
  const data = allocate(dtype, sizeOf(dims));
  for (let i = 0; i < data.length; i++)
    (data as unknown[])[i] = f(...operands.map((operand) => operand[i] as Element));
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

/** A function of two operands of one dtype: by numbers for float32, by bigints for int64. */
export const evaluatePair =
  (float: (a: number, b: number) => number, int: (a: bigint, b: bigint) => bigint): Evaluate =>
  ([a, b]) => {
    if (!a || !b || a.dtype !== b.dtype || a.dtype === 'bool') return null;
    const f = a.dtype === 'int64' ? int : float;
    return zip(a.dtype, [a, b], f as (...elements: Element[]) => Element);
  };

/** A function of one float32. */
export const evaluateEach =
  (f: (x: number) => number): Evaluate =>
  ([x]) =>
    x && hasDType(x, 'float32') ? { ...x, data: x.data.map(f) } : null;
