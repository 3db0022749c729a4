/** Images read linearly between their pixels: what the changes of images alone and of images with masks share. */

/** For each target pixel of an axis the two source pixels that it lies between, and its share of the second. */
export interface Places {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly share: Float32Array;
}

/**
 * Fills one row, uint8, from two rows of the source and two columns of each.
 * @param upper where the upper row begins in `pixels`, `lower` the lower one
 * @param down share of the lower row, 0 to 1
 */
export function blend(
  pixels: Uint8Array,
  upper: number,
  lower: number,
  down: number,
  { first, second, share }: Places,
  row: Uint8Array,
): void {
  for (let x = 0; x < row.length; x++) {
    const [a, b, right] = [first[x] ?? 0, second[x] ?? 0, share[x] ?? 0];
    const above = (pixels[upper + a] ?? 0) * (1 - right) + (pixels[upper + b] ?? 0) * right;
    const below = (pixels[lower + a] ?? 0) * (1 - right) + (pixels[lower + b] ?? 0) * right;
    row[x] = above * (1 - down) + below * down + 0.5;
  }
}
