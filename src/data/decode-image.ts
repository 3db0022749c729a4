/**
 * One image file to bytes of a fixed size, the same way in training and in prediction: turned as its EXIF
 * orientation says, laid on white where it is transparent, scaled until it covers the size and cut at the
 * centre (proportions are kept; what overhangs on the longer side is lost), then grey or RGB.
 */
import { DataError, EspalierError, internal, RuntimeUnavailableError } from '../errors.js';
import { imageSize } from './image-set.js';
import type { DecodedImage, DecodeOptions } from './image-source.js';
import { readBytes } from './read-bytes.js';

/** The size and colours that images are brought to. */
export interface ImageTarget {
  readonly height: number;
  readonly width: number;
  /** 1 grey, 3 red-green-blue. */
  readonly channels: 1 | 3;
}

/** Images of more pixels are refused, since decoding one takes four bytes for each. */
export const pixelCap = 100_000_000;

/** Endings of the files that are read. */
export const imageEndings: readonly string[] = ['.png', '.jpg', '.jpeg', '.webp'];

/** PNG, JPEG or WebP by its first bytes; a decoder that guesses would also render SVG, which can name files. */
function isKnownFormat(bytes: Uint8Array): boolean {
  const starts = (at: number, ...signature: number[]) =>
    signature.every((byte, i) => bytes[at + i] === byte);
  return (
    starts(0, 0x89, 0x50, 0x4e, 0x47) ||
    starts(0, 0xff, 0xd8, 0xff) ||
    (starts(0, 0x52, 0x49, 0x46, 0x46) && starts(8, 0x57, 0x45, 0x42, 0x50))
  );
}

/** Loaded when the first image is: it is native code that data sets without images do without. */
export async function loadSharp() {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new RuntimeUnavailableError(
      `images cannot be decoded, because the package sharp does not load: run \`npm install sharp\` on this machine`,
      { cause },
    );
  }
}

/**
 * Decodes a PNG, JPEG or WebP file held in memory.
 * @param name for the sentences
 * @returns (channels, height, width), 0 to 255
 * @throws DataError with the reason: another format, corrupt, more than `pixelCap` pixels. Its
 * `details.actual` is the reason alone.
 */
export async function decodeImage(
  bytes: Uint8Array,
  target: ImageTarget,
  name: string,
  cap = pixelCap,
): Promise<Uint8Array> {
  return refusing(name, async () => {
    const { image } = await openImage(bytes, name, cap);
    const { data, info } = await image
      .resize(target.width, target.height, { fit: 'cover' })
      .toColourspace(target.channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== target.channels) internal(`${name} decoded to ${info.channels} channels`);
    return planar(data, target);
  });
}

/**
 * Decodes a PNG, JPEG or WebP file held in memory at its own size, or shrunk: turned and laid on white as by
 * `decodeImage`, grey where the file is grey.
 * @param name for the sentences
 * @throws DataError as `decodeImage`.
 */
export async function decodeWhole(
  bytes: Uint8Array,
  name: string,
  { shortSide }: DecodeOptions = {},
  cap = pixelCap,
): Promise<DecodedImage> {
  return refusing(name, async () => {
    const { image, isGrey } = await openImage(bytes, name, cap);
    const sized =
      shortSide === undefined
        ? image
        : image.resize(shortSide, shortSide, { fit: 'outside', withoutEnlargement: true });
    const channels = isGrey ? 1 : 3;
    const { data, info } = await sized
      .toColourspace(isGrey ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== channels) internal(`${name} decoded to ${info.channels} channels`);
    const { width, height } = info;
    return { width, height, channels, pixels: planar(data, { width, height, channels }) };
  });
}

/** The error for an image file: its name, and what it is. `details.actual` is the reason alone. */
export const refusal = (name: string, reason: string, cause?: unknown) =>
  new DataError(`${name} ${reason}`, { path: name, actual: reason, cause });

/** Says of what the decoder throws that the file is corrupt. */
export async function refusing<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof EspalierError) throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw refusal(name, `is corrupt: ${said.replaceAll(/\s+/g, ' ').trim()}`, cause);
  }
}

/** The decoder of one image, which has looked at its header. */
async function openImage(bytes: Uint8Array, name: string, cap: number) {
  if (bytes.length === 0) throw refusal(name, 'is empty');
  if (!isKnownFormat(bytes)) throw refusal(name, 'is not a PNG, JPEG or WebP image inside');
  const sharp = await loadSharp();
  const image = sharp(bytes, { failOn: 'error', limitInputPixels: false });
  const { width, height, space } = await image.metadata();
  if (width * height > cap)
    throw refusal(
      name,
      `is too large: ${width} x ${height} is ${(width * height) / 1e6} megapixels, of ${cap / 1e6} at most`,
    );
  const isGrey = space === 'b-w' || space === 'grey16';
  return { image: image.autoOrient().flatten({ background: 'white' }), isGrey };
}

/**
 * Reads and decodes an image file.
 * @throws DataError where it cannot be read, and as `decodeImage`.
 */
export async function readImage(path: string, target: ImageTarget): Promise<Uint8Array> {
  return decodeImage(await readBytes(path), target, path);
}

/** (height, width, channels) to (channels, height, width). */
function planar(pixels: Uint8Array, { channels, height, width }: ImageTarget): Uint8Array {
  const area = height * width;
  if (channels === 1) return pixels;
  const out = new Uint8Array(imageSize([channels, height, width]));
  for (let channel = 0; channel < channels; channel++)
    for (let i = 0; i < area; i++) out[channel * area + i] = pixels[i * channels + channel] ?? 0;
  return out;
}
