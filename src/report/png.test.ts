import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { encodePng, pngDataUri } from './png.js';

describe('encodePng', () => {
  it.each([1, 3] as const)('writes %i channels that a decoder reads back', (channels) => {
    const pixels = Uint8Array.from({ length: 5 * 4 * channels }, (_, i) => (i * 37) % 256);
    const decoded = decode(encodePng(pixels, 5, 4, channels));
    expect(decoded).toMatchObject({ width: 5, height: 4, channels, depth: 8 });
    expect(Array.from(decoded.data)).toEqual(Array.from(pixels));
  });

  it('says what the size asks for where the pixels do not fit', () => {
    expect(() => encodePng(new Uint8Array(5), 2, 2, 1)).toThrow(DataError);
    expect(() => encodePng(new Uint8Array(5), 2, 2, 1)).toThrow(/2 x 2 pixels.*holds 4.*got 5/);
    expect(() => encodePng(new Uint8Array(0), 0, 0, 1)).toThrow(DataError);
  });

  it('stays small for a plain picture', () => {
    expect(encodePng(new Uint8Array(28 * 28), 28, 28, 1).length).toBeLessThan(100);
  });
});

it('pngDataUri holds the bytes', () => {
  const png = encodePng(Uint8Array.of(0, 128, 255, 7), 2, 2, 1);
  const [head, body = ''] = pngDataUri(png).split(',');
  expect(head).toBe('data:image/png;base64');
  expect(new Uint8Array(Buffer.from(body, 'base64'))).toEqual(png);
});
