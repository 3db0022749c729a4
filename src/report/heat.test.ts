import { describe, expect, it } from 'vitest';
import { changesAsHeat, countsAsHeat, heatColour } from './heat.js';

const light = (rgb: ArrayLike<number>): number =>
  0.2126 * (rgb[0] ?? 0) + 0.7152 * (rgb[1] ?? 0) + 0.0722 * (rgb[2] ?? 0);

describe('heat', () => {
  it('grows lighter all the way', () => {
    const lights = Array.from({ length: 21 }, (_, i) => light(heatColour(i / 20)));
    expect(lights).toEqual(lights.toSorted((a, b) => a - b));
    expect(heatColour(-1)).toEqual(heatColour(0));
    expect(heatColour(7)).toEqual(heatColour(1));
  });

  it('leaves what did not change in dark grey, and colours the rest by how much', () => {
    const image = { width: 3, height: 1, channels: 1 as const, pixels: Uint8Array.of(200, 0, 255) };
    const out = changesAsHeat(image, Uint8Array.of(200, 255, 204));
    expect([...out.subarray(0, 3)]).toEqual([60, 60, 60]);
    expect([...out.subarray(3, 6)]).toEqual([...heatColour(1)]);
    expect([...out.subarray(6)]).toEqual([...heatColour(0.2)]);
  });

  it('takes the mean of the channels', () => {
    const image = { width: 1, height: 1, channels: 3 as const, pixels: Uint8Array.of(0, 0, 90) };
    expect([...changesAsHeat(image, Uint8Array.of(255, 0, 90))]).toEqual([...heatColour(1 / 3)]);
  });

  it('makes spots of pixels that could not be seen in a large picture', () => {
    const [width, height] = [160, 3];
    const pixels = new Uint8Array(width * height);
    const changed = Uint8Array.from(pixels, (_, i) => (i === width + 1 ? 255 : 0));
    const out = changesAsHeat({ width, height, channels: 1, pixels }, changed);
    const hot = Array.from(pixels, (_, i) => i).filter((i) => (out[3 * i] ?? 0) > 0);
    expect(hot).toEqual([0, 1, 2].flatMap((y) => [0, 1, 2].map((x) => y * width + x)));
  });

  it('shows counts by the largest, and none as black', () => {
    expect([...countsAsHeat([0, 2, 4])]).toEqual([0, 0, 0, ...heatColour(0.5), ...heatColour(1)]);
  });
});
