import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../errors.js';
import { streamKey } from '../../tensor/random.js';
import {
  augmentPair,
  checkPairAugmentation,
  noPairAugmentation,
  type PairAugmentation,
} from './augment-pairs.js';
import type { Scene } from './scenes.js';

/** A scene whose mask is painted into its image: blocks of 8 x 8 pixels, each of a class; grey is 20 * class. */
function painted(height: number, width: number, block = 8): Scene {
  const ids = Uint8Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    return (Math.floor(y / block) * 5 + Math.floor(x / block) * 3) % 11;
  });
  const pixels = new Uint8Array(3 * ids.length);
  for (let c = 0; c < 3; c++)
    pixels.set(
      ids.map((id) => 20 * id),
      c * ids.length,
    );
  return {
    image: { height, width, channels: 3, pixels },
    mask: { height, width, ids },
  };
}

const padding = [251, 252, 253];

function changed(
  scene: Scene,
  options: Partial<PairAugmentation>,
  { height = 40, width = 56, seed = 0, keyed = true } = {},
) {
  const pixels = new Uint8Array(3 * height * width);
  const ids = new Uint8Array(height * width);
  const key = keyed ? streamKey(seed, 0, 'test') : null;
  const target = { height, width, channels: 3 } as const;
  augmentPair(scene, target, { ...noPairAugmentation, ...options }, padding, key, { pixels, ids });
  return { pixels, ids };
}

/** What the painted image should be where its mask is known. */
const paintOf = (id: number, c: number) => (id === 255 ? (padding[c] ?? 0) : 20 * id);

describe('a mask painted into the image', () => {
  it('stays equal under flips, crops and padding', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 20, max: 80 }),
        fc.integer({ min: 20, max: 80 }),
        (seed, h, w) => {
          const { pixels, ids } = changed(painted(h, w), { flip: true, crop: true }, { seed });
          for (let c = 0; c < 3; c++)
            ids.forEach((id, i) => {
              if (pixels[c * ids.length + i] !== paintOf(id, c))
                throw new Error(`pixel ${i} differs`);
            });
          // Nothing of the smaller of both is lost.
          expect(ids.filter((id) => id !== 255).length).toBe(Math.min(h, 40) * Math.min(w, 56));
        },
      ),
      { numRuns: 60, seed: 4 },
    );
  });

  it('stays equal at every scale but where two classes meet', () => {
    fc.assert(
      fc.property(fc.nat(1000), (seed) => {
        const options = { flip: true, crop: true, scale: [0.6, 2.5] } as const;
        const { pixels, ids } = changed(painted(64, 80, 16), options, { seed });
        let compared = 0;
        for (let y = 2; y < 38; y++)
          for (let x = 2; x < 54; x++) {
            const i = y * 56 + x;
            const around = [-2, -1, 0, 1, 2].flatMap((dy) =>
              [-2, -1, 0, 1, 2].map((dx) => ids[i + dy * 56 + dx]),
            );
            if (new Set(around).size > 1) continue;
            expect(pixels[i]).toBe(paintOf(ids[i] ?? 0, 0));
            compared++;
          }
        expect(compared).toBeGreaterThan(300);
      }),
      { numRuns: 40, seed: 4 },
    );
  });
});

describe('changes of pairs', () => {
  it('are a pure function of the key', () => {
    const options = { flip: true, crop: true, scale: [0.5, 2], jitter: 0.4 } as const;
    const of = (seed: number) => changed(painted(90, 70), options, { seed });
    expect(of(5)).toEqual(of(5));
    expect(of(5)).not.toEqual(of(6));
  });

  it('do not change the mask where only colours do, nor what lies outside', () => {
    const [plain, jittered] = [0, 0.5].map((jitter) => changed(painted(30, 90), { jitter }));
    expect(jittered?.ids).toEqual(plain?.ids);
    expect(jittered?.pixels).not.toEqual(plain?.pixels);
    expect([...(jittered?.pixels ?? [])].slice(0, 56)).toEqual(new Array(56).fill(251));
  });

  it('turn about every other scene', () => {
    const straight = changed(painted(40, 56), {}).ids;
    const turned = Array.from(
      { length: 200 },
      (_, seed) => changed(painted(40, 56), { flip: true }, { seed }).ids,
    ).filter((ids) => String(ids) !== String(straight));
    expect(turned.length).toBeGreaterThan(70);
    expect(turned.length).toBeLessThan(130);
    expect(new Set(turned.map(String)).size).toBe(1);
  });

  it('without a key are none: the middle, at the least scale', () => {
    const scene = painted(40, 56);
    expect(changed(scene, { flip: true, crop: true, jitter: 0.5 }, { keyed: false })).toEqual({
      pixels: scene.image.pixels,
      ids: scene.mask.ids,
    });
    const half = changed(painted(80, 112, 16), { scale: [0.5, 2] }, { keyed: false });
    expect(half.ids).toEqual(painted(40, 56).mask.ids);
    expect(half.pixels).toEqual(painted(40, 56).image.pixels);
  });

  it('show grey scenes to networks of three channels, and colours to one of grey', () => {
    const scene = painted(4, 4, 1);
    const grey = {
      ...scene,
      image: { ...scene.image, channels: 1, pixels: scene.image.pixels.subarray(0, 16) },
    } as const;
    const size = { height: 4, width: 4 };
    expect(changed(grey, {}, size).pixels).toEqual(scene.image.pixels);
    const [pixels, ids] = [new Uint8Array(16), new Uint8Array(16)];
    augmentPair(scene, { ...size, channels: 1 }, noPairAugmentation, [0], null, { pixels, ids });
    expect(pixels).toEqual(scene.image.pixels.subarray(0, 16));
  });

  it('that make no sense are refused', () => {
    const check = (options: Partial<PairAugmentation>) => () =>
      checkPairAugmentation({ ...noPairAugmentation, ...options });
    expect(check({ scale: [2, 1] })).toThrow(UsageError);
    expect(check({ scale: [0, 1] })).toThrow(
      'scale must be two factors above 0, the smaller first, got 0 and 1',
    );
    expect(check({ jitter: 1 })).toThrow('jitter must be a number in [0, 1), got 1');
  });
});
