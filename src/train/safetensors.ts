/**
 * Reads and writes safetensors, the format of checkpoints: eight bytes of header length, a JSON header, the
 * elements. Files come from anywhere, so the reader trusts nothing in them. Little-endian hosts only, which is
 * every host that JavaScript engines and ONNX Runtime run on.
 * @see https://github.com/huggingface/safetensors#format
 */
import { DataError } from '../errors.js';
import { bytesPerElement, type DType, viewBytes } from '../tensor/dtype.js';
import { formatShape, sizeOf } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';

type StoredDType = Exclude<DType, 'string'>;

const codes = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
} as const satisfies Record<StoredDType, string>;

const dtypes: ReadonlyMap<unknown, StoredDType> = new Map(
  Object.entries(codes).map(([dtype, code]) => [code, dtype as StoredDType]),
);

/** The format's reserved header key. */
const metadataKey = '__metadata__';
/** Longest header that is read: the reference implementation's limit. */
const maxHeaderBytes = 100_000_000;
/** Widest element, so the first byte of the elements is aligned for every dtype. */
const alignment = 8;

/** What a safetensors file holds. */
export interface Safetensors {
  readonly tensors: Record<string, Tensor>;
  readonly metadata: Record<string, string>;
}

/** One tensor as the header states it; `begin` and `end` count bytes from the first element. */
interface Entry {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly dims: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * The bytes of a safetensors file. Equal content gives equal bytes, in whatever order the names come: wide
 * dtypes first, so that each tensor is aligned, then by name.
 * @throws DataError for a string tensor, a tensor that is shorter or longer than its shape, or a tensor named
 *   `__metadata__`.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const ordered = Object.entries(tensors)
    .map(([name, value]) => ({ name, value, code: codeOf(name, value) }))
    .sort((a, b) => width(b.value) - width(a.value) || (a.name < b.name ? -1 : 1));
  const fields: [string, unknown][] = [];
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length > 0) fields.push([metadataKey, Object.fromEntries(pairs)]);
  let size = 0;
  for (const { name, value, code } of ordered) {
    const end = size + sizeOf(value.dims) * width(value);
    fields.push([name, { dtype: code, shape: value.dims, data_offsets: [size, end] }]);
    size = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(fields)));
  const headerBytes = Math.ceil(json.length / alignment) * alignment;
  const bytes = new Uint8Array(8 + headerBytes + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, 8);
  bytes.fill(0x20, 8 + json.length, 8 + headerBytes);
  let at = 8 + headerBytes;
  for (const { value } of ordered) {
    const elements = bytesOf(value);
    bytes.set(elements, at);
    at += elements.length;
  }
  return bytes;
}

/**
 * The tensors and metadata of a safetensors file. Tensors are views on `bytes` where these are aligned, else
 * copies: leave `bytes` alone as long as the tensors live.
 * @param where what the sentence of an error calls these bytes, such as the file's path
 * @throws DataError where the file is truncated, has bytes that belong to no tensor or to two, or a header that
 *   is too long, is not JSON, or states a dtype, a shape or offsets that do not fit.
 */
export function decodeSafetensors(bytes: Uint8Array, where = 'safetensors'): Safetensors {
  // A Node Buffer's slice() does not copy, unlike Uint8Array's: leave that subclass behind.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = headerLength(plain, where);
  const header = parseHeader(plain.subarray(8, 8 + headerBytes), where);
  const data = plain.subarray(8 + headerBytes);
  const entries = Object.entries(header)
    .filter(([name]) => name !== metadataKey)
    .map(([name, value]) => parseEntry(name, value, where));
  checkTiling(entries, data.length, where);
  const tensors = entries.map(({ name, dtype, dims, begin, end }): [string, Tensor] => {
    const elements = data.subarray(begin, end);
    if (dtype === 'bool' && elements.some((byte) => byte > 1))
      throw fault(where, `tensor "${name}" is BOOL but has a byte that is neither 0 nor 1`);
    return [name, { dtype, dims, data: viewBytes(dtype, elements) }];
  });
  return { tensors: Object.fromEntries(tensors), metadata: parseMetadata(header, where) };
}

function codeOf(name: string, value: Tensor): string {
  if (name === metadataKey)
    throw new DataError(
      `safetensors: a tensor cannot be named "${metadataKey}", which is the format's own key. Rename it.`,
    );
  if (value.dtype === 'string')
    throw new DataError(
      `safetensors: unsupported dtype string of tensor "${name}". Put text into the metadata.`,
    );
  if (value.data.length !== sizeOf(value.dims))
    throw new DataError(
      `safetensors: tensor "${name}" of shape ${formatShape(value.dims)} needs ${sizeOf(value.dims)} elements, got ${value.data.length}`,
      { expected: value.dims, actual: value.data.length },
    );
  return codes[value.dtype];
}

function width(value: Tensor): number {
  return bytesPerElement(value.dtype);
}

function bytesOf(value: Tensor): Uint8Array {
  const { data } = value;
  if (Array.isArray(data)) throw new DataError('safetensors: unsupported dtype string');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function fault(where: string, problem: string, cause?: unknown): DataError {
  return new DataError(
    `${where}: ${problem}. The file is damaged or is not safetensors: take another copy.`,
    { path: where, ...(cause === undefined ? {} : { cause }) },
  );
}

function headerLength(bytes: Uint8Array, where: string): number {
  if (bytes.length < 8)
    throw fault(where, `truncated: ${bytes.length} bytes, where the header's length alone takes 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes))
    throw fault(where, `a header of ${length} bytes is over the limit of ${maxHeaderBytes}`);
  if (8 + Number(length) > bytes.length)
    throw fault(
      where,
      `truncated: a header of ${length} bytes is announced, ${bytes.length - 8} follow`,
    );
  return Number(length);
}

function parseHeader(bytes: Uint8Array, where: string): Record<string, unknown> {
  if (bytes[0] !== 0x7b) throw fault(where, 'the header does not begin with "{"');
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw fault(where, `the header is not JSON in UTF-8 (${String(cause)})`, cause);
  }
}

function parseMetadata(header: Record<string, unknown>, where: string): Record<string, string> {
  if (!Object.hasOwn(header, metadataKey)) return {};
  const metadata = header[metadataKey];
  if (!isObject(metadata)) throw fault(where, `${metadataKey} is not an object`);
  for (const [key, value] of Object.entries(metadata))
    if (typeof value !== 'string') throw fault(where, `${metadataKey}: "${key}" is not text`);
  return metadata as Record<string, string>;
}

function parseEntry(name: string, value: unknown, where: string): Entry {
  const place = `tensor "${name}"`;
  if (!isObject(value)) throw fault(where, `${place} is not described by an object`);
  const { dtype: code, shape: dims, data_offsets: offsets } = value;
  const dtype = dtypes.get(code);
  if (dtype === undefined)
    throw new DataError(
      `${where}: unsupported dtype ${JSON.stringify(code)} of ${place}. Known are ${[...dtypes.keys()].join(', ')}.`,
      { path: where, actual: code },
    );
  if (!isCounts(dims)) throw fault(where, `${place}: invalid shape ${JSON.stringify(dims)}`);
  const [begin, end] = isCounts(offsets) && offsets.length === 2 ? offsets : [];
  if (begin === undefined || end === undefined)
    throw fault(where, `${place}: invalid data_offsets ${JSON.stringify(offsets)}`);
  const size = sizeOf(dims) * bytesPerElement(dtype);
  if (end - begin !== size)
    throw fault(
      where,
      `${place}: ${code} ${formatShape(dims)} takes ${size} bytes, but data_offsets [${begin}, ${end}] span ${end - begin}`,
    );
  return { name, dtype, dims, begin, end };
}

/** The tensors must cover the elements without hole or overlap: the format asks for it, and nothing can hide. */
function checkTiling(entries: readonly Entry[], size: number, where: string): void {
  const ordered = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of ordered) {
    if (begin < covered)
      throw fault(where, `tensor "${name}" overlaps the one before it at byte ${begin}`);
    if (begin > covered)
      throw fault(where, `bytes ${covered} to ${begin}, before tensor "${name}", belong to none`);
    if (end > size)
      throw fault(where, `truncated: tensor "${name}" ends at byte ${end} of ${size} present`);
    covered = end;
  }
  if (covered < size)
    throw fault(where, `${size - covered} bytes after the last tensor belong to none`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
