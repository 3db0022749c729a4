/** Labels on the map of a box: what is figure, which part it is, what is near a keypoint. */
import { type Box, cellCentres, type Extent } from './box.js';

/** A map over a box: where its places are. */
export interface BoxMap {
  /** As expanded. */
  readonly box: Box;
  /** Places along each side. */
  readonly size: number;
  readonly image: Extent;
}

/**
 * 1 where the nearest pixel belongs to the thing, else 0, beyond the image too.
 * @param pixels row * width + column
 * @returns (size, size)
 */
export function figureTarget(pixels: ArrayLike<number>, map: BoxMap): Uint8Array {
  return labelledTargets(pixels, null, 1, map);
}

/**
 * A target for each part: 1 where the nearest pixel belongs to it.
 * @param parts of each of `pixels`, from 0 on
 * @returns (count, size, size)
 */
export function partTargets(
  pixels: ArrayLike<number>,
  parts: ArrayLike<number>,
  count: number,
  map: BoxMap,
): Uint8Array {
  return labelledTargets(pixels, parts, count, map);
}

function labelledTargets(
  pixels: ArrayLike<number>,
  parts: ArrayLike<number> | null,
  count: number,
  { box, size, image }: BoxMap,
): Uint8Array {
  const shown = new Uint8Array(image.height * image.width);
  for (let i = 0; i < pixels.length; i++) shown[pixels[i] ?? 0] = 1 + (parts?.[i] ?? 0);
  const ys = cellCentres(box.top, box.height, size).map(Math.round);
  const xs = cellCentres(box.left, box.width, size).map(Math.round);
  const target = new Uint8Array(count * size * size);
  ys.forEach((y, i) => {
    if (y < 0 || y >= image.height) return;
    xs.forEach((x, j) => {
      if (x < 0 || x >= image.width) return;
      const label = shown[y * image.width + x] ?? 0;
      if (label > 0 && label <= count) target[((label - 1) * size + i) * size + j] = 1;
    });
  });
  return target;
}

/**
 * A target for each keypoint: 1 within `radius` of it. One that is not there is nowhere.
 * @param radius in pixels: 10 % of the box's diagonal in the paper
 * @returns (keypoints, size, size)
 */
export function keypointTargets(
  keypoints: readonly ({ readonly y: number; readonly x: number } | null)[],
  radius: number,
  { box, size }: BoxMap,
): Uint8Array {
  const target = new Uint8Array(keypoints.length * size * size);
  const ys = cellCentres(box.top, box.height, size);
  const xs = cellCentres(box.left, box.width, size);
  keypoints.forEach((point, k) => {
    if (!point) return;
    ys.forEach((y, i) => {
      xs.forEach((x, j) => {
        if (Math.hypot(y - point.y, x - point.x) <= radius) target[(k * size + i) * size + j] = 1;
      });
    });
  });
  return target;
}
