import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../errors.js';
import { boxOverlap, checkBox, clipBox, expandBox, mapPoints } from './box.js';
import { cellsOfAxis, gridWeights } from './grid.js';
import { figureMask, keypointsOf, partsOf } from './heat.js';
import { figureTarget, keypointTargets, partTargets } from './targets.js';

const box = (top: number, left: number, height: number, width: number) => ({
  ...{ top, left, height, width },
});
const image = { height: 20, width: 30 };

describe('boxes', () => {
  it('of no area or outside the image are refused, with what they are', () => {
    const sentence = (given: ReturnType<typeof box>) => {
      try {
        checkBox(given, image, 'detection 3');
        return null;
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        return String(error);
      }
    };
    expect(sentence(box(0, 0, 20, 30))).toBeNull();
    expect(sentence(box(-5, -5, 10, 10))).toBeNull();
    expect(sentence(box(1, 2, 0, 4))).toContain(
      'the box of detection 3, 4 x 0 at (2, 1), has no area',
    );
    expect(sentence(box(5, 5, 2, -4))).toContain('has no area');
    expect(sentence(box(5, 30, 2, 4))).toContain('lies outside its image of 30 x 20');
    expect(sentence(box(-2, 5, 2, 4))).toContain('lies outside');
    expect(sentence(box(Number.NaN, 5, 2, 4))).toContain('is not of numbers');
  });

  it('grow by a share of their sides at every edge', () => {
    expect(expandBox(box(10, 20, 4, 8), 0.25)).toEqual(box(9, 18, 6, 12));
    expect(clipBox(box(-2, 25, 10, 10), image)).toEqual(box(0, 25, 8, 5));
    expect(boxOverlap(box(0, 0, 2, 4), box(0, 2, 2, 4))).toBeCloseTo(1 / 3, 12);
    expect(boxOverlap(box(0, 0, 2, 2), box(5, 5, 2, 2))).toBe(0);
  });

  it('have places at the middles of their cells, counted by the centres of pixels', () => {
    // As many places as pixels: each is a pixel.
    expect([...mapPoints(box(3, 5, 2, 2), 2)]).toEqual([3, 5, 3, 6, 4, 5, 4, 6]);
    expect([...mapPoints(box(0, 0, 4, 4), 2)]).toEqual([0.5, 0.5, 0.5, 2.5, 2.5, 0.5, 2.5, 2.5]);
  });
});

describe('the grid', () => {
  it('blends the nearest classifiers with weights that sum to 1', () => {
    for (const cells of [1, 2, 5, 10]) {
      const { data, dims } = gridWeights(cells, 50);
      expect(dims).toEqual([cells * cells, 50, 50]);
      for (let at = 0; at < 2500; at++) {
        const own = Array.from({ length: cells * cells }, (_, k) => data[k * 2500 + at] ?? 0);
        expect(own.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
        expect(own.filter((weight) => weight > 0).length).toBeLessThanOrEqual(4);
      }
    }
  });

  it('gives a place in the middle of a cell to its classifier alone, and one between two to both', () => {
    // Two cells on six places: middles at 1 and 4.
    const { data } = gridWeights(2, 6);
    const firstRow = (k: number) => Array.from({ length: 6 }, (_, j) => data[k * 36 + j] ?? 0);
    expect(firstRow(0).map((weight) => Number(weight.toFixed(4)))).toEqual([
      1, 1, 0.6667, 0.3333, 0, 0,
    ]);
    expect(firstRow(1).map((weight) => Number(weight.toFixed(4)))).toEqual([
      0, 0, 0.3333, 0.6667, 1, 1,
    ]);
    expect([...cellsOfAxis(6, 2)]).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('refuses more cells than places', () => {
    expect(() => gridWeights(7, 6)).toThrow(/from 1 to 6, the map's; got 7/);
  });
});

describe('targets and what is read from heat', () => {
  const map = { box: box(2, 3, 6, 5), size: 30, image };
  const pixels = Uint32Array.from([4 * 30 + 5, 4 * 30 + 6, 5 * 30 + 5]);

  it('of a figure give its mask back', () => {
    const target = figureTarget(pixels, map);
    // Each pixel of the box is 5 rows of 6 places.
    expect(target.reduce((sum, one) => sum + one, 0)).toBe(3 * 30);
    expect([...figureMask(Float32Array.from(target), map)]).toEqual([...pixels]);
  });

  it('of any figure in a box of whole pixels, if the map is fine enough', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(29), { maxLength: 12 }), (places) => {
        const own = places
          .map((place) => (2 + Math.floor(place / 5)) * 30 + 3 + (place % 5))
          .sort((a, b) => a - b);
        const heat = Float32Array.from(figureTarget(own, map));
        expect([...figureMask(heat, map)]).toEqual(own);
      }),
      { seed: 3, numRuns: 50 },
    );
  });

  it('beyond the image are 0, and nothing there is figure', () => {
    const beyond = { box: box(-3, -3, 6, 6), size: 6, image };
    const target = figureTarget(Uint32Array.of(0), beyond);
    expect(target.reduce((sum, one) => sum + one, 0)).toBe(1);
    expect(target[3 * 6 + 3]).toBe(1);
    expect([...figureMask(new Float32Array(36).fill(1), beyond)]).toEqual([
      0, 1, 2, 30, 31, 32, 60, 61, 62,
    ]);
  });

  it('of parts give each pixel its part', () => {
    const parts = Uint8Array.of(0, 2, 1);
    const target = partTargets(pixels, parts, 3, map);
    expect(target.length).toBe(3 * 900);
    expect([...partsOf(Float32Array.from(target), pixels, map)]).toEqual([...parts]);
  });

  it('of keypoints are 1 within the radius, and the hottest place is the keypoint', () => {
    const one = { box: box(0, 0, 10, 10), size: 10, image };
    const target = keypointTargets([{ y: 4, x: 6 }, null], 1, one);
    expect([...target].flatMap((v, at) => (v ? [at] : []))).toEqual([36, 45, 46, 47, 56]);
    const heat = Float32Array.from(target);
    heat[46] = 2;
    heat[100 + 7] = 0.5;
    expect(keypointsOf(heat, one)).toEqual([
      { y: 4, x: 6, heat: 2 },
      { y: 0, x: 7, heat: 0.5 },
    ]);
  });

  it('keeps keypoints inside the image', () => {
    const beyond = { box: box(15, 25, 10, 10), size: 5, image };
    const heat = new Float32Array(25);
    heat[24] = 1;
    expect(keypointsOf(heat, beyond)).toEqual([{ y: 19, x: 29, heat: 1 }]);
  });
});
