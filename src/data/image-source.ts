/**
 * Labelled images one at a time, as training and checking take them: a list of references that are decoded when
 * asked for, or bytes that are in memory already.
 */
import { DataError } from '../errors.js';
import { drawHeldOut, indicesWithin } from './held-out.js';
import type { ImageSet } from './image-set.js';
import { imageSize } from './image-set.js';
import type { Skipped } from './list-images.js';

/** One image of whatever size it has. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 red-green-blue. */
  readonly channels: 1 | 3;
  /** (channels, height, width), row-major, 0 to 255; not to be written to. */
  readonly pixels: Uint8Array;
}

/** How an image is decoded. */
export interface DecodeOptions {
  /** Shrinks the image until its shorter side is of so many pixels; a smaller one is left as it is. */
  readonly shortSide?: number;
}

/** Images with their labels, by index from 0 on. */
export interface ImageSource {
  readonly count: number;
  /** Set where the images are in memory as pixels: decoding takes no time and does not fail. */
  readonly isDecoded?: boolean;
  /** Index into the classes. */
  label(index: number): number;
  /** What the image is called in sentences: a file, or a row of one. */
  name(index: number): string;
  /** @throws DataError where the image cannot be read; `details.actual` is the reason alone. */
  decode(index: number, options?: DecodeOptions): Promise<DecodedImage>;
}

/** What a classifier is trained and measured with. */
export interface ClassificationData {
  readonly classes: readonly string[];
  readonly train: ImageSource;
  /** To choose settings with; null where nothing is held out. */
  readonly validation: ImageSource | null;
  readonly test: ImageSource | null;
  /** What was found, in sentences for the user. */
  readonly notes: readonly string[];
  /** Files and rows that were not used, with reasons. */
  readonly skipped: readonly Skipped[];
}

/**
 * Images in memory as a source: decoding gives views of them, without a copy.
 * @param what names the images where they have no files: `data_batch_1.bin` gives `data_batch_1.bin, image 7`
 * @throws DataError where the set has no labels.
 */
export function sourceOf(set: ImageSet, what: string): ImageSource {
  const { images, labels, shape } = set;
  if (labels === null) throw new DataError(`${what} has no labels`, { path: what });
  const [channels, height, width] = shape;
  const size = imageSize(shape);
  return {
    count: set.count,
    isDecoded: true,
    label: (index) => labels[index] ?? -1,
    name: (index) => set.names?.[index] ?? `${what}, image ${index}`,
    decode: async (index) => ({
      ...{ width, height, channels: channels === 1 ? 1 : 3 },
      pixels: images.subarray(index * size, (index + 1) * size),
    }),
  };
}

/**
 * The images at `indices`, in that order; an index may come twice.
 * @throws DataError where an index is outside [0, count).
 */
export function subset(source: ImageSource, indices: ArrayLike<number>): ImageSource {
  const chosen = indicesWithin(indices, source.count, 'images');
  const of = (index: number) => chosen[index] ?? source.count;
  return {
    count: chosen.length,
    isDecoded: source.isDecoded ?? false,
    label: (index) => source.label(of(index)),
    name: (index) => source.name(of(index)),
    decode: (index, options) => source.decode(of(index), options),
  };
}

/** The labels of all images. */
export function labelsOf(source: ImageSource): Int32Array {
  return Int32Array.from({ length: source.count }, (_, index) => source.label(index));
}

/**
 * Takes images out of a source at random, to choose settings with.
 * @param amount how many, or below 1 what share of them
 * @returns the rest and what was taken, each in the order of the source; the same for the same seed
 * @throws DataError where none would be taken, or none left.
 */
export function holdOut(
  source: ImageSource,
  amount: number,
  seed: number,
): { readonly rest: ImageSource; readonly held: ImageSource } {
  const { rest, held } = drawHeldOut(source.count, amount, seed, 'images');
  return { rest: subset(source, rest), held: subset(source, held) };
}
