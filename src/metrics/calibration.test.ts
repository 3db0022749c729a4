import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.js';
import { tensor } from '../tensor/tensor.js';
import {
  brierScore,
  calibrationFigures,
  expectedCalibrationError,
  maximumCalibrationError,
  reliabilityBins,
} from './calibration.js';

/** Two classes: the probability of class 0, and the truth. */
const binary = (first: readonly number[]) =>
  tensor(
    'float64',
    [first.length, 2],
    first.flatMap((p) => [p, 1 - p]),
  );

// Confidences 0.6, 0.7, 0.7, 0.9, 1; right: no, yes, no, yes, yes.
const probabilities = binary([0.4, 0.7, 0.7, 0.1, 1]);
const truth = [0, 0, 1, 1, 0];

describe('reliability', () => {
  it('bins by equal width, a border belonging to the bin below', () => {
    const bins = reliabilityBins(probabilities, truth, { bins: 10 });
    expect(bins.map(({ count }) => count)).toEqual([0, 0, 0, 0, 0, 1, 2, 0, 1, 1]);
    expect(bins[5]).toMatchObject({ from: 0.5, to: 0.6, accuracy: 0 });
    expect(bins[5]?.confidence).toBeCloseTo(0.6, 12);
    expect(bins[6]).toMatchObject({ accuracy: 0.5 });
    expect(bins[0]?.accuracy).toBeNaN();
    // Gaps 0.6, 0.2, 0.1, 0 weigh 1, 2, 1, 1 of 5.
    expect(expectedCalibrationError(bins)).toBeCloseTo((0.6 + 2 * 0.2 + 0.1) / 5, 12);
    expect(maximumCalibrationError(bins)).toBeCloseTo(0.6, 12);
  });

  it('bins by equal mass, tied images being as right as they are together', () => {
    // 0.6 and one of 0.7 (right 1/2); the other 0.7 (1/2), 0.9 and 1.
    const bins = reliabilityBins(probabilities, truth, { bins: 2, equal: 'mass' });
    expect(bins.map(({ count }) => count)).toEqual([2, 3]);
    expect(bins[0]?.accuracy).toBeCloseTo(0.25, 12);
    expect(bins[1]?.accuracy).toBeCloseTo(2.5 / 3, 12);
    expect(bins[1]).toMatchObject({ from: 0.7, to: 1 });
    const gaps = (2 * (0.65 - 0.25) + 3 * (2.6 / 3 - 2.5 / 3)) / 5;
    expect(expectedCalibrationError(bins)).toBeCloseTo(gaps, 12);
  });

  it('does not depend on the order of the images, and every image is in one bin', () => {
    const samples = fc.array(fc.tuple(fc.nat(10), fc.nat(1)), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 12 }), (pairs, count) => {
        for (const equal of ['width', 'mass'] as const) {
          const of = (list: readonly (readonly [number, number])[]) =>
            reliabilityBins(
              binary(list.map(([p]) => p / 10)),
              list.map(([, label]) => label),
              { bins: count, equal },
            );
          const one = of(pairs);
          expect(one.reduce((total, bin) => total + bin.count, 0)).toBe(pairs.length);
          expect(expectedCalibrationError(of(pairs.toReversed()))).toBeCloseTo(
            expectedCalibrationError(one),
            12,
          );
        }
      }),
      { seed: 2, numRuns: 60 },
    );
  });
});

describe('figures of calibration', () => {
  it('sums the squared distances of all classes', () => {
    // 2 (0.6² + 0.3² + 0.7² + 0.1² + 0) / 5
    expect(brierScore(probabilities, truth)).toBeCloseTo((2 * (0.36 + 0.09 + 0.49 + 0.01)) / 5, 12);
    expect(brierScore(tensor('float32', [1, 3], [0, 1, 0]), [0])).toBe(2);
  });

  it('are together', () => {
    const figures = calibrationFigures(probabilities, truth, { bins: 10 });
    expect(figures.accuracy).toBe(0.6);
    expect(figures.nll).toBeCloseTo(-Math.log(0.4 * 0.7 * 0.3 * 0.9) / 5, 12);
    expect(figures.ece).toBeCloseTo(0.22, 12);
    expect(figures.mce).toBeCloseTo(0.6, 12);
    const even = calibrationFigures(binary([0.5, 0.5]), [0, 1]);
    expect(even).toMatchObject({ ece: 0, eceMass: 0, mce: 0, brier: 0.5 });
  });

  it('refuse what they cannot judge', () => {
    expect(() => calibrationFigures(binary([]), [])).toThrow(DataError);
    expect(() => calibrationFigures(binary([]), [])).toThrow(/at least one labelled image/);
    expect(() => brierScore(binary([1]), [0, 1])).toThrow(/2 true labels but 1 rows/);
    expect(() => reliabilityBins(binary([1]), [0], { bins: 0 })).toThrow(UsageError);
  });
});
