/**
 * Any region of an image file of any size, in bounded memory. Decoders start at the first row each time, so a large
 * image is decoded once, row by row, into a file of plain pixels, from which regions are then read where they lie.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../../errors.js';
import { decodeImage, loadSharp, refusal, refusing } from '../decode-image.js';
import { freeBytes, megabytes } from '../fetch/failures.js';
import { fileReason, readBytes } from '../read-bytes.js';
import { type Rectangle, turnOf } from './orientation.js';
import { withTemporaryFolder } from './temporary-folder.js';

/** An image of which any part can be had. */
export interface Regions {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 red-green-blue. */
  readonly channels: 1 | 3;
  /**
   * The pixels of a rectangle inside the image.
   * @returns (channels, height, width), 0 to 255
   */
  read(top: number, left: number, height: number, width: number): Promise<Uint8Array>;
  /** Gives back the memory or the file behind it. */
  close(): Promise<void>;
}

/** How an image is opened. */
export interface OpenRegionsOptions {
  /** Pixels up to which an image is held in memory; 16,000,000 where left out. */
  readonly inMemory?: number;
  /** 1 grey, 3 red-green-blue; as the file is where left out. */
  readonly channels?: 1 | 3;
}

/** Ours: 50,000 x 50,000. The plain pixels take three bytes each on the disk. */
export const regionPixelCap = 2_500_000_000;
/** Ours: of these the decoder holds the whole image, some six bytes a pixel. */
export const wholePixelCap = 100_000_000;
const inMemory = 16_000_000;
/** VIPS files: a header of so many bytes, then the pixels, then a description. */
const headerBytes = 64;

/**
 * Opens a PNG, JPEG, WebP or TIFF image; turned as its EXIF orientation says, laid on white where it is transparent.
 * One above `inMemory` pixels takes room in the folder for temporary files until it is
 * closed, or the process ends, however that happens.
 * @throws DataError where the file cannot be read, is corrupt or cut off, is larger than `regionPixelCap`, larger than
 * `wholePixelCap` in a form that cannot be decoded row by row, or where there is no room.
 */
export async function openRegions(
  path: string,
  options: OpenRegionsOptions = {},
): Promise<Regions> {
  await checkFile(path);
  const found = await headerOf(path);
  const header = { ...found, channels: options.channels ?? found.channels };
  const { width, height, format, orientation, channels } = header;
  if (width * height > (options.inMemory ?? inMemory) || format === 'tiff')
    return converted(path, header);
  const sides = orientation > 4 ? { height: width, width: height } : { height, width };
  const target = { ...sides, channels };
  return inMemoryRegions(await decodeImage(await readBytes(path), target, path), target);
}

/** @throws DataError where there is no such file, or nothing in it. */
async function checkFile(path: string): Promise<void> {
  try {
    const { size } = await stat(path);
    if (size === 0) throw refusal(path, 'is empty');
    const file = await open(path, 'r');
    const first = new Uint8Array(12);
    await file.read(first).finally(() => file.close());
    if (!isKnown(first)) throw refusal(path, 'is not a PNG, JPEG, WebP or TIFF image inside');
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw refusal(path, `cannot be read: ${fileReason(cause)}`, cause);
  }
}

/** By the first bytes: a decoder that guesses would also render SVG, which can name files. */
function isKnown(first: Uint8Array): boolean {
  const text = String.fromCharCode(...first);
  const starts = ['\x89PNG', '\xff\xd8\xff', 'II*\0', 'MM\0*', 'II+\0', 'MM\0+'];
  return (
    starts.some((start) => text.startsWith(start)) ||
    (text.startsWith('RIFF') && text.slice(8) === 'WEBP')
  );
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly format: string;
  readonly channels: 1 | 3;
  readonly orientation: number;
}

async function headerOf(path: string): Promise<Header> {
  const sharp = await loadSharp();
  return refusing(path, async () => {
    const image = sharp(path, { failOn: 'error', limitInputPixels: false });
    const { width, height, format, space, isProgressive, orientation = 1 } = await image.metadata();
    const pixels = width * height;
    const size = `is too large: ${width} x ${height} is ${pixels / 1e6} megapixels`;
    if (pixels > regionPixelCap) throw refusal(path, `${size}, of ${regionPixelCap / 1e6} at most`);
    const isHeld = isProgressive === true || format === 'webp';
    if (isHeld && pixels > wholePixelCap)
      throw refusal(
        path,
        `${size}, and ${format === 'webp' ? 'WebP images' : 'progressive and interlaced images'} above ${wholePixelCap / 1e6} cannot be decoded row by row. Save it as TIFF, as PNG without interlacing, or as baseline JPEG`,
      );
    const channels = space === 'b-w' || space === 'grey16' ? 1 : 3;
    return { width, height, format, channels, orientation };
  });
}

/** Decodes into a file of plain pixels. It is opened and its name removed, so that no end of us leaves it behind. */
async function converted(path: string, header: Header): Promise<Regions> {
  const { width, height, channels, orientation } = header;
  const needs = width * height * channels + headerBytes;
  const file = await withTemporaryFolder(async (folder) => {
    const left = await freeBytes(folder);
    if (left < needs)
      throw new DataError(
        `${path}: its ${megabytes(needs)} of pixels do not fit into ${folder}, which has ${megabytes(left)} free. Free some space, or set TMPDIR to a folder on another disk.`,
        { path, expected: needs, actual: left },
      );
    const plain = join(folder, 'pixels.v');
    await decodeTo(plain, path, channels);
    return open(plain, 'r');
  });
  await checkPlain(file, header, path);
  const turn = turnOf(orientation, height, width);
  const [rows, columns] = turn.transposes ? [width, height] : [height, width];
  const readStored = (rectangle: Rectangle) => readPlain(file, width, channels, rectangle, path);
  return {
    width: columns,
    height: rows,
    channels,
    async read(top, left, h, w) {
      const rectangle = { top, left, height: h, width: w };
      const pixels = await readStored(turn.stored(rectangle));
      const out = new Uint8Array(pixels.length);
      for (let y = 0, to = 0; y < h; y++)
        for (let x = 0; x < w; x++, to++) {
          const from = turn.indexIn(rectangle, y, x) * channels;
          for (let c = 0; c < channels; c++) out[c * h * w + to] = pixels[from + c] ?? 0;
        }
      return out;
    },
    close: () => file.close(),
  };
}

async function decodeTo(plain: string, path: string, channels: 1 | 3): Promise<void> {
  const sharp = await loadSharp();
  await refusing(path, async () => {
    try {
      await sharp(path, { failOn: 'error', limitInputPixels: false, sequentialRead: true })
        .flatten({ background: 'white' })
        .toColourspace(channels === 1 ? 'b-w' : 'srgb')
        .toFile(plain);
    } catch (cause) {
      // The library passes the system's words on, not its code.
      if (cause instanceof Error && /no space left|quota/i.test(cause.message))
        throw new DataError(
          `${path}: its pixels do not fit on the disk of ${plain}. Free some space, or set TMPDIR to a folder on another disk.`,
          { path, cause },
        );
      throw cause;
    }
  });
}

/** @throws DataError where the plain file is not what was asked for: bytes, of that size. */
async function checkPlain(
  file: FileHandle,
  { width, height, channels }: Header,
  path: string,
): Promise<void> {
  const header = Buffer.alloc(headerBytes);
  await file.read(header, 0, headerBytes, 0);
  const [w, h, bands, format] = [4, 8, 12, 20].map((at) => header.readInt32LE(at));
  if (w === width && h === height && bands === channels && format === 0) return;
  await file.close();
  throw refusal(path, `is of a kind that cannot be read: it decoded to ${w} x ${h} x ${bands}`);
}

/** (height, width, channels) of a rectangle as it is stored, each row read where it lies. */
async function readPlain(
  file: FileHandle,
  columns: number,
  channels: number,
  { top, left, height, width }: Rectangle,
  path: string,
): Promise<Uint8Array> {
  const line = width * channels;
  const out = new Uint8Array(height * line);
  for (let y = 0; y < height; y++) {
    const from = headerBytes + ((top + y) * columns + left) * channels;
    const { bytesRead } = await file.read(out, y * line, line, from);
    if (bytesRead !== line) throw refusal(path, 'has fewer rows than its header says');
  }
  return out;
}

/**
 * Pixels in memory, read as those of a file are.
 * @param pixels (channels, height, width), 0 to 255
 */
export function inMemoryRegions(
  pixels: Uint8Array,
  { width, height, channels }: Pick<Regions, 'width' | 'height' | 'channels'>,
): Regions {
  return {
    width,
    height,
    channels,
    async read(top, left, h, w) {
      const out = new Uint8Array(channels * h * w);
      for (let line = 0; line < channels * h; line++) {
        const row = Math.floor(line / h) * height + top + (line % h);
        const from = row * width + left;
        out.set(pixels.subarray(from, from + w), line * w);
      }
      return out;
    },
    async close() {},
  };
}
