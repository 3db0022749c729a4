/**
 * Boxes and the map that is laid over each: 50 x 50 places in the expanded box (Hariharan et al. 2015), where
 * every label and every heat is.
 */
import { DataError } from '../../errors.js';

/**
 * A rectangle in pixels, whole or not. Its edges are counted from the image's corner: pixel (row, column) covers
 * [row, row + 1) x [column, column + 1).
 */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Height and width in pixels. */
export interface Extent {
  readonly height: number;
  readonly width: number;
}

/**
 * Refuses boxes that nothing can be said about. One that leaves the image in part is taken: beyond the image the nearest
 * pixels are read, as the paper's expanded boxes need it anyway.
 * @param what it is called in the sentence, for example `detection 3 of a.jpg`
 * @throws DataError where the box has no area, lies outside the image, or is not of numbers.
 */
export function checkBox(box: Box, image: Extent, what: string): void {
  const { top, left, height, width } = box;
  const shown = `${width} x ${height} at (${left}, ${top})`;
  if (![top, left, height, width].every(Number.isFinite))
    throw new DataError(`the box of ${what}, ${shown}, is not of numbers`, { actual: box });
  if (!(height > 0 && width > 0))
    throw new DataError(
      `the box of ${what}, ${shown}, has no area. A box is its upper left corner, width and height, not two corners.`,
      { actual: box },
    );
  if (top >= image.height || left >= image.width || top + height <= 0 || left + width <= 0)
    throw new DataError(
      `the box of ${what}, ${shown}, lies outside its image of ${image.width} x ${image.height}. Boxes are in pixels of the image as it is.`,
      { expected: [image.width, image.height], actual: box },
    );
}

/** The box with `share` of its sides added at every edge. */
export function expandBox({ top, left, height, width }: Box, share: number): Box {
  return {
    top: top - share * height,
    left: left - share * width,
    height: (1 + 2 * share) * height,
    width: (1 + 2 * share) * width,
  };
}

/** The part of a box that lies in the image. */
export function clipBox({ top, left, height, width }: Box, image: Extent): Box {
  const [y0, x0] = [Math.max(0, top), Math.max(0, left)];
  const [y1, x1] = [Math.min(image.height, top + height), Math.min(image.width, left + width)];
  return { top: y0, left: x0, height: y1 - y0, width: x1 - x0 };
}

/** What two boxes share of what they cover, in [0, 1]. */
export function boxOverlap(a: Box, b: Box): number {
  const along = (from: number, size: number, other: number, otherSize: number): number =>
    Math.max(0, Math.min(from + size, other + otherSize) - Math.max(from, other));
  const both = along(a.top, a.height, b.top, b.height) * along(a.left, a.width, b.left, b.width);
  const either = a.height * a.width + b.height * b.width - both;
  return either > 0 ? both / either : 0;
}

/**
 * Where the middles of a map's cells stand along one axis, counted by pixels' centres (pixel i is at i), as
 * `dense/grid.ts` counts them: `size` numbers.
 */
export function cellCentres(from: number, length: number, size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => from + ((i + 0.5) * length) / size - 0.5);
}

/**
 * The places of a box's map: size * size points row by row, each y then x, counted by pixels' centres.
 * @param box as expanded
 */
export function mapPoints(box: Box, size: number): Float32Array {
  const ys = cellCentres(box.top, box.height, size);
  const xs = cellCentres(box.left, box.width, size);
  const points = new Float32Array(2 * size * size);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      points[2 * (i * size + j)] = ys[i] ?? 0;
      points[2 * (i * size + j) + 1] = xs[j] ?? 0;
    }
  return points;
}
