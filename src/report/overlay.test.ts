import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { differences, overlay } from './overlay.js';

const image = {
  width: 3,
  height: 1,
  channels: 3,
  pixels: Uint8Array.of(100, 0, 200, 50, 50, 50, 9, 8, 7),
} as const;
const palette = [
  [0, 0, 0],
  [255, 255, 255],
] as const;

describe('overlay', () => {
  it('mixes each class’s colour in, and leaves void as it is', () => {
    const found = overlay(image, Uint8Array.of(0, 1, 255), palette, { opacity: 0.5 });
    expect([...found]).toEqual([50, 0, 100, 153, 153, 153, 9, 8, 7]);
  });

  it('shows the picture alone at 0 and the colours alone at 1', () => {
    const ids = Uint8Array.of(1, 0, 1);
    expect(overlay(image, ids, palette, { opacity: 0 })).toEqual(image.pixels);
    const colours = overlay(image, ids, palette, { opacity: 1 });
    expect([...colours]).toEqual([255, 255, 255, 0, 0, 0, 255, 255, 255]);
  });

  it('takes grey pictures, and makes grey ones', () => {
    const grey = { width: 2, height: 1, channels: 1, pixels: Uint8Array.of(10, 20) } as const;
    expect([...overlay(grey, Uint8Array.of(255, 255), palette)]).toEqual([10, 10, 10, 20, 20, 20]);
    const made = overlay(image, Uint8Array.of(255, 255, 255), palette, { grey: true });
    // 0.299 · 100 + 0.114 · 200
    expect([...made.subarray(0, 3)]).toEqual([53, 53, 53]);
  });

  it('refuses other sizes and classes without a colour', () => {
    expect(() => overlay(image, Uint8Array.of(0), palette)).toThrow(
      /1 pixels does not fit a picture of 3 x 1/,
    );
    expect(() => overlay(image, Uint8Array.of(0, 2, 0), palette)).toThrow(DataError);
  });
});

it('differences paints what was taken for another class, and not what is void', () => {
  const found = differences(image, Uint8Array.of(0, 1, 255), Uint8Array.of(0, 0, 1));
  const pixel = (i: number) => [...found.subarray(3 * i, 3 * i + 3)];
  expect(new Set(pixel(0)).size).toBe(1);
  expect(new Set(pixel(2)).size).toBe(1);
  const [red = 0, green = 0, blue = 0] = pixel(1);
  expect(red).toBeGreaterThan(2 * green);
  expect(green).toBeGreaterThan(blue);
});
