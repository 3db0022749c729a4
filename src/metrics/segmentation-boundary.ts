/**
 * Boundary IU (Cheng, Girshick, Dollár, Berg and Kirillov 2021): the IU of the strips inside the outlines of a class,
 * as wide as a share of the image's diagonal. A large object that is right but for its outline has a high IU and a
 * low boundary IU.
 */
import { DataError } from '../errors.js';
import { type PixelClasses, voidId } from './segmentation.js';

/** What the strips of all images together share, in pixels by class. */
export interface BoundaryCounts {
  readonly classes: number;
  readonly intersection: Float64Array;
  readonly union: Float64Array;
}

/** How outlines are compared. */
export interface BoundaryOptions {
  readonly width: number;
  readonly height: number;
  /** Width of the strips as a share of the diagonal, at least one pixel. 0.02 by default, the paper's. */
  readonly share?: number;
  /** Id of pixels that count nowhere, 255 by default. */
  readonly ignore?: number;
}

/** Counts of zero, to be filled by `addBoundaries`. */
export function emptyBoundaries(classes: number): BoundaryCounts {
  return {
    classes,
    intersection: new Float64Array(classes),
    union: new Float64Array(classes),
  };
}

/**
 * Counts the strips of one image into `counts`, in place. Where the truth is void the prediction is taken for void
 * too, so that the edge of a void region is an outline of both or of none (ours: the paper has no void).
 * @param truth the class of each of the `width` times `height` pixels, or `ignore`
 * @throws DataError where a size does not fit or an id is no class.
 */
export function addBoundaries(
  counts: BoundaryCounts,
  truth: PixelClasses,
  predicted: PixelClasses,
  { width, height, share = 0.02, ignore = voidId }: BoundaryOptions,
): void {
  for (const ids of [truth, predicted])
    if (ids.length !== width * height)
      throw new DataError(
        `boundary IU: ${width} x ${height} pixels are ${width * height}, got ${ids.length} ids`,
        { expected: width * height, actual: ids.length },
      );
  const distance = Math.max(1, Math.round(share * Math.hypot(width, height)));
  const seen = predicted.map((id, i) => (truth[i] === ignore ? ignore : id));
  const trueStrip = strip(truth, width, height, distance);
  const seenStrip = strip(seen, width, height, distance);
  for (let i = 0; i < truth.length; i++) {
    const [t = 0, p = 0] = [truth[i], seen[i]];
    if (t === ignore) continue;
    const [inTrue, inSeen] = [trueStrip[i] === 1, seenStrip[i] === 1];
    if (t === p && inTrue && inSeen) add(counts.intersection, t);
    if (inTrue) add(counts.union, t);
    if (inSeen && !(t === p && inTrue)) add(counts.union, p);
  }
}

/** Of each class, in [0, 1]; NaN where no outline of it was there or predicted. */
export function boundaryIu({ intersection, union }: BoundaryCounts): number[] {
  return Array.from(intersection, (common, i) => common / (union[i] ?? 0));
}

function add(counts: Float64Array, id: number): void {
  const count = counts[id];
  if (count === undefined)
    throw new DataError(
      `boundary IU: ${id} is no class, classes go from 0 to ${counts.length - 1}`,
      { expected: counts.length, actual: id },
    );
  counts[id] = count + 1;
}

/**
 * 1 for pixels that have another id, or the image's edge, within `distance` rows and columns: what a mask loses that
 * is eroded so often by a square of 3 x 3. In two sweeps whatever the distance.
 */
function strip(ids: PixelClasses, width: number, height: number, distance: number): Uint8Array {
  const inner = new Uint8Array(ids.length);
  for (let y = 0; y < height; y++)
    markInner(y * width, 1, width, distance, inner, (i, j) => ids[i] === ids[j]);
  const result = new Uint8Array(ids.length);
  for (let x = 0; x < width; x++)
    markInner(
      x,
      width,
      height,
      distance,
      result,
      (i, j) => ids[i] === ids[j] && inner[i] === 1 && inner[j] === 1,
    );
  return result.map((isInner) => 1 - isInner);
}

/** Along a line, marks what is `distance` away from the ends of each run of pixels that are alike. */
function markInner(
  start: number,
  step: number,
  count: number,
  distance: number,
  marks: Uint8Array,
  alike: (i: number, j: number) => boolean,
): void {
  let from = 0;
  for (let k = 1; k <= count; k++) {
    if (k < count && alike(start + (k - 1) * step, start + k * step)) continue;
    for (let inside = from + distance; inside < k - distance; inside++)
      marks[start + inside * step] = 1;
    from = k;
  }
}
