/**
 * ValueInfoProto <-> ValueInfo. The original is kept where ours says less than it did (a sequence, a denotation,
 * a doc string), and goes back as it was as long as dtype and shape are still the ones that were read.
 */
import { create } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import type { ValueInfo } from '../graph/graph.js';
import type { DType } from '../tensor/dtype.js';
import type { Dim, Shape } from '../tensor/shape.js';
import { dataTypeOf, dtypeOf } from './dtypes.js';
import {
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './generated/onnx_pb.js';
import { keptAs, sameMessage, startFrom } from './kept.js';

/** Names for dimensions that have none: `?1`, `?2` … No name of this form is ever written. */
export type NameDims = () => string;

const nameless = /^\?\d+$/;

/** A counter that starts at `?1`: one for each file, so that no two unknown dimensions look equal. */
export function dimNames(): NameDims {
  let count = 0;
  return () => `?${++count}`;
}

/**
 * An input, output or inner value as the file states it; dtype and shape are null where they are absent or of
 * no kind that Espalier models. Dimensions below 0, which some writers use for "unknown", get a name.
 * @throws ModelError for a dimension beyond 2^53.
 */
export function readValueInfo(proto: ValueInfoProto, nameDim: NameDims): ValueInfo {
  const { name } = proto;
  const tensor = proto.type?.value.case === 'tensorType' ? proto.type.value.value : null;
  const info = {
    name,
    dtype: tensor === null ? null : dtypeOf(tensor.elemType),
    shape: tensor?.shape?.dim.map((dim) => readDim(dim, name, nameDim)) ?? null,
  };
  const lossless = sameMessage(ValueInfoProtoSchema, proto, writeValueInfo(info));
  return lossless ? info : { ...info, kept: proto };
}

/** A value with its type, and with what was kept of the file that it came from. */
export function writeValueInfo(info: ValueInfo): ValueInfoProto {
  const kept = keptAs(ValueInfoProtoSchema, info.kept);
  const proto = startFrom(ValueInfoProtoSchema, kept);
  proto.name = info.name;
  if (kept !== null && isUnchanged(kept, info)) return proto;
  if (info.dtype === null && info.shape === null) return proto;
  const tensor = create(TypeProto_TensorSchema);
  if (info.dtype !== null) tensor.elemType = dataTypeOf(info.dtype);
  if (info.shape !== null)
    tensor.shape = create(TensorShapeProtoSchema, { dim: info.shape.map(writeDim) });
  proto.type = startFrom(TypeProtoSchema, kept?.type ?? null);
  proto.type.value = { case: 'tensorType', value: tensor };
  return proto;
}

function readDim(dim: TensorShapeProto_Dimension, name: string, nameDim: NameDims): Dim {
  const { value } = dim;
  if (value.case === 'dimParam')
    return value.value === '' || nameless.test(value.value) ? nameDim() : value.value;
  if (value.case === undefined || value.value < 0n) return nameDim();
  if (value.value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ModelError(`readModel: value "${name}" has the invalid dimension ${value.value}`);
  return Number(value.value);
}

function writeDim(dim: Dim): TensorShapeProto_Dimension {
  if (typeof dim === 'number')
    return create(TensorShapeProto_DimensionSchema, {
      value: { case: 'dimValue', value: BigInt(dim) },
    });
  if (nameless.test(dim)) return create(TensorShapeProto_DimensionSchema);
  return create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: dim } });
}

/** Whether `info` still says what was read from `kept`. */
function isUnchanged(kept: ValueInfoProto, info: ValueInfo): boolean {
  const tensor = kept.type?.value.case === 'tensorType' ? kept.type.value.value : null;
  const dtype: DType | null = tensor === null ? null : dtypeOf(tensor.elemType);
  if (dtype !== info.dtype) return false;
  let count = 0;
  const shape: Shape | null =
    tensor?.shape?.dim.map((dim) => readDim(dim, info.name, () => `?${count++}`)) ?? null;
  if (shape === null || info.shape === null) return shape === info.shape;
  return (
    shape.length === info.shape.length &&
    shape.every(
      (dim, i) => dim === info.shape?.[i] || (isNameless(dim) && isNameless(info.shape?.[i])),
    )
  );
}

function isNameless(dim: Dim | undefined): boolean {
  return typeof dim === 'string' && nameless.test(dim);
}
