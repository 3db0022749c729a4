import { describe, expect, it } from 'vitest';
import { shrink } from './shrink.js';

const grey = (width: number, height: number, pixels: number[]) =>
  ({ width, height, channels: 1, pixels: Uint8Array.from(pixels), caption: '' }) as const;

describe('shrink', () => {
  it('leaves small images alone', () => {
    const image = grey(2, 1, [1, 2]);
    expect(shrink(image, 2)).toBe(image);
  });

  it('takes the mean of each box', () => {
    const small = shrink(grey(4, 2, [0, 10, 100, 200, 20, 30, 100, 200]), 2);
    expect(small).toMatchObject({ width: 2, height: 1 });
    expect(Array.from(small.pixels)).toEqual([15, 150]);
  });

  it('keeps the channels apart, and the shape of a sliver', () => {
    const pixels = Uint8Array.from({ length: 30 * 3 }, (_, i) => [10, 20, 30][i % 3] ?? 0);
    const small = shrink({ width: 30, height: 1, channels: 3, pixels, caption: 'x' }, 3);
    expect(small).toMatchObject({ width: 3, height: 1, caption: 'x' });
    expect(Array.from(small.pixels)).toEqual([10, 20, 30, 10, 20, 30, 10, 20, 30]);
  });
});
