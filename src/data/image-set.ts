/** Images in memory, as every reader gives them and every method takes them. */
import { DataError } from '../errors.js';

/** Images of one size, with or without labels. */
export interface ImageSet {
  /** (count, channels, height, width), row-major, 0 to 255. */
  readonly images: Uint8Array;
  readonly count: number;
  /** Channels (1 grey, 3 red-green-blue), height, width. */
  readonly shape: ImageShape;
  /** Index into `classes` of each image; null where nothing is known. */
  readonly labels: Int32Array | null;
  readonly classes: readonly string[];
  /** File of each image, relative to the folder it was read from; null where there are no files. */
  readonly names: readonly string[] | null;
}

/** Channels, height, width. */
export type ImageShape = readonly [channels: number, height: number, width: number];

/** Bytes of one image. */
export function imageSize([channels, height, width]: ImageShape): number {
  return channels * height * width;
}

/**
 * The images at `indices`, in that order, copied; an index may come twice.
 * @throws DataError where an index is outside [0, count).
 */
export function select(set: ImageSet, indices: ArrayLike<number>): ImageSet {
  const size = imageSize(set.shape);
  const images = new Uint8Array(indices.length * size);
  const labels = set.labels && new Int32Array(indices.length);
  const names: string[] | null = set.names && [];
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] ?? Number.NaN;
    if (!Number.isInteger(index) || index < 0 || index >= set.count)
      throw new DataError(`index ${index} is outside the ${set.count} images of the set`, {
        actual: index,
      });
    images.set(set.images.subarray(index * size, (index + 1) * size), i * size);
    if (labels) labels[i] = set.labels?.[index] ?? -1;
    names?.push(set.names?.[index] ?? '');
  }
  return { ...set, images, labels, names, count: indices.length };
}

/** The same images with their labels forgotten. */
export function withoutLabels(set: ImageSet): ImageSet {
  return { ...set, labels: null };
}

/**
 * The images of `first`, then those of `second`. Labels and names are kept where both sets have them.
 * @throws DataError where their shapes differ.
 */
export function concatenate(first: ImageSet, second: ImageSet): ImageSet {
  if (first.shape.join() !== second.shape.join())
    throw new DataError(
      `images of shape [${first.shape.join(', ')}] and [${second.shape.join(', ')}] do not go together: read both at one size`,
      { expected: first.shape, actual: second.shape },
    );
  const images = new Uint8Array(first.images.length + second.images.length);
  images.set(first.images);
  images.set(second.images, first.images.length);
  const labels =
    first.labels && second.labels && Int32Array.from([...first.labels, ...second.labels]);
  const names = first.names && second.names && [...first.names, ...second.names];
  return { ...first, images, labels, names, count: first.count + second.count };
}

/** How many images each class has. */
export function countByClass(labels: Int32Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

/**
 * Checks that each label is an index into the classes.
 * @param path the file that the labels came from, for the sentence
 * @throws DataError naming the first image whose label is not, the label, and the file.
 */
export function checkLabels(set: ImageSet, path?: string): void {
  const index = set.labels?.findIndex((label) => label < 0 || label >= set.classes.length) ?? -1;
  if (index < 0) return;
  const file = set.names?.[index] ?? path;
  throw new DataError(
    `label ${set.labels?.[index]} of image ${index}${file === undefined ? '' : ` in ${file}`} is out of range: ` +
      `there are ${set.classes.length} classes, so labels go from 0 to ${set.classes.length - 1}`,
    {
      expected: set.classes.length,
      actual: set.labels?.[index],
      ...(file === undefined ? {} : { path: file }),
    },
  );
}
