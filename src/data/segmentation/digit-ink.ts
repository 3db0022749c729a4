/** Digits as they stand in scenes: MNIST's images at any size, blended in, and the pixels that are theirs. */
import type { Box } from './scenes.js';

/** Where a digit's image lies in a scene. */
export interface Frame {
  readonly top: number;
  readonly left: number;
  readonly side: number;
}

/** A side of MNIST's images. */
const own = 28;

/**
 * A digit's image at another size: (side, side), 0 to 1. Enlarged, it is read linearly between pixels; shrunk, it is
 * averaged over the area that each pixel covers, so that no stroke is lost.
 * @param image (28, 28), 0 to 255
 */
export function inkOf(image: Uint8Array, side: number): Float32Array {
  const taps = tapsOf(side);
  const half = new Float32Array(own * side);
  for (let y = 0; y < own; y++)
    for (let x = 0; x < side; x++) {
      let sum = 0;
      for (const [from, weight] of taps[x] ?? []) sum += weight * (image[y * own + from] ?? 0);
      half[y * side + x] = sum / 255;
    }
  const out = new Float32Array(side * side);
  for (let y = 0; y < side; y++)
    for (const [from, weight] of taps[y] ?? [])
      for (let x = 0; x < side; x++)
        out[y * side + x] = (out[y * side + x] ?? 0) + weight * (half[from * side + x] ?? 0);
  return out;
}

type Taps = readonly (readonly (readonly [from: number, weight: number])[])[];
const known = new Map<number, Taps>();

/** A triangle as wide as the larger of the two pixels, whose weights sum to 1. */
function tapsOf(side: number): Taps {
  const before = known.get(side);
  if (before) return before;
  const step = own / side;
  const reach = Math.max(1, step);
  const taps = Array.from({ length: side }, (_, i) => {
    const centre = (i + 0.5) * step - 0.5;
    const near: [number, number][] = [];
    for (let from = Math.ceil(centre - reach); from <= centre + reach; from++)
      if (from >= 0 && from < own) near.push([from, 1 - Math.abs(from - centre) / reach]);
    const total = near.reduce((sum, [, weight]) => sum + weight, 0);
    return near.map(([from, weight]) => [from, weight / total] as const);
  });
  known.set(side, taps);
  return taps;
}

/** A pixel belongs to a digit where at least half of it is ink. */
const inkThreshold = 0.5;

/**
 * Blends a digit into an image, in front of what is there.
 * @param pixels (3, height, width), changed in place
 * @param ink (side, side), 0 to 1
 * @param colour red, green, blue, 0 to 255
 * @returns the digit's pixels: row * width + column, rising
 */
export function paintInk(
  pixels: Uint8Array,
  { height, width }: { readonly height: number; readonly width: number },
  { top, left, side }: Frame,
  ink: Float32Array,
  colour: readonly number[],
): Uint32Array {
  const mine: number[] = [];
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const alpha = ink[y * side + x] ?? 0;
      if (alpha === 0) continue;
      const at = (top + y) * width + left + x;
      if (alpha >= inkThreshold) mine.push(at);
      for (let c = 0; c < 3; c++) {
        const under = pixels[c * height * width + at] ?? 0;
        pixels[c * height * width + at] = under + alpha * ((colour[c] ?? 0) - under) + 0.5;
      }
    }
  return Uint32Array.from(mine);
}

/** The smallest box around pixels; of no size where there are none. */
export function boxOf(pixels: Uint32Array, width: number): Box {
  let [top, left, bottom, right] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, -1, -1];
  for (const at of pixels) {
    const [y, x] = [Math.floor(at / width), at % width];
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
    left = Math.min(left, x);
    right = Math.max(right, x);
  }
  return bottom < 0
    ? { top: 0, left: 0, height: 0, width: 0 }
    : { top, left, height: bottom - top + 1, width: right - left + 1 };
}
