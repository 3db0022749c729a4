/** TensorProto -> host tensor, from `raw_data` or from whichever typed field ONNX prescribes. */
import { ModelError } from '../errors.js';
import { bytesPerElement, type DType, type DTypeMap, viewBytes } from '../tensor/dtype.js';
import { formatShape, sizeOf } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import { dtypeOf, typedFieldOf } from './dtypes.js';
import { type TensorProto, TensorProto_DataLocation } from './generated/onnx_pb.js';

/**
 * The tensor that `proto` holds; `data` may be a view on the file's bytes. Null for what Espalier does not model:
 * a dtype such as float8 or complex64, a segment of a tensor, strings that are not UTF-8.
 * @param where names the tensor in errors, for example `initializer "w"`.
 * @throws ModelError where the number of elements or bytes is not the one that `dims` ask for.
 */
export function readTensor(proto: TensorProto, where: string): Tensor | null {
  const dtype = dtypeOf(proto.dataType);
  if (dtype === null || proto.segment !== undefined) return null;
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL)
    throw new ModelError(`readModel: ${where} has external data, which a ${dtype} cannot have`);
  const dims = proto.dims.map((dim) => readDim(dim, where));
  const size = sizeOf(dims);
  const data =
    dtype !== 'string' && (proto.rawData.length > 0 || proto[typedFieldOf(dtype)].length === 0)
      ? fromRaw(dtype, proto.rawData, dims, where)
      : fromTyped(dtype, proto);
  if (data === null) return null;
  if (data.length !== size) throw wrongSize(where, dtype, dims, size, data.length, 'elements');
  return { dtype, dims, data };
}

/** Bytes that a tensor's raw data take; null where the dtype is not modelled or has no fixed size. */
export function rawBytesOf(proto: TensorProto, where: string): number | null {
  const dtype = dtypeOf(proto.dataType);
  if (dtype === null || dtype === 'string') return null;
  return sizeOf(proto.dims.map((dim) => readDim(dim, where))) * bytesPerElement(dtype);
}

function readDim(dim: bigint, where: string): number {
  if (dim < 0n || dim > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ModelError(`readModel: ${where} has the invalid dimension ${dim}`);
  return Number(dim);
}

function fromRaw(
  dtype: Exclude<DType, 'string'>,
  raw: Uint8Array,
  dims: readonly number[],
  where: string,
): DTypeMap[DType] {
  const wanted = sizeOf(dims) * bytesPerElement(dtype);
  if (raw.length !== wanted) throw wrongSize(where, dtype, dims, wanted, raw.length, 'bytes');
  // A plain Uint8Array: the slice of a Node Buffer is no copy, and would not be aligned.
  const data = viewBytes(dtype, new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength));
  // Some writers store `true` as 255; ours is 1.
  if (dtype === 'bool' && (data as Uint8Array).some((value) => value > 1))
    return Uint8Array.from(data as Uint8Array, (value) => (value === 0 ? 0 : 1));
  return data;
}

function fromTyped(dtype: DType, proto: TensorProto): DTypeMap[DType] | null {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(proto.floatData);
    case 'float64':
      return Float64Array.from(proto.doubleData);
    case 'int64':
      return BigInt64Array.from(proto.int64Data);
    case 'uint64':
      return BigUint64Array.from(proto.uint64Data);
    case 'uint32':
      return Uint32Array.from(proto.uint64Data, Number);
    case 'string':
      return decodeStrings(proto.stringData);
    case 'int32':
      return Int32Array.from(proto.int32Data);
    case 'int16':
      return Int16Array.from(proto.int32Data);
    case 'int8':
      return Int8Array.from(proto.int32Data);
    case 'uint8':
      return Uint8Array.from(proto.int32Data);
    case 'bool':
      return Uint8Array.from(proto.int32Data, (value) => (value === 0 ? 0 : 1));
    case 'uint16':
    case 'float16':
    case 'bfloat16':
      return Uint16Array.from(proto.int32Data);
  }
}

/** UTF-8 -> strings; null where one is not UTF-8, since to decode it would change it. */
export function decodeStrings(values: readonly Uint8Array[]): string[] | null {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return values.map((value) => decoder.decode(value));
  } catch {
    return null;
  }
}

function wrongSize(
  where: string,
  dtype: DType,
  dims: readonly number[],
  expected: number,
  actual: number,
  unit: string,
): ModelError {
  return new ModelError(
    `readModel: ${where} is ${dtype} ${formatShape(dims)}, which takes ${expected} ${unit}, got ${actual}: the file is damaged`,
    { expected, actual },
  );
}
