/**
 * Numeric arrays of MATLAB's MAT-files of level 5 (`-v6` and `-v7`), compressed or not. Other variables are passed over.
 * @see "MAT-File Format", The MathWorks: data elements, miCOMPRESSED, miMATRIX
 */
import { inflateSync } from 'node:zlib';
import { DataError } from '../../errors.js';

/** A numeric array in MATLAB's order: the first dimension varies fastest. */
export interface MatArray {
  readonly dims: readonly number[];
  readonly data: ArrayLike<number>;
}

const miMatrix = 14;
const miCompressed = 15;
/** MATLAB's classes of plain numbers: double, single, and the whole ones of up to 32 bits. */
const numericClasses = [6, 7, 8, 9, 10, 11, 12, 13];
/** Bytes of an element by storage type. */
const widths: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8 };
/** Decompressed, one variable may be so large: SVHN's largest part is 1.6 GB. */
const inflateCap = 2 ** 31;

/** One data element: its type and the bytes of its content. */
interface Element {
  readonly type: number;
  readonly content: Uint8Array;
  /** Where the next one begins. */
  readonly end: number;
}

/** Reads elements in one byte order, with the file's name at hand for the sentences. */
class Reader {
  readonly #path: string;
  readonly #little: boolean;

  constructor(path: string, little: boolean) {
    this.#path = path;
    this.#little = little;
  }

  fail(what: string, cause?: unknown): DataError {
    const path = this.#path;
    return new DataError(`${path} ${what}. Fetch it again.`, { path, cause });
  }

  element(bytes: Uint8Array, at: number): Element {
    if (at + 8 > bytes.length) throw this.fail('is truncated: it ends within a data element');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const first = view.getUint32(at, this.#little);
    // The small form has its length in the upper half and its content where the length would be.
    const small = first >>> 16;
    if (small > 4) throw this.fail('is damaged: a small data element has more than 4 bytes');
    const type = small > 0 ? first & 0xffff : first;
    const length = small > 0 ? small : view.getUint32(at + 4, this.#little);
    const start = small > 0 ? at + 4 : at + 8;
    if (start + length > bytes.length)
      throw this.fail(
        `is truncated: a data element of ${length} bytes has ${bytes.length - start} left`,
      );
    // Compressed elements alone are not padded to 8 bytes.
    const end = small > 0 ? at + 8 : start + (type === miCompressed ? length : pad(length));
    return { type, content: bytes.subarray(start, start + length), end };
  }

  numbers({ type, content }: Element): ArrayLike<number> {
    const width = widths[type];
    if (width === undefined) throw this.fail(`has numbers of an unknown type ${type}`);
    if (type === 2) return content;
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    const read = (i: number): number => {
      const at = i * width;
      if (type === 1) return view.getInt8(at);
      if (type === 3) return view.getInt16(at, this.#little);
      if (type === 4) return view.getUint16(at, this.#little);
      if (type === 5) return view.getInt32(at, this.#little);
      if (type === 6) return view.getUint32(at, this.#little);
      return type === 7 ? view.getFloat32(at, this.#little) : view.getFloat64(at, this.#little);
    };
    return Float64Array.from({ length: Math.floor(content.length / width) }, (_, i) => read(i));
  }

  /** A variable; null where it is no plain numeric array. */
  matrix(bytes: Uint8Array): { readonly name: string; readonly array: MatArray } | null {
    const flags = this.element(bytes, 0);
    const kind = (this.numbers(flags)[0] ?? 0) & 0xff;
    if (!numericClasses.includes(kind)) return null;
    const shape = this.element(bytes, flags.end);
    const label = this.element(bytes, shape.end);
    const real = this.element(bytes, label.end);
    const dims = Array.from(this.numbers(shape));
    const data = this.numbers(real);
    const count = dims.reduce((product, dim) => product * dim, 1);
    if (count !== data.length)
      throw this.fail(
        `is damaged: an array of ${dims.join(' x ')} numbers has ${data.length} of them`,
      );
    return { name: new TextDecoder().decode(label.content), array: { dims, data } };
  }

  inflate(content: Uint8Array): Uint8Array {
    try {
      return inflateSync(content, { maxOutputLength: inflateCap });
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      throw this.fail(`cannot be decompressed: ${said}`, cause);
    }
  }
}

const pad = (length: number): number => Math.ceil(length / 8) * 8;

/**
 * The numeric arrays of a MAT-file by name.
 * @param path for the sentences
 * @throws DataError where it is no such file, is truncated or damaged, or is of version 7.3, which is HDF5.
 */
export function parseMat(bytes: Uint8Array, path: string): Map<string, MatArray> {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, 116));
  const order = new TextDecoder('latin1').decode(bytes.subarray(126, 128));
  if (text.startsWith('MATLAB 7.3') || bytes[0] === 0x89)
    throw new DataError(
      `${path} is a MAT-file of version 7.3, which is not read: save it with -v7 instead`,
      { path },
    );
  if (bytes.length < 128 || !['IM', 'MI'].includes(order))
    throw new DataError(`${path} is no MAT-file of level 5: its header is missing or damaged`, {
      path,
      actual: text.slice(0, 20),
    });
  const reader = new Reader(path, order === 'IM');
  const arrays = new Map<string, MatArray>();
  for (let at = 128; at < bytes.length; ) {
    const outer = reader.element(bytes, at);
    at = outer.end;
    const inner =
      outer.type === miCompressed ? reader.element(reader.inflate(outer.content), 0) : outer;
    const found = inner.type === miMatrix ? reader.matrix(inner.content) : null;
    if (found) arrays.set(found.name, found.array);
  }
  return arrays;
}
