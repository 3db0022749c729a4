/** NumPy's .npy, written at positions: parts of an array go where they belong, in any order. */
import { UsageError } from '../errors.js';
import { sizeOf } from '../tensor/shape.js';
import { openStreamed } from './streamed-file.js';

/** What a part of a (channels, height, width) array covers. */
export interface NpyPlace {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** A .npy file that is being written. What is never written is 0. */
export interface NpyWriter {
  /**
   * Writes a part.
   * @param values (channels, height, width) of the place
   * @throws TrainingError where it cannot be written; UsageError where it does not lie in the array.
   */
  write(values: Float32Array | Uint8Array, place: NpyPlace): Promise<void>;
  /** Makes it the file at its path. @throws TrainingError as `write`. */
  finish(): Promise<void>;
  /** Removes what was written. Nothing after `finish`. */
  abandon(): Promise<void>;
}

export interface NpyOptions {
  /** Channels (classes), height, width: the file's layout, row-major ("C order"). */
  readonly dims: readonly [channels: number, height: number, width: number];
  readonly dtype: 'float32' | 'uint8';
}

const kinds = {
  float32: { code: '<f4', bytes: 4 },
  uint8: { code: '|u1', bytes: 1 },
} as const;

/**
 * Opens a .npy file for an array (channels, height, width), little-endian.
 * @throws UsageError for dimensions that are no whole numbers from 1 on; TrainingError where it cannot be opened.
 * @see numpy.lib.format, version 1.0
 */
export async function npyWriter(path: string, { dims, dtype }: NpyOptions): Promise<NpyWriter> {
  if (!dims.every((n) => Number.isSafeInteger(n) && n >= 1) || !Number.isSafeInteger(sizeOf(dims)))
    throw new UsageError(`${path}: an array cannot be ${dims.join(' x ')}`, { actual: dims });
  const [channels, height, width] = dims;
  const { code, bytes } = kinds[dtype];
  const header = headerOf(code, dims);
  const file = await openStreamed(path, 'array');
  await file.write(header);
  // The last byte gives the file its length; what lies before is a hole until it is written.
  await file.write(new Uint8Array(1), header.length + sizeOf(dims) * bytes - 1);
  const put = (part: Float32Array | Uint8Array, element: number): Promise<void> =>
    file.write(
      new Uint8Array(part.buffer, part.byteOffset, part.byteLength),
      header.length + element * bytes,
    );
  return {
    async write(values, { top, left, height: h, width: w }) {
      const isInside = top >= 0 && left >= 0 && top + h <= height && left + w <= width;
      if (!isInside || values.length !== channels * h * w || values.BYTES_PER_ELEMENT !== bytes)
        throw new UsageError(
          `${path}: ${values.length} values of ${values.BYTES_PER_ELEMENT} bytes at row ${top}, column ${left} are no ${channels} x ${h} x ${w} part of ${dims.join(' x ')} ${dtype}`,
          { actual: values.length },
        );
      // Whole rows lie next to each other in the file.
      const [lines, line] = w === width ? [channels, h * w] : [channels * h, w];
      const perChannel = lines / channels;
      for (let i = 0; i < lines; i++) {
        const row = Math.floor(i / perChannel) * height + top + (i % perChannel);
        await put(values.subarray(i * line, (i + 1) * line), row * width + left);
      }
    },
    finish: () => file.finish(),
    abandon: () => file.abandon(),
  };
}

function headerOf(code: string, dims: readonly number[]): Uint8Array {
  const text = `{'descr': '${code}', 'fortran_order': False, 'shape': (${dims.join(', ')}), }`;
  // Magic, version and length take 10 bytes; the data begins at a multiple of 64.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = Buffer.alloc(10 + length, ' ');
  header.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  header.writeUInt16LE(length, 8);
  header.write(text, 10, 'latin1');
  header[9 + length] = 0x0a;
  return header;
}
