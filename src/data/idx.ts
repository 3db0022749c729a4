/**
 * The idx format of MNIST and its relatives: a magic number (two zero bytes, the element type, the number of
 * dimensions), the dimensions as big-endian 32-bit numbers, then the elements. Plain or gzip-compressed.
 * @see http://yann.lecun.com/exdb/mnist/ "FILE FORMATS FOR THE MNIST DATABASE"
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DataError } from '../errors.js';
import { checkLabels, type ImageSet } from './image-set.js';
import { fileReason, readBytes } from './read-bytes.js';

const labelMagic = 0x00000801;
const imageMagic = 0x00000803;

const hex = (magic: number) => `0x${magic.toString(16).padStart(8, '0')}`;
const kinds: Readonly<Record<number, string>> = {
  [labelMagic]: 'labels (bytes, 1 dimension)',
  [imageMagic]: 'images (bytes, 3 dimensions)',
};

/** The content of an idx file of bytes. */
interface Idx {
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** Images of an idx file: `pixels` is (count, height, width), 0 to 255. */
export interface IdxImages {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

function parse(bytes: Uint8Array, magic: number, path: string): Idx {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rank = magic & 0xff;
  const header = 4 + 4 * rank;
  if (bytes.length < 4) throw truncated(path, header, bytes.length);
  const found = view.getUint32(0);
  if (found !== magic)
    throw new DataError(
      `${path} starts with magic number ${hex(found)}${kinds[found] ? `, ${kinds[found]}` : ''}; ` +
        `${hex(magic)}, ${kinds[magic]}, was expected: ${kinds[found] ? 'the files may be swapped' : 'it is not such an idx file'}`,
      { path, expected: magic, actual: found },
    );
  if (bytes.length < header) throw truncated(path, header, bytes.length);
  const dims = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = header + dims.reduce((product, dim) => product * dim, 1);
  if (bytes.length < expected) throw truncated(path, expected, bytes.length, dims);
  if (bytes.length > expected)
    throw new DataError(
      `${path} goes on for ${bytes.length - expected} bytes after its ${dims.join(' x ')} elements: ` +
        `${expected} bytes expected, ${bytes.length} found. It is damaged, or its header is.`,
      { path, expected, actual: bytes.length },
    );
  return { dims, data: new Uint8Array(bytes.buffer, bytes.byteOffset + header, expected - header) };
}

function truncated(path: string, expected: number, actual: number, dims?: readonly number[]) {
  const content = dims ? ` for ${dims.join(' x ')} elements` : ' for its header';
  return new DataError(
    `${path} is truncated: ${expected} bytes expected${content}, ${actual} found. Fetch it again.`,
    { path, expected, actual },
  );
}

/**
 * The images of an uncompressed idx file.
 * @param path for the sentences
 * @throws DataError where the magic number is wrong, the file is truncated or goes on after its end.
 */
export function parseIdxImages(bytes: Uint8Array, path: string): IdxImages {
  const { dims, data } = parse(bytes, imageMagic, path);
  const [count = 0, height = 0, width = 0] = dims;
  return { count, height, width, pixels: data };
}

/**
 * The labels of an uncompressed idx file, 0 to 255.
 * @param path for the sentences
 * @throws DataError as `parseIdxImages`.
 */
export function parseIdxLabels(bytes: Uint8Array, path: string): Int32Array {
  return Int32Array.from(parse(bytes, labelMagic, path).data);
}

/**
 * The bytes of a file, decompressed where it begins as gzip does, and their SHA-256.
 * @throws DataError where it cannot be read or decompressed.
 */
export async function readMaybeGzip(
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly sha256: string }> {
  let bytes = await readBytes(path);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b)
    try {
      bytes = await promisify(gunzip)(bytes);
    } catch (cause) {
      throw new DataError(
        `${path} cannot be decompressed: ${fileReason(cause)}. Fetch it again; it is truncated or damaged.`,
        { path, cause },
      );
    }
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Labelled images out of a pair of idx files, with the SHA-256 of what each holds decompressed. */
export interface IdxPair {
  readonly set: ImageSet;
  readonly sha256: { readonly images: string; readonly labels: string };
}

/**
 * Reads a file of images and the file of their labels.
 * @throws DataError where one cannot be read, is not what it should be, the two differ in length, there is
 * nothing in them, or a label is not below the number of classes.
 */
export async function readIdxPair(
  imagesPath: string,
  labelsPath: string,
  classes: readonly string[],
): Promise<IdxPair> {
  const images = await readMaybeGzip(imagesPath);
  const { count, height, width, pixels } = parseIdxImages(images.bytes, imagesPath);
  const labels = await readMaybeGzip(labelsPath);
  const values = parseIdxLabels(labels.bytes, labelsPath);
  if (values.length !== count)
    throw new DataError(
      `${imagesPath} holds ${count} images and ${labelsPath} ${values.length} labels: the two do not belong together`,
      { path: labelsPath, expected: count, actual: values.length },
    );
  if (pixels.length === 0)
    throw new DataError(
      `${imagesPath} holds no images: its size is ${count} x ${height} x ${width}`,
      {
        path: imagesPath,
        actual: count,
      },
    );
  const set: ImageSet = {
    images: pixels,
    count,
    shape: [1, height, width],
    labels: values,
    classes,
    names: null,
  };
  checkLabels(set, labelsPath);
  return { set, sha256: { images: images.sha256, labels: labels.sha256 } };
}
