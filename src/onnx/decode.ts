/**
 * Bytes -> ModelProto, with everything that is not an ONNX file turned away. The protobuf library trusts wire
 * types and the lengths of nested messages, so a walk over the structure checks them before it decodes.
 */
import {
  type DescField,
  type DescMessage,
  fromBinary,
  isFieldSet,
  ScalarType,
} from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ModelError } from '../errors.js';
import { recognizeFormat } from './foreign-formats.js';
import { type ModelProto, ModelProtoSchema } from './generated/onnx_pb.js';

/** The protobuf library's limit too. */
const maximumDepth = 100;
/**
 * Fields in one file, and integers in its packed lists. Each becomes an object or a number many times its size in the
 * file; weights are bytes and do not count. The largest models of record have a tenth of it.
 */
const maximumFields = 2 ** 22;
const maximumIntegers = 2 ** 25;

/**
 * Decodes one ONNX file. Byte fields of the result are views on `bytes`.
 * @throws ModelError where `bytes` are not an ONNX model, or only the beginning of one.
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  try {
    checkStructure(bytes);
    const proto = fromBinary(ModelProtoSchema, bytes);
    for (const field of [ModelProtoSchema.field.irVersion, ModelProtoSchema.field.graph])
      if (!isFieldSet(proto, field)) throw new Error(`it has no ${field.name}`);
    return proto;
  } catch (error) {
    const foreign = recognizeFormat(bytes);
    if (foreign !== null)
      throw new ModelError(`readModel: not an ONNX model, it looks like ${foreign}`, {
        cause: error,
      });
    if (error instanceof ModelError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelError(
      `readModel: not an ONNX model: ${reason}. Give the bytes of a .onnx file.`,
      { cause: error },
    );
  }
}

/**
 * Walks the tree of messages: every known field must have its wire type and lie inside its parent.
 * @throws ModelError naming the field at which that ends; Error where the bytes are no protobuf at all.
 */
function checkStructure(bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes);
  const tables = new Map<DescMessage, Map<number, DescField>>();
  const fieldsOf = (message: DescMessage): Map<number, DescField> => {
    const known = tables.get(message);
    if (known !== undefined) return known;
    const made = new Map(message.fields.map((field) => [field.number, field]));
    tables.set(message, made);
    return made;
  };

  let fieldCount = 0;
  let integers = 0;
  const count = (packed: Uint8Array): void => {
    for (const byte of packed) if (byte < 0x80) integers++;
    if (integers > maximumIntegers)
      throw new Error(`it lists more than ${maximumIntegers} integers outside raw_data`);
  };
  const walk = (message: DescMessage, end: number, depth: number): void => {
    if (depth > maximumDepth) throw new Error(`it nests deeper than ${maximumDepth} messages`);
    const fields = fieldsOf(message);
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      if (++fieldCount > maximumFields) throw new Error(`it has more than ${maximumFields} fields`);
      const field = fields.get(number);
      const name = () => `${message.name}.${field?.name ?? `field ${number}`}`;
      if (field !== undefined && !fits(field, wireType))
        throw new Error(`${name()} has wire type ${wireType}`);
      const next = endOf(reader, wireType, number);
      if (next > end) throw cutShort(name(), end === bytes.length, bytes.length);
      if (field?.message !== undefined) walk(field.message, next, depth + 1);
      else if (field?.fieldKind === 'list' && wireType === WireType.LengthDelimited) {
        const packed = bytes.subarray(reader.pos, next);
        checkPacked(field, packed, name);
        if (wireTypeOf(field) === WireType.Varint) count(packed);
      }
      reader.pos = next;
    }
  };
  walk(ModelProtoSchema, bytes.length, 0);
}

/** Where the field's value ends; infinity where the bytes do first. Leaves the reader where the value starts. */
function endOf(reader: BinaryReader, wireType: WireType, field: number): number {
  try {
    if (wireType === WireType.LengthDelimited) {
      const length = reader.uint32();
      return reader.pos + length;
    }
    const start = reader.pos;
    reader.skip(wireType, field);
    const end = reader.pos;
    reader.pos = start;
    return end;
  } catch (error) {
    if (error instanceof RangeError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

function cutShort(name: string, atEnd: boolean, size: number): ModelError {
  return new ModelError(
    atEnd
      ? `readModel: truncated file, it ends inside ${name} after ${size} bytes. Fetch it again.`
      : `readModel: damaged file, ${name} runs past the message around it. Fetch it again.`,
  );
}

function fits(field: DescField, wireType: WireType): boolean {
  if (field.message !== undefined) return wireType === WireType.LengthDelimited;
  return (
    wireType === wireTypeOf(field) ||
    (field.fieldKind === 'list' && wireType === WireType.LengthDelimited)
  );
}

function wireTypeOf(field: DescField): WireType {
  switch (field.scalar) {
    case ScalarType.FLOAT:
      return WireType.Bit32;
    case ScalarType.DOUBLE:
      return WireType.Bit64;
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited;
    default:
      return WireType.Varint;
  }
}

/** A packed list must end where an element ends, or the decoder reads on into the next field. */
function checkPacked(field: DescField, packed: Uint8Array, name: () => string): void {
  const wireType = wireTypeOf(field);
  const rest =
    wireType === WireType.Bit32
      ? packed.length % 4
      : wireType === WireType.Bit64
        ? packed.length % 8
        : wireType === WireType.Varint
          ? (packed.at(-1) ?? 0) & 0x80
          : 0;
  if (rest !== 0) throw new Error(`${name()} ends inside an element`);
}
