/** What a TensorProto says beyond dtype, dims and elements: name, doc string, metadata, unknown fields. */
import { clearField } from '@bufbuild/protobuf';
import { type TensorProto, TensorProtoSchema } from './generated/onnx_pb.js';
import { isBare } from './kept.js';

/** Empties `proto` of what a host tensor holds and returns it; null where nothing is left. */
export function tensorShell(proto: TensorProto): TensorProto | null {
  for (const field of ['dataType', 'rawData', 'dataLocation'] as const)
    clearField(proto, TensorProtoSchema.field[field]);
  Object.assign(proto, {
    dims: [],
    floatData: [],
    int32Data: [],
    stringData: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    externalData: [],
  });
  return isBare(TensorProtoSchema, proto) ? null : proto;
}

/** Whether `proto` is such a shell and not a whole tensor that Espalier does not model. */
export function isShell(proto: TensorProto): boolean {
  return proto.dataType === 0 && proto.dims.length === 0;
}
