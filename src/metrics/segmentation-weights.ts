/** Class weights from how often classes are seen. */
import { DataError } from '../errors.js';
import { type PixelClasses, voidId } from './segmentation.js';

/** How often classes are seen in the masks of a data set, in pixels by class. */
export interface PixelCounts {
  /** Pixels of the class. */
  readonly ofClass: Float64Array;
  /** Pixels, other than void, of the images that have the class. */
  readonly besides: Float64Array;
}

/** Counts of zero, to be filled by `countPixels`. */
export function emptyPixelCounts(classes: number): PixelCounts {
  return { ofClass: new Float64Array(classes), besides: new Float64Array(classes) };
}

/**
 * Counts one image's mask into `counts`, in place.
 * @throws DataError where an id is neither class nor `ignore`.
 */
export function countPixels(
  { ofClass, besides }: PixelCounts,
  ids: PixelClasses,
  ignore: number = voidId,
): void {
  const here = new Float64Array(ofClass.length);
  let all = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] ?? 0;
    if (id === ignore) continue;
    const count = here[id];
    if (count === undefined)
      throw new DataError(
        `pixel ${i}: the class is ${id}, where classes go from 0 to ${here.length - 1}. Check which ids the masks use.`,
        { expected: here.length, actual: id },
      );
    here[id] = count + 1;
    all++;
  }
  here.forEach((count, id) => {
    if (count === 0) return;
    ofClass[id] = (ofClass[id] ?? 0) + count;
    besides[id] = (besides[id] ?? 0) + all;
  });
}

/**
 * Median-frequency balancing (Eigen and Fergus 2015; used by SegNet): the weight of a class is
 * median / f, f its share of the pixels of the images that have it, median that of all classes' shares. Rare classes
 * weigh more than 1, common ones less. A class that is never seen takes no part, and its weight is 0.
 * @throws DataError where no class was seen.
 */
export function medianFrequencyWeights({ ofClass, besides }: PixelCounts): number[] {
  const shares = Array.from(ofClass, (count, id) => count / (besides[id] ?? 0));
  const seen = shares.filter((share) => share > 0).sort((a, b) => a - b);
  if (seen.length === 0)
    throw new DataError(
      'median-frequency weights: no pixel of any class was counted. Are all pixels void?',
    );
  const [low = 0, high = 0] = [seen[(seen.length - 1) >> 1], seen[seen.length >> 1]];
  const median = (low + high) / 2;
  return shares.map((share) => (share > 0 ? median / share : 0));
}
