/** Host tensor -> TensorProto: raw bytes for every numeric dtype, in the model or in a file beside it. */
import { create } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import { formatShape, sizeOf } from '../tensor/shape.js';
import { hasDType, type Tensor } from '../tensor/tensor.js';
import { dataTypeOf, maximumMessageBytes } from './dtypes.js';
import {
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from './generated/onnx_pb.js';
import { startFrom } from './kept.js';

/** What one write gathers: the size so far, and the tensors that go into the other file, if there is one. */
export interface WriteState {
  readonly irVersion: number;
  /** Bytes of tensors inside the model. */
  inlineBytes: number;
  readonly external: ExternalFile | null;
}

/** The file beside the model. */
export interface ExternalFile {
  readonly location: string;
  /** Smaller tensors stay in the model. */
  readonly minimumBytes: number;
  readonly parts: { readonly offset: number; readonly bytes: Uint8Array }[];
  /** Where the next part may start. */
  size: number;
}

/**
 * The wire format of `tensor`. `shell` is what was kept of the file's own record. `mayMove` allows the data to go
 * into the other file.
 * @throws ModelError where `data` does not match `dims`, or the model grows beyond 2 GB.
 */
export function writeTensor(
  name: string,
  tensor: Tensor,
  shell: TensorProto | null,
  state: WriteState,
  mayMove: boolean,
): TensorProto {
  if (tensor.data.length !== sizeOf(tensor.dims))
    throw new ModelError(
      `writeModel: tensor "${name}" is ${formatShape(tensor.dims)}, got ${tensor.data.length} elements`,
      { expected: tensor.dims, actual: tensor.data.length },
    );
  const proto = startFrom(TensorProtoSchema, shell);
  if (name !== '') proto.name = name;
  proto.dims = tensor.dims.map(BigInt);
  proto.dataType = dataTypeOf(tensor.dtype);
  const bytes = bytesOf(tensor);
  if (bytes === null) {
    const encoder = new TextEncoder();
    proto.stringData = hasDType(tensor, 'string')
      ? tensor.data.map((text) => encoder.encode(text))
      : [];
  } else if (mayMove && state.external !== null && bytes.length >= state.external.minimumBytes)
    moveOut(proto, bytes, state.external);
  else proto.rawData = bytes;
  countBytes(proto, state);
  return proto;
}

/** The little-endian bytes of a numeric tensor, not copied; null for strings. */
function bytesOf(tensor: Tensor): Uint8Array | null {
  if (Array.isArray(tensor.data)) return null;
  const { buffer, byteOffset, byteLength } = tensor.data;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function moveOut(proto: TensorProto, bytes: Uint8Array, file: ExternalFile): void {
  // Readers map large tensors into memory, on Windows at multiples of 64 KiB (ONNX docs/ExternalData.md).
  const alignment = bytes.length >= 2 ** 20 ? 65536 : 64;
  const offset = Math.ceil(file.size / alignment) * alignment;
  file.parts.push({ offset, bytes });
  file.size = offset + bytes.length;
  proto.dataLocation = TensorProto_DataLocation.EXTERNAL;
  proto.externalData = Object.entries({
    location: file.location,
    offset: String(offset),
    length: String(bytes.length),
  }).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
}

function countBytes(proto: TensorProto, state: WriteState): void {
  state.inlineBytes += proto.rawData.length;
  for (const text of proto.stringData) state.inlineBytes += text.length;
  assertWritable(state.inlineBytes);
}

/** @throws ModelError where a protobuf message cannot be as large as `bytes`. */
export function assertWritable(bytes: number): void {
  if (bytes > maximumMessageBytes)
    throw new ModelError(
      `writeModel: model too large: a single ONNX file holds at most 2 GB, got more than ${(bytes / 1e9).toFixed(2)} GB. Write it with external data (writeModelWithExternalData).`,
      { expected: maximumMessageBytes, actual: bytes },
    );
}
