/** Boundary IU against a case counted by hand and against erosion as the paper's authors write it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { addBoundaries, boundaryIu, emptyBoundaries } from './segmentation-boundary.js';

const square = (width: number, from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: width * width }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return x >= from && x < to && y >= from && y < to ? 1 : 0;
  });

it('is that of rings, where a square is found one pixel too small', () => {
  const counts = emptyBoundaries(2);
  // 20 x 20 pixels: a strip of round(0.05 · 28.3) = 1 pixel. Outlines of 10 x 10 and of 8 x 8 have 36 and 28 pixels.
  const options = { width: 20, height: 20, share: 0.05 };
  addBoundaries(counts, square(20, 5, 15), square(20, 6, 14), options);
  expect(counts.intersection[1]).toBe(0);
  expect(counts.union[1]).toBe(36 + 28);
  // Outside both have the image's edge, 76 pixels, and a ring around the square: 44 and 36.
  expect(boundaryIu(counts)[0]).toBeCloseTo(76 / (76 + 44 + 36), 12);
});

it('takes 2 % of the diagonal, one pixel at least', () => {
  const strips = (width: number) => {
    const counts = emptyBoundaries(1);
    const all = new Uint8Array(width * width);
    addBoundaries(counts, all, all, { width, height: width });
    return counts.union[0];
  };
  expect(strips(10)).toBe(100 - 64);
  expect(strips(100)).toBe(100 ** 2 - 94 ** 2);
});

/** Erosion of one class by a 3 x 3 square, again and again, void not of any class. */
function erodedStrip(mask: readonly boolean[], width: number, distance: number): boolean[] {
  let eroded = [...mask];
  const at = (x: number, y: number): boolean =>
    x >= 0 && x < width && (eroded[y * width + x] ?? false);
  for (let k = 0; k < distance; k++)
    eroded = eroded.map((_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)];
      return [-1, 0, 1].every((dy) => [-1, 0, 1].every((dx) => at(x + dx, y + dy)));
    });
  return mask.map((inside, i) => inside && !eroded[i]);
}

const [width, height] = [9, 7];
/** Coarse patches, so that masks have an inside. */
const ids = (values: fc.Arbitrary<number>) =>
  fc
    .array(values, { minLength: 6, maxLength: 6 })
    .map((patches) =>
      Uint8Array.from(
        { length: width * height },
        (_, i) =>
          patches[Math.floor((i % width) / 4) + 3 * Math.floor(Math.floor(i / width) / 4)] ?? 0,
      ),
    );
const truths = ids(fc.constantFrom(0, 1, 2, 255));
const predictions = ids(fc.integer({ min: 0, max: 2 }));

it('is what erosion of each class by itself gives', () => {
  fc.assert(
    fc.property(
      truths,
      predictions,
      fc.integer({ min: 1, max: 4 }),
      (truth, predicted, distance) => {
        const counts = emptyBoundaries(3);
        const share = distance / Math.hypot(width, height);
        addBoundaries(counts, truth, predicted, { width, height, share });
        for (const k of [0, 1, 2]) {
          const known = (i: number) => truth[i] !== 255;
          const own = erodedStrip(
            [...truth].map((id) => id === k),
            width,
            distance,
          );
          const seen = erodedStrip(
            [...predicted].map((id, i) => known(i) && id === k),
            width,
            distance,
          );
          expect(counts.intersection[k]).toBe(own.filter((on, i) => on && seen[i]).length);
          expect(counts.union[k]).toBe(own.filter((on, i) => on || seen[i]).length);
        }
      },
    ),
    { numRuns: 60 },
  );
});

it('is 1 for the truth, whatever is predicted where it is void, and NaN for what is nowhere', () => {
  fc.assert(
    fc.property(truths, predictions, (truth, anything) => {
      const counts = emptyBoundaries(4);
      const perfect = truth.map((id, i) => (id === 255 ? (anything[i] ?? 0) : id));
      addBoundaries(counts, truth, perfect, { width, height });
      boundaryIu(counts).forEach((iu, k) => {
        expect(iu).toBe(truth.includes(k) ? 1 : Number.NaN);
      });
    }),
    { numRuns: 40 },
  );
});

it('refuses sizes and ids that do not fit', () => {
  const counts = emptyBoundaries(2);
  const four = Uint8Array.of(0, 1, 1, 0);
  expect(() => addBoundaries(counts, four, four, { width: 3, height: 2 })).toThrow(
    /3 x 2 pixels are 6, got 4 ids/,
  );
  const wrong = Uint8Array.of(0, 1, 7, 0);
  expect(() => addBoundaries(counts, wrong, four, { width: 2, height: 2 })).toThrow(DataError);
});
