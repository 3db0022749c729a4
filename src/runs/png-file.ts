/** PNG files written row by row, so that their size is bounded by the disk alone. */
import { once } from 'node:events';
import { crc32, createDeflate, type Deflate, deflateSync } from 'node:zlib';
import { UsageError } from '../errors.js';
import { openStreamed, type StreamedFile } from './streamed-file.js';

/** A PNG file that is being written. */
export interface PngWriter {
  /**
   * Adds rows.
   * @param rows (rows, width), the next ones from the top: uint8, or uint16 of a PNG of 16 bits; of colours (rows, width, 3)
   * @throws TrainingError where they cannot be written; UsageError where they are no whole rows, or too many.
   */
  write(rows: Uint8Array | Uint16Array): Promise<void>;
  /** Makes it the file at its path. @throws TrainingError as `write`; UsageError where rows are missing. */
  finish(): Promise<void>;
  /** Removes what was written. Nothing after `finish`. */
  abandon(): Promise<void>;
}

export interface PngSize {
  readonly width: number;
  readonly height: number;
}

export interface PalettePngOptions extends PngSize {
  /** Red, green, blue (0 to 255) of each id; at most 256. Ids beyond them are black. */
  readonly palette: readonly (readonly [number, number, number])[];
}

/** PNG specification, section 5.2. */
const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** PNG specification, 11.2.2: the sides of an image are below 2^31. */
const longest = 2 ** 31 - 1;
const colourTypes = { grey: 0, rgb: 2, palette: 3 } as const;

/**
 * A PNG of ids: readers that keep indices find them as they are, all others see the palette's colours.
 * @throws UsageError for a size or palette that no PNG has; TrainingError where the file cannot be opened.
 */
export async function palettePngWriter(
  path: string,
  { width, height, palette }: PalettePngOptions,
): Promise<PngWriter> {
  if (palette.length === 0 || palette.length > 256)
    throw new UsageError(`${path}: a palette has 1 to 256 colours, got ${palette.length}`, {
      actual: palette.length,
    });
  // An index without a colour would be an error in the file: 255, where nothing is known, must not be one.
  const colours = new Uint8Array(3 * 256);
  palette.forEach((colour, id) => {
    colours.set(colour, 3 * id);
  });
  return pngWriter(
    path,
    { width, height },
    { colour: 'palette', depth: 8 },
    chunk('PLTE', colours),
  );
}

/**
 * A PNG of grey values, or of ids of which there are more than a palette has colours.
 * @param depth bits of each
 * @throws as `palettePngWriter`.
 */
export async function greyPngWriter(
  path: string,
  size: PngSize,
  depth: 8 | 16 = 8,
): Promise<PngWriter> {
  return pngWriter(path, size, { colour: 'grey', depth }, new Uint8Array(0));
}

/**
 * A PNG of colours: red, green, blue of each pixel.
 * @throws as `palettePngWriter`.
 */
export async function rgbPngWriter(path: string, size: PngSize): Promise<PngWriter> {
  return pngWriter(path, size, { colour: 'rgb', depth: 8 }, new Uint8Array(0));
}

async function pngWriter(
  path: string,
  { width, height }: PngSize,
  { colour, depth }: PixelForm,
  beforeData: Uint8Array,
): Promise<PngWriter> {
  if (![width, height].every((n) => Number.isSafeInteger(n) && n >= 1 && n <= longest))
    throw new UsageError(`${path}: no PNG has ${width} x ${height} pixels`, {
      actual: [width, height],
    });
  const file = await openStreamed(path, 'PNG');
  await file.write(Buffer.concat([headOf({ width, height }, { colour, depth }), beforeData]));
  const data = compressor(file);
  const perRow = colour === 'rgb' ? 3 * width : width;
  let missing = height;
  return {
    async write(rows) {
      const count = rows.length / perRow;
      if (!Number.isInteger(count) || count > missing)
        throw new UsageError(
          `${path}: ${rows.length} ${colour === 'rgb' ? 'numbers' : 'pixels'} are no whole rows of ${perRow}, of which ${missing} are missing`,
          { actual: rows.length },
        );
      missing -= count;
      const bytes = depth === 16 ? bigEndian(rows) : rows;
      await data.write(unfiltered(bytes, (perRow * depth) / 8));
    },
    async finish() {
      if (missing > 0)
        throw new UsageError(`${path}: ${missing} of ${height} rows are missing`, {
          actual: missing,
        });
      await data.end();
      await file.write(chunk('IEND', new Uint8Array(0)));
      await file.finish();
    },
    async abandon() {
      data.abandon();
      await file.abandon();
    },
  };
}

/**
 * A small image as a whole PNG in memory, 8 bits a channel.
 * @param rows (height, width) of grey, or (height, width, 3)
 */
export function wholePng(rows: Uint8Array, size: PngSize): Uint8Array {
  const colour = rows.length === size.width * size.height ? 'grey' : 'rgb';
  const data = deflateSync(unfiltered(rows, rows.length / size.height), { level: 6 });
  return Buffer.concat([
    headOf(size, { colour, depth: 8 }),
    chunk('IDAT', data),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

/** How pixels are kept. */
interface PixelForm {
  readonly colour: keyof typeof colourTypes;
  readonly depth: 8 | 16;
}

/** What comes before palette and pixels. */
function headOf({ width, height }: PngSize, { colour, depth }: PixelForm): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourTypes[colour]], 8);
  return Buffer.concat([signature, chunk('IHDR', header)]);
}

/** Rows of `line` bytes, each after its filter: none, since ids next to each other are no gradient. */
function unfiltered(bytes: Uint8Array | Uint16Array, line: number): Uint8Array {
  const count = bytes.length / line;
  const rows = Buffer.alloc(count * (line + 1));
  for (let y = 0; y < count; y++)
    rows.set(bytes.subarray(y * line, (y + 1) * line), y * (line + 1) + 1);
  return rows;
}

/** Numbers of 16 bits as PNG has them, the higher byte first. */
function bigEndian(numbers: ArrayLike<number>): Uint8Array {
  const bytes = Buffer.alloc(2 * numbers.length);
  for (let i = 0; i < numbers.length; i++) bytes.writeUInt16BE(numbers[i] ?? 0, 2 * i);
  return bytes;
}

/** Length, name, data, checksum. */
function chunk(name: string, data: Uint8Array): Uint8Array {
  const out = Buffer.alloc(data.length + 12);
  out.writeUInt32BE(data.length, 0);
  out.write(name, 4, 'latin1');
  out.set(data, 8);
  out.writeUInt32BE(crc32(out.subarray(4, data.length + 8)), data.length + 8);
  return out;
}

/** Rows to IDAT chunks of the file, in order; what fails in between is thrown by the next call. */
function compressor(file: StreamedFile) {
  const deflate: Deflate = createDeflate({ level: 6, chunkSize: 1 << 18 });
  let failure: unknown = null;
  const written = (async () => {
    for await (const bytes of deflate) await file.write(chunk('IDAT', bytes));
  })().catch((error: unknown) => {
    failure = error;
    deflate.destroy();
  });
  const check = (): void => {
    if (failure) throw failure;
  };
  return {
    async write(bytes: Uint8Array): Promise<void> {
      check();
      // Waiting for either, since a stream that failed is never drained.
      if (!deflate.write(bytes)) await Promise.race([once(deflate, 'drain'), written]);
      check();
    },
    async end(): Promise<void> {
      check();
      deflate.end();
      await written;
      check();
    },
    abandon(): void {
      deflate.destroy();
    },
  };
}
