/** Figures of segmenters: cases worked by hand, brute force over pixels, and what must hold of any matrix. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, ShapeError } from '../errors.js';
import { tensor } from '../tensor/tensor.js';
import { type ConfusionMatrix, emptyConfusion } from './classification.js';
import {
  addPixels,
  classesOfPixels,
  mergeConfusions,
  type SegmentationFigures,
  segmentationFigures,
} from './segmentation.js';

const confusionOf = (
  truth: readonly number[],
  predicted: readonly number[],
  classes: number,
): ConfusionMatrix => {
  const confusion = emptyConfusion(classes);
  addPixels(confusion, Uint8Array.from(truth), Uint8Array.from(predicted));
  return confusion;
};

/** The figures that are one number. */
const overall = ({ classes, absent, ...rest }: SegmentationFigures) => rest;

describe('segmentationFigures', () => {
  it('are the paper’s, by hand', () => {
    // Rows truth: 3 1 0 | 1 2 0 | 0 1 1, and one void pixel.
    const found = segmentationFigures(
      confusionOf([0, 0, 0, 0, 1, 1, 1, 2, 2, 255], [0, 0, 0, 1, 0, 1, 1, 1, 2, 0], 3),
    );
    expect(found.pixels).toBe(9);
    expect(found.pixelAccuracy).toBeCloseTo(6 / 9, 12);
    expect(found.meanAccuracy).toBeCloseTo((3 / 4 + 2 / 3 + 1 / 2) / 3, 12);
    expect(found.meanIu).toBeCloseTo((3 / 5 + 2 / 5 + 1 / 2) / 3, 12);
    const weighted = (4 * (3 / 5) + 3 * (2 / 5) + 2 * (1 / 2)) / 9;
    expect(found.frequencyWeightedIu).toBeCloseTo(weighted, 12);
    expect(found.meanDice).toBeCloseTo((6 / 8 + 4 / 7 + 2 / 3) / 3, 12);
    expect(found.classes.map(({ precision }) => precision)).toEqual([3 / 4, 2 / 4, 1]);
    expect(found.classes.map(({ share }) => share)).toEqual([4 / 9, 3 / 9, 2 / 9]);
    expect(found.classes.map(({ predictedShare }) => predictedShare)).toEqual([
      4 / 9,
      4 / 9,
      1 / 9,
    ]);
    expect(found.absent).toEqual([]);
  });

  it('leave out what is nowhere, and count 0 for what is only predicted', () => {
    // Class 1 is nowhere; class 2 is predicted once.
    const found = segmentationFigures(confusionOf([0, 0, 3, 3], [0, 2, 3, 3], 4));
    expect(found.absent).toEqual([1, 2]);
    expect(found.classes.map(({ iu }) => iu)).toEqual([1 / 2, Number.NaN, 0, 1]);
    expect(found.classes.map(({ accuracy }) => accuracy)).toEqual([0.5, Number.NaN, Number.NaN, 1]);
    expect(found.meanIu).toBeCloseTo((1 / 2 + 0 + 1) / 3, 12);
    expect(found.meanAccuracy).toBeCloseTo((1 / 2 + 1) / 2, 12);
    expect(found.frequencyWeightedIu).toBeCloseTo((2 * (1 / 2) + 2 * 1) / 4, 12);
  });

  it('are NaN where all is void', () => {
    const found = segmentationFigures(confusionOf([255, 255], [0, 1], 2));
    expect(found.pixels).toBe(0);
    expect(found.absent).toEqual([0, 1]);
    for (const value of [found.pixelAccuracy, found.meanIu, found.frequencyWeightedIu])
      expect(value).toBeNaN();
  });
});

/** Truth and prediction of images of one size; classes 0 to 3, 255 void. */
const images = fc.array(
  fc.record({
    truth: fc.array(fc.constantFrom(0, 1, 2, 3, 255), { minLength: 12, maxLength: 12 }),
    predicted: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 12, maxLength: 12 }),
  }),
  { minLength: 1, maxLength: 4 },
);

describe('of any images', () => {
  it('are what counting sets of pixels gives', () => {
    fc.assert(
      fc.property(images, (all) => {
        const truth = all.flatMap((image) => image.truth);
        const predicted = all.flatMap((image) => image.predicted);
        const found = segmentationFigures(confusionOf(truth, predicted, 4));
        const seen = [...truth.keys()].filter((i) => truth[i] !== 255);
        const where = (test: (i: number) => boolean): number => seen.filter(test).length;
        found.classes.forEach((figures, k) => {
          const both = where((i) => truth[i] === k && predicted[i] === k);
          const either = where((i) => truth[i] === k || predicted[i] === k);
          expect(figures.iu).toBe(both / either);
          expect(figures.accuracy).toBe(both / where((i) => truth[i] === k));
          expect(figures.precision).toBe(both / where((i) => predicted[i] === k));
        });
        expect(found.pixelAccuracy).toBe(where((i) => truth[i] === predicted[i]) / seen.length);
        // The IU of each pixel's class, averaged over pixels, is the frequency-weighted one.
        const perPixel = seen.map((i) => found.classes[truth[i] ?? 0]?.iu ?? 0);
        const mean = perPixel.reduce((sum, iu) => sum + iu, 0) / seen.length;
        if (seen.length > 0) expect(found.frequencyWeightedIu).toBeCloseTo(mean, 10);
      }),
      { numRuns: 60 },
    );
  });

  it('do not depend on how classes are numbered', () => {
    fc.assert(
      fc.property(images, fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }), (all, order) => {
        const renamed = (id: number): number => (id === 255 ? 255 : (order[id] ?? 0));
        const truth = all.flatMap((image) => image.truth);
        const predicted = all.flatMap((image) => image.predicted);
        const one = segmentationFigures(confusionOf(truth, predicted, 4));
        const other = segmentationFigures(
          confusionOf(truth.map(renamed), predicted.map(renamed), 4),
        );
        for (const [name, value] of Object.entries(overall(one)))
          expect(overall(other)[name as keyof typeof one & 'meanIu']).toBeCloseTo(value, 12);
        one.classes.forEach((figures, k) => {
          expect(other.classes[renamed(k)]).toEqual(figures);
        });
      }),
      { numRuns: 40 },
    );
  });

  it('come from merged matrices as from one over all images', () => {
    fc.assert(
      fc.property(images, (all) => {
        const together = confusionOf(
          all.flatMap(({ truth }) => truth),
          all.flatMap(({ predicted }) => predicted),
          4,
        );
        const merged = all
          .map(({ truth, predicted }) => confusionOf(truth, predicted, 4))
          .reduce(mergeConfusions);
        expect(merged).toEqual(together);
      }),
      { numRuns: 40 },
    );
  });

  it('have Dice = 2 IU / (1 + IU), and are all 1 for the truth itself', () => {
    fc.assert(
      fc.property(images, (all) => {
        const truth = all.flatMap((image) => image.truth);
        const predicted = all.flatMap((image) => image.predicted);
        for (const { iu, dice } of segmentationFigures(confusionOf(truth, predicted, 4)).classes)
          if (!Number.isNaN(iu)) expect(dice).toBeCloseTo((2 * iu) / (1 + iu), 12);
        const perfect = segmentationFigures(
          confusionOf(
            truth,
            truth.map((id) => id % 255),
            4,
          ),
        );
        if (perfect.pixels > 0) {
          expect(perfect.meanIu).toBe(1);
          expect(perfect.pixelAccuracy).toBe(1);
        }
      }),
      { numRuns: 40 },
    );
  });
});

it('addPixels takes another void id, and refuses what is no class', () => {
  const confusion = emptyConfusion(2);
  addPixels(confusion, Int32Array.of(0, -1, 1), Int32Array.of(0, 0, 0), -1);
  expect(Array.from(confusion.counts)).toEqual([1, 0, 1, 0]);
  expect(() => confusionOf([0, 2], [0, 0], 2)).toThrow(
    /pixel 1: the true class is 2, where classes go from 0 to 1/,
  );
  expect(() => confusionOf([0, 1], [0, 255], 2)).toThrow(/predicted class is 255/);
  expect(() => confusionOf([0, 1], [0], 2)).toThrow(DataError);
  expect(() => mergeConfusions(emptyConfusion(2), emptyConfusion(3))).toThrow(/2 and 3 classes/);
});

describe('classesOfPixels', () => {
  it('takes the largest, of equals the first', () => {
    // Two images of 1 x 3, three classes.
    const scores = [0.2, -5, 1, 0.7, -4, 1, 0.1, -6, 1, 0, 0, 3, 0, 2, 0, 1, 0, 0];
    const found = classesOfPixels(tensor('float32', [2, 3, 1, 3], scores));
    expect(Array.from(found)).toEqual([1, 1, 0, 2, 1, 0]);
  });

  it('refuses what is not a number, saying where, and other shapes', () => {
    const scores = [0, 0, 0, 0, 1, 1, 1, Number.NaN];
    expect(() => classesOfPixels(tensor('float32', [1, 2, 2, 2], scores))).toThrow(
      /image 0: the score of class 1 at row 1, column 1/,
    );
    expect(() => classesOfPixels(tensor('float32', [2, 2], [1, 2, 3, 4]))).toThrow(ShapeError);
  });
});
