/** Makes large images small, so that a report of hundreds of photographs stays a file one can send. */
import type { ReportImage } from './run-report.js';

/**
 * The image at most `longest` pixels wide and high: each new pixel is the mean of the box of old ones that it
 * covers. An image that is small enough is returned as it is.
 */
export function shrink(image: ReportImage, longest: number): ReportImage {
  const scale = longest / Math.max(image.width, image.height);
  if (scale >= 1) return image;
  const width = Math.max(1, Math.round(image.width * scale));
  const height = Math.max(1, Math.round(image.height * scale));
  const { channels } = image;
  const pixels = new Uint8Array(width * height * channels);
  const across = Array.from({ length: width }, (_, x) => box(x, width, image.width));
  const down = Array.from({ length: height }, (_, y) => box(y, height, image.height));
  let at = 0;
  for (const rows of down)
    for (const columns of across)
      for (let c = 0; c < channels; c++)
        pixels[at++] = Math.round(boxMean(image, c, columns, rows));
  return { ...image, width, height, pixels };
}

/** The old pixels [from, to) that new pixel `i` of `size` covers. */
function box(i: number, size: number, oldSize: number): readonly [from: number, to: number] {
  const from = Math.floor((i * oldSize) / size);
  return [from, Math.max(from + 1, Math.floor(((i + 1) * oldSize) / size))];
}

function boxMean(
  { pixels, width, channels }: ReportImage,
  channel: number,
  [left, right]: readonly [number, number],
  [top, bottom]: readonly [number, number],
): number {
  let sum = 0;
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) sum += pixels[(y * width + x) * channels + channel] ?? 0;
  return sum / ((right - left) * (bottom - top));
}
