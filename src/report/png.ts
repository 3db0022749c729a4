/** Pixels to PNG bytes, and to the data URI that carries them inside a page. */
import { DataError } from '../errors.js';
import { wholePng } from '../runs/png-file.js';

/**
 * A PNG file, 8 bits a channel.
 * @param pixels height, width, channels in row-major order; 0..255
 * @param channels 1 is grey, 3 is RGB
 * @throws DataError where the number of pixels does not fit the size
 */
export function encodePng(
  pixels: Uint8Array,
  width: number,
  height: number,
  channels: 1 | 3,
): Uint8Array {
  const expected = width * height * channels;
  if (!(width >= 1 && height >= 1) || pixels.length !== expected)
    throw new DataError(
      `image of ${width} x ${height} pixels with ${channels} channels holds ${expected} values, ` +
        `got ${pixels.length}. Pass height, width, channels in that order, one byte each.`,
      { expected, actual: pixels.length },
    );
  return new Uint8Array(wholePng(pixels, { width, height }));
}

/** `data:image/png;base64,...` */
export function pngDataUri(png: Uint8Array): string {
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
}
