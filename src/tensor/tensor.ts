/** Host tensors: a dtype, dimensions and a flat row-major array. Data only, no arithmetic. */
import { ShapeError } from '../errors.js';
import { allocate, type DType, type DTypeMap } from './dtype.js';
import { float32ToBfloat16, float32ToFloat16 } from './float16.js';
import { formatShape, sizeOf } from './shape.js';

/** A dense row-major array. `data.length` is the product of `dims`. */
export interface Tensor<T extends DType = DType> {
  readonly dtype: T;
  readonly dims: readonly number[];
  readonly data: DTypeMap[T];
}

/** A value from a plain list; `int64` and `uint64` take numbers too. */
export function tensor<T extends DType>(
  dtype: T,
  dims: readonly number[],
  data: DTypeMap[T] | readonly (number | bigint | string)[],
): Tensor<T> {
  if (data.length !== sizeOf(dims))
    throw new ShapeError(
      `tensor: shape ${formatShape(dims)} holds ${sizeOf(dims)} elements, got ${data.length}`,
      { expected: dims, actual: data.length },
    );
  if (!Array.isArray(data)) return { dtype, dims, data: data as DTypeMap[T] };
  const array = allocate(dtype, data.length);
  const wide = dtype === 'int64' || dtype === 'uint64';
  data.forEach((value, i) => {
    (array as unknown[])[i] = wide ? BigInt(value) : value;
  });
  return { dtype, dims, data: array };
}

export function zeros<T extends DType>(dtype: T, dims: readonly number[]): Tensor<T> {
  return { dtype, dims, data: allocate(dtype, sizeOf(dims)) };
}

/** A rank-0 tensor; of the 16-bit floats the one nearest to the number `value`, not the one of these bits. */
export function scalar<T extends DType>(dtype: T, value: number | bigint | string): Tensor<T> {
  if (dtype === 'float16' || dtype === 'bfloat16') {
    const narrow = dtype === 'float16' ? float32ToFloat16 : float32ToBfloat16;
    return tensor(dtype, [], narrow(Float32Array.of(Number(value))) as DTypeMap[T]);
  }
  return tensor(dtype, [], [value]);
}

/** The elements as numbers, int64 included. */
export function toNumbers(value: Tensor): number[] {
  return Array.from(value.data as ArrayLike<number | bigint | string>, Number);
}

/** Whether `value` has this dtype, for TypeScript to know. */
export function hasDType<T extends DType>(value: Tensor, dtype: T): value is Tensor<T> {
  return value.dtype === (dtype as DType);
}
