import { describe, expect, it } from 'vitest';
import { alterations, alteredImages, noiseImages } from './altered.js';
import type { DecodedImage, ImageSource } from './image-source.js';

/** One image of so many rows and columns; its pixels count up. */
function one(height: number, width: number, channels: 1 | 3 = 1): ImageSource {
  const pixels = Uint8Array.from({ length: channels * height * width }, (_, i) => i);
  return {
    count: 1,
    label: () => 4,
    name: () => 'a.png',
    decode: async () => ({ width, height, channels, pixels }),
  };
}

const pixelsOf = ({ pixels }: DecodedImage): number[] => [...pixels];

describe('altered images', () => {
  it('are turned to the right, and mirrored left to right', async () => {
    const turned = await alteredImages(one(2, 3), 'rotated', 1).decode(0);
    expect([turned.height, turned.width]).toEqual([3, 2]);
    expect(pixelsOf(turned)).toEqual([3, 0, 4, 1, 5, 2]);
    const flipped = await alteredImages(one(2, 3, 3), 'flipped', 1).decode(0);
    expect(pixelsOf(flipped).slice(0, 6)).toEqual([2, 1, 0, 5, 4, 3]);
    expect(pixelsOf(flipped).slice(12)).toEqual([14, 13, 12, 17, 16, 15]);
  });

  it('are shrunk by means of four pixels, or cut to half their sides', async () => {
    const small = await alteredImages(one(4, 4), 'resized', 1).decode(0);
    expect([small.height, small.width, ...pixelsOf(small)]).toEqual([2, 2, 3, 5, 11, 13]);
    const part = await alteredImages(one(6, 4), 'cropped', 1).decode(0);
    expect([part.height, part.width]).toEqual([3, 2]);
    const [first = 0, second, third] = pixelsOf(part);
    expect([second, third]).toEqual([first + 1, first + 4]);
    expect(await alteredImages(one(6, 4), 'cropped', 1).decode(0)).toEqual(part);
  });

  it('keep their mean where they are blurred, and are never sharper', async () => {
    const spot = one(28, 28);
    const pixels = new Uint8Array(784);
    pixels[14 * 28 + 14] = 255;
    const source = { ...spot, decode: async () => ({ ...(await spot.decode(0)), pixels }) };
    const blurred = await alteredImages(source, 'blurred', 1).decode(0);
    const sum = pixelsOf(blurred).reduce((a, b) => a + b, 0);
    expect(Math.abs(sum - 255)).toBeLessThan(30);
    // A Gaussian of deviation 2 is 1 / (8 pi) high.
    expect(blurred.pixels[14 * 28 + 14]).toBe(Math.round(255 / (8 * Math.PI)));
    const grey = new Uint8Array(784).fill(90);
    const flat = { ...spot, decode: async () => ({ ...(await spot.decode(0)), pixels: grey }) };
    expect(new Set(pixelsOf(await alteredImages(flat, 'blurred', 1).decode(0)))).toEqual(
      new Set([90]),
    );
  });

  it('say what they are, and keep their labels', () => {
    for (const how of alterations) {
      const altered = alteredImages(one(2, 2), how, 1);
      expect([altered.name(0), altered.label(0), altered.count]).toEqual([`a.png, ${how}`, 4, 1]);
    }
  });
});

describe('noise', () => {
  it.each(['uniform', 'gaussian'] as const)(
    'is %s, and the same for the same seed',
    async (kind) => {
      const make = (seed: number) =>
        noiseImages(kind, 3, { height: 40, width: 50, channels: 3 }, seed);
      const image = await make(1).decode(2);
      expect(image.pixels).toHaveLength(6000);
      const mean = image.pixels.reduce((a, b) => a + b, 0) / 6000;
      expect(Math.abs(mean - 127.5)).toBeLessThan(5);
      // Of a Gaussian of deviation 1 about 0.5, 31 % is cut off at each end.
      const black = image.pixels.filter((value) => value === 0).length / 6000;
      expect(Math.abs(black - (kind === 'uniform' ? 0.002 : 0.309))).toBeLessThan(0.02);
      expect(await make(1).decode(2)).toEqual(image);
      expect(await make(2).decode(2)).not.toEqual(image);
      expect(make(1).label(0)).toBe(-1);
    },
  );
});
