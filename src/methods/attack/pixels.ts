/** The paper's rules for pixels: PERT, CYCLIC and neighbourhoods. Coordinates are those of a `Range`. */
import { internal, UsageError } from '../../errors.js';
import { deriveKey, type Key, permutation } from '../../tensor/random.js';
import { boundsOf, type ImageShape, type Range } from './model.js';

/**
 * PERT of section 3 on one value: p sign(x), which may lie outside the range. The sign of 0 is 0: so a value of 0 stays,
 * which among 8-bit values there is only where a bound of the range is 0 or its middle falls on one.
 */
export const pert = (x: number, p: number): number => (x === 0 ? 0 : p * Math.sign(x));

/** CYCLIC of section 4: r x, led back into [lower, upper] from the other end. */
export function cyclic(x: number, r: number, lower: number, upper: number): number {
  const v = r * x;
  const wrapped = v < lower ? v + (upper - lower) : v > upper ? v - (upper - lower) : v;
  // A value of the range, r in [0, 2] and LB <= 0 <= UB leave no other case, but for rounding.
  const slack = 1e-9 * (upper - lower);
  if (!(wrapped >= lower - slack && wrapped <= upper + slack))
    internal(`CYCLIC took ${x} to ${wrapped}, outside [${lower}, ${upper}]`);
  return Math.min(upper, Math.max(lower, wrapped));
}

/** @throws UsageError where CYCLIC could leave the range. */
export function checkFactor(r: number): void {
  if (!(r >= 0 && r <= 2))
    throw new UsageError(`invalid r ${r}: give a number from 0 to 2`, { actual: r });
}

/** A function of one value in the coordinates of each channel, as one of 8-bit values (not rounded). */
export function inValues(
  range: Range,
  channel: number,
  of: (x: number, lower: number, upper: number) => number,
): (value: number) => number {
  const [lower, upper] = boundsOf(range, channel);
  const width = upper - lower;
  return (value) => ((of(lower + (width * value) / 255, lower, upper) - lower) * 255) / width;
}

/**
 * Pixels at most `d` rows and `d` columns from one of `centres`: squares of side 2 d + 1, clipped to the image, each pixel
 * once; first those of the first centre, row by row.
 */
export function neighbourhood(
  centres: readonly number[],
  d: number,
  { height, width }: ImageShape,
): number[] {
  const found = new Set<number>();
  for (const centre of centres) {
    const [row, column] = [Math.floor(centre / width), centre % width];
    const [bottom, right] = [Math.min(height - 1, row + d), Math.min(width - 1, column + d)];
    for (let y = Math.max(0, row - d); y <= bottom; y++)
      for (let x = Math.max(0, column - d); x <= right; x++) found.add(y * width + x);
  }
  return [...found];
}

/** `count` of `pixels` at random, or all where there are no more; every order alike. */
export function sample(pixels: readonly number[], count: number, key: Key): number[] {
  if (pixels.length === 0) return [];
  return Array.from(permutation(pixels.length, key).subarray(0, count), (i) => pixels[i] ?? 0);
}

/** Pixels of an image but those that are forbidden, ascending. */
export function allowedPixels(
  { height, width }: ImageShape,
  forbidden: ReadonlySet<number>,
): number[] {
  return Array.from({ length: height * width }, (_, i) => i).filter((i) => !forbidden.has(i));
}

/** Whole numbers of one stream, one after another: each call gives one in [0, below), all alike to 2^-32. */
export function drawsOf(key: Key): (below: number) => number {
  let at = 0;
  return (below) => Math.floor(((deriveKey(key, at++)[0] >>> 0) / 2 ** 32) * below);
}
