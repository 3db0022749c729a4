/** Our dtypes and the numbers that ONNX gives them, with the typed field that may hold each. */
import type { DType } from '../tensor/dtype.js';
import { TensorProto_DataType as DataType, type TensorProto } from './generated/onnx_pb.js';

/** The largest size of a protobuf message, in bytes. */
export const maximumMessageBytes = 2 ** 31 - 1;

type TypedField =
  | 'floatData'
  | 'doubleData'
  | 'int32Data'
  | 'int64Data'
  | 'uint64Data'
  | 'stringData';

const table: Readonly<Record<DType, { code: number; field: TypedField & keyof TensorProto }>> = {
  float32: { code: DataType.FLOAT, field: 'floatData' },
  float64: { code: DataType.DOUBLE, field: 'doubleData' },
  float16: { code: DataType.FLOAT16, field: 'int32Data' },
  bfloat16: { code: DataType.BFLOAT16, field: 'int32Data' },
  int8: { code: DataType.INT8, field: 'int32Data' },
  uint8: { code: DataType.UINT8, field: 'int32Data' },
  int16: { code: DataType.INT16, field: 'int32Data' },
  uint16: { code: DataType.UINT16, field: 'int32Data' },
  int32: { code: DataType.INT32, field: 'int32Data' },
  uint32: { code: DataType.UINT32, field: 'uint64Data' },
  int64: { code: DataType.INT64, field: 'int64Data' },
  uint64: { code: DataType.UINT64, field: 'uint64Data' },
  bool: { code: DataType.BOOL, field: 'int32Data' },
  string: { code: DataType.STRING, field: 'stringData' },
};

const byCode = new Map(
  Object.entries(table).map(([dtype, { code }]) => [code, dtype as DType] as const),
);

/** ONNX `TensorProto.DataType` -> dtype; null for one that Espalier does not model (float8, int4, complex …). */
export function dtypeOf(code: number): DType | null {
  return byCode.get(code) ?? null;
}

/** dtype -> ONNX `TensorProto.DataType`. */
export function dataTypeOf(dtype: DType): number {
  return table[dtype].code;
}

/** The field of TensorProto that holds elements of `dtype` where `raw_data` does not. */
export function typedFieldOf(dtype: DType): TypedField {
  return table[dtype].field;
}

/** `FLOAT8E4M3FN` for 17; the number itself where ONNX has no such type. */
export function dataTypeName(code: number): string {
  return Object.entries(DataType).find(([, value]) => value === code)?.[0] ?? `type ${code}`;
}
