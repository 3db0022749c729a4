/** The element types of ONNX tensors and the arrays that hold them. */
import { OperatorError } from '../errors.js';

/**
 * dtype -> array. `float16` and `bfloat16` hold their bit patterns (see `float16.ts`); `bool` holds 0 or 1.
 */
export interface DTypeMap {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
  string: string[];
}

export type DType = keyof DTypeMap;

/** dtypes that a gradient can have. */
export function isFloat(dtype: DType): dtype is 'float32' | 'float64' | 'float16' | 'bfloat16' {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

/** Bytes of one element; `string` has none. */
export function bytesPerElement(dtype: DType): number {
  if (dtype === 'string') throw new OperatorError('unsupported dtype string: it has no fixed size');
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** A zeroed array for `size` elements. */
export function allocate<T extends DType>(dtype: T, size: number): DTypeMap[T] {
  const made: unknown =
    dtype === 'string'
      ? new Array<string>(size).fill('')
      : new constructors[dtype as Exclude<T, 'string'>](size);
  return made as DTypeMap[T];
}

/** A view on `bytes` (little-endian, as ONNX and safetensors store them), copied where alignment asks for it. */
export function viewBytes<T extends Exclude<DType, 'string'>>(
  dtype: T,
  bytes: Uint8Array,
): DTypeMap[T] {
  const Constructor = constructors[dtype as Exclude<DType, 'string'>];
  const size = bytes.byteLength / Constructor.BYTES_PER_ELEMENT;
  const aligned =
    bytes.byteOffset % Constructor.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  const view: unknown = new Constructor(aligned.buffer as ArrayBuffer, aligned.byteOffset, size);
  return view as DTypeMap[T];
}
