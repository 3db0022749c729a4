/** External data: where a tensor's bytes lie in another file, and how they come into the model. */
import { clearField } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import {
  type ModelProto,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from './generated/onnx_pb.js';
import { keptAs } from './kept.js';
import { rawBytesOf } from './read-tensor.js';

/**
 * Gives `length` bytes of the file `location` from `offset` on; to its end where `length` is undefined.
 * `location` is as the model states it and not to be trusted.
 */
export type ReadExternal = (
  location: string,
  offset: number,
  length: number | undefined,
) => Uint8Array;

/**
 * Brings the external data of every tensor into the model, wherever the tensor is (initializers, attributes,
 * functions, training graphs), so that the rest of the reader knows only tensors that hold their own bytes.
 * @throws ModelError where a tensor is external and `read` is undefined, or its entries make no sense.
 */
export function inlineExternal(model: ModelProto, read: ReadExternal | undefined): void {
  visitTensors(model, (tensor) => {
    if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL) return;
    const where = `tensor "${tensor.name}"`;
    const entries = Object.fromEntries(
      tensor.externalData.map(({ key, value }) => [key, value] as const),
    );
    const { location } = entries;
    if (location === undefined || location === '')
      throw new ModelError(`readModel: ${where} has external data without a location`);
    if (read === undefined)
      throw new ModelError(
        `readModel: ${where} keeps its data in the file "${location}". Read the model with readModelFile, or give the option "external".`,
        { path: location },
      );
    const offset = readCount(entries.offset, 'offset', where) ?? 0;
    const length = readCount(entries.length, 'length', where);
    const bytes = read(location, offset, length ?? rawBytesOf(tensor, where) ?? undefined);
    if (length !== undefined && bytes.length !== length)
      throw new ModelError(
        `readModel: ${where} takes ${length} bytes of "${location}", got ${bytes.length}`,
        { path: location, expected: length, actual: bytes.length },
      );
    tensor.rawData = bytes;
    tensor.externalData = [];
    clearField(tensor, TensorProtoSchema.field.dataLocation);
  });
}

function readCount(text: string | undefined, key: string, where: string): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(count))
    throw new ModelError(`readModel: ${where} has the invalid external ${key} "${text}"`);
  return count;
}

/** Calls `visit` with every TensorProto inside `value`: messages, lists of messages and oneofs are walked. */
function visitTensors(value: unknown, visit: (tensor: TensorProto) => void): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  const tensor = keptAs(TensorProtoSchema, value);
  if (tensor !== null) visit(tensor);
  else if (!Array.isArray(value) || typeof value[0] === 'object')
    for (const inner of Object.values(value)) visitTensors(inner, visit);
}
