/** Pixels to PNG bytes, and to the data URI that carries them inside a page. */
import { encode } from 'fast-png';
import { DataError } from '../errors.js';

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
  return encode({ data: pixels, width, height, channels, depth: 8 }, { zlib: { level: 9 } });
}

/** `data:image/png;base64,...` */
export function pngDataUri(png: Uint8Array): string {
  let binary = '';
  for (const byte of png) binary += String.fromCharCode(byte);
  return `data:image/png;base64,${btoa(binary)}`;
}
