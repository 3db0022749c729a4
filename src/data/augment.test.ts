import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.js';
import { streamKey } from '../tensor/random.js';
import { type AugmentOptions, augment, checkAugmentation, noAugmentation } from './augment.js';
import type { ImageTarget } from './decode-image.js';
import type { DecodedImage } from './image-source.js';

/** Pixel (y, x) of channel c is 16 y + x + 50 c, so that each says where it came from. */
function image(height: number, width: number, channels: 1 | 3 = 1): DecodedImage {
  const pixels = new Uint8Array(channels * height * width);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) pixels[(c * height + y) * width + x] = 16 * y + x + 50 * c;
  return { height, width, channels, pixels };
}

function changed(
  source: DecodedImage,
  target: ImageTarget,
  options: Partial<AugmentOptions> = {},
  key: number | null = null,
): number[] {
  const out = new Uint8Array(target.channels * target.height * target.width).fill(99);
  const drawn = key === null ? null : streamKey(1, key, 'test');
  augment(source, target, { ...noAugmentation, ...options }, drawn, out);
  return [...out];
}

const small: ImageTarget = { height: 3, width: 4, channels: 1 };
const plain = [...image(3, 4).pixels];
const keys = Array.from({ length: 40 }, (_, key) => key);

describe('without changes', () => {
  it('an image of the size stays, larger ones give their middle', () => {
    expect(changed(image(3, 4), small)).toEqual(plain);
    expect(changed(image(3, 8), small)).toEqual(plain.map((value) => value + 2));
    const same: DecodedImage = { ...image(6, 8), pixels: new Uint8Array(48).fill(7) };
    expect(changed(same, small)).toEqual(new Array(12).fill(7));
  });

  it('is enlarged linearly between pixels', () => {
    const two: DecodedImage = { height: 1, width: 2, channels: 1, pixels: Uint8Array.of(0, 200) };
    const target: ImageTarget = { height: 2, width: 4, channels: 1 };
    expect(changed(two, target)).toEqual([0, 50, 150, 200, 0, 50, 150, 200]);
  });

  it('grey becomes three channels, colour becomes its brightness', () => {
    const three = changed(image(3, 4), { ...small, channels: 3 });
    expect(three).toEqual([...plain, ...plain, ...plain]);
    const grey = changed(image(3, 4, 3), small);
    // 0.587 * 50 + 0.114 * 100 above the first channel.
    expect(grey).toEqual(plain.map((value) => Math.floor(value + 40.75 + 0.5)));
  });
});

describe('changes', () => {
  it('are the same for the same key', () => {
    const all = { flip: true, cropPadding: 2, cropScale: 0.3, jitter: 0.4 };
    const target: ImageTarget = { height: 8, width: 8, channels: 3 };
    const results = keys.map((key) => changed(image(8, 8, 3), target, all, key));
    expect(keys.map((key) => changed(image(8, 8, 3), target, all, key))).toEqual(results);
    expect(new Set(results.map(String)).size).toBe(keys.length);
  });

  it('flip turns about half of the images', () => {
    const mirrored = [3, 2, 1, 0, 19, 18, 17, 16, 35, 34, 33, 32];
    const results = keys.map((key) => String(changed(image(3, 4), small, { flip: true }, key)));
    expect(new Set(results)).toEqual(new Set([String(plain), String(mirrored)]));
    const turned = results.filter((result) => result === String(mirrored)).length;
    expect(turned).toBeGreaterThan(10);
    expect(turned).toBeLessThan(30);
  });

  it('padding moves by whole pixels, black coming in', () => {
    const ones: DecodedImage = { ...image(3, 4), pixels: Uint8Array.from(plain, (v) => v + 1) };
    const seen = new Set<string>();
    for (const key of Array.from({ length: 200 }, (_, k) => k)) {
      const result = changed(ones, small, { cropPadding: 1 }, key);
      for (let y = 0; y < 3; y++)
        for (let x = 0; x < 4; x++) {
          const value = result[4 * y + x] ?? 0;
          if (value === 0) continue;
          seen.add(`${Math.floor((value - 1) / 16) - y},${((value - 1) % 16) - x}`);
        }
      const moves = new Set(
        result.flatMap((value, i) =>
          value === 0
            ? []
            : [
                `${Math.floor((value - 1) / 16) - Math.floor(i / 4)},${((value - 1) % 16) - (i % 4)}`,
              ],
        ),
      );
      expect(moves.size).toBe(1);
      const [down = 0, right = 0] = [...moves][0]?.split(',').map(Number) ?? [];
      const inside = (3 - Math.abs(down)) * (4 - Math.abs(right));
      expect(result.filter((value) => value > 0)).toHaveLength(inside);
    }
    expect(seen.size).toBe(9);
  });

  it('a part is at least the share asked for, and inside', () => {
    const big = image(8, 8);
    const target: ImageTarget = { height: 8, width: 8, channels: 1 };
    for (const key of keys) {
      const result = changed(big, target, { cropScale: 0.5 }, key);
      const [low, high] = [Math.min(...result), Math.max(...result)];
      expect(high).toBeLessThanOrEqual(119);
      // Half of the area, at most 4/3 wide: at least 4.9 of 8 rows, of 16 each.
      expect(high - low).toBeGreaterThan(4.5 * 16);
    }
  });

  it('jitter keeps grey pixels grey, and the order of brightness', () => {
    const grey: DecodedImage = {
      ...{ height: 1, width: 4, channels: 3 },
      pixels: Uint8Array.of(10, 60, 120, 200, 10, 60, 120, 200, 10, 60, 120, 200),
    };
    for (const key of keys) {
      const result = changed(grey, { height: 1, width: 4, channels: 3 }, { jitter: 0.5 }, key);
      expect(result.slice(4, 8)).toEqual(result.slice(0, 4));
      expect(result.slice(8)).toEqual(result.slice(0, 4));
      expect(result.slice(0, 4)).toEqual(result.slice(0, 4).sort((a, b) => a - b));
    }
  });

  it('that make no sense are refused', () => {
    for (const wrong of [{ cropPadding: 0.5 }, { cropScale: 0 }, { cropScale: 2 }, { jitter: 1 }])
      expect(() => checkAugmentation({ ...noAugmentation, ...wrong })).toThrow(UsageError);
  });
});
