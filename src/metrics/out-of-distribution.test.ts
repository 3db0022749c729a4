import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.js';
import {
  type OutOfDistributionFigures,
  outOfDistributionFigureNames,
  outOfDistributionFigures,
  rocCurve,
  thresholdAtTpr,
} from './out-of-distribution.js';
import { figuresWithIntervals } from './out-of-distribution-interval.js';

/** Every figure by its definition, over all thresholds and all pairs. */
function bruteForce(inside: number[], outside: number[], tpr: number): OutOfDistributionFigures {
  const thresholds = [...new Set([...inside, ...outside])].toSorted((a, b) => a - b);
  const share = (set: number[], keep: (score: number) => boolean) => set.filter(keep).length;
  const errors = [Number.NEGATIVE_INFINITY, ...thresholds].map(
    (t) =>
      (share(inside, (s) => s > t) / inside.length +
        share(outside, (s) => s <= t) / outside.length) /
      2,
  );
  const at = thresholds.find((t) => share(inside, (s) => s <= t) >= tpr * inside.length - 1e-9);
  let above = 0;
  for (const a of inside) for (const b of outside) above += b > a ? 1 : b === a ? 0.5 : 0;
  const precision = (own: number[], other: number[], keeps: (s: number, t: number) => boolean) => {
    let area = 0;
    for (const t of new Set(own)) {
      const right = share(own, (s) => keeps(s, t));
      const wrong = share(other, (s) => keeps(s, t));
      area += (share(own, (s) => s === t) / own.length) * (right / (right + wrong));
    }
    return area;
  };
  return {
    tnr: share(outside, (s) => s > (at ?? Number.NaN)) / outside.length,
    auroc: above / (inside.length * outside.length),
    detectionAccuracy: 1 - Math.min(...errors),
    auprIn: precision(inside, outside, (s, t) => s <= t),
    auprOut: precision(outside, inside, (s, t) => s >= t),
  };
}

function expectEqual(got: OutOfDistributionFigures, wanted: OutOfDistributionFigures): void {
  for (const name of outOfDistributionFigureNames)
    expect(Math.abs(got[name] - wanted[name]), name).toBeLessThan(1e-12);
}

describe('figures of scores', () => {
  it('agrees with a case worked by hand', () => {
    // Thresholds 1, 2, 3, 4: accepted 1/2, 1/2, 1, 1; refused 1, 2/3, 2/3, 0.
    const figures = outOfDistributionFigures([1, 3], [2, 4, 4]);
    expect(figures.tnr).toBeCloseTo(2 / 3, 12);
    expect(figures.auroc).toBeCloseTo(5 / 6, 12);
    expect(figures.detectionAccuracy).toBeCloseTo(5 / 6, 12);
    // Recall 1/2 at precision 1, the other half at 2/3.
    expect(figures.auprIn).toBeCloseTo(1 / 2 + 1 / 3, 12);
    // Two thirds at precision 1, the last third at 3/4.
    expect(figures.auprOut).toBeCloseTo(2 / 3 + 1 / 4, 12);
  });

  it.each([
    ['few distinct scores, so that most are tied', fc.nat(3)],
    ['scores of which many are equal', fc.nat(40).map((n) => n / 40)],
    ['any scores', fc.double({ noNaN: true, min: -1e3, max: 1e3 })],
  ])('agrees with the definitions to 1e-12: %s', (_, score) => {
    const set = fc.array(score, { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(set, set, fc.constantFrom(0.95, 0.5, 1, 0.01), (inside, outside, tpr) => {
        expectEqual(
          outOfDistributionFigures(inside, outside, { tpr }),
          bruteForce(inside, outside, tpr),
        );
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it('says chance where all scores are equal', () => {
    const same = new Float32Array(7).fill(0.25);
    const figures = outOfDistributionFigures(same, same.subarray(0, 3));
    expectEqual(figures, {
      tnr: 0,
      auroc: 0.5,
      detectionAccuracy: 0.5,
      auprIn: 0.7,
      auprOut: 0.3,
    });
  });

  it('is perfect where the sets lie apart, and takes infinite scores', () => {
    const perfect = { tnr: 1, auroc: 1, detectionAccuracy: 1, auprIn: 1, auprOut: 1 };
    expectEqual(outOfDistributionFigures([0, 1], [2, Number.POSITIVE_INFINITY]), perfect);
    const mixed = outOfDistributionFigures(
      [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
      [Number.POSITIVE_INFINITY],
    );
    expect(mixed.auroc).toBe(0.75);
  });

  it('swaps the two AUPR and keeps AUROC where sets and signs are swapped', () => {
    const inside = [0.1, 0.4, 0.4, 0.2];
    const outside = [0.3, 0.4, 0.9];
    const one = outOfDistributionFigures(inside, outside);
    const other = outOfDistributionFigures(
      outside.map((s) => -s),
      inside.map((s) => -s),
    );
    expect(other.auprIn).toBeCloseTo(one.auprOut, 12);
    expect(other.auroc).toBeCloseTo(one.auroc, 12);
    expect(other.detectionAccuracy).toBeCloseTo(one.detectionAccuracy, 12);
  });

  it('refuses empty sets, NaN and rates that are none', () => {
    expect(() => outOfDistributionFigures([], [1])).toThrow(DataError);
    expect(() => outOfDistributionFigures([], [1])).toThrow(/no inside scores/);
    expect(() => outOfDistributionFigures([1], [])).toThrow(/no outside scores/);
    expect(() => outOfDistributionFigures([1, Number.NaN], [1])).toThrow(/inside score 1 is not/);
    expect(() => outOfDistributionFigures([1], [1], { tpr: 0 })).toThrow(/true-positive rate 0/);
    expect(() => thresholdAtTpr([1], 1.5)).toThrow(/true-positive rate 1\.5/);
  });
});

describe('thresholds and curves', () => {
  it('takes the least score that accepts the share', () => {
    const scores = Array.from({ length: 20 }, (_, i) => 20 - i);
    expect(thresholdAtTpr(scores)).toBe(19);
    expect(thresholdAtTpr(scores, 1)).toBe(20);
    expect(thresholdAtTpr(scores, 0.951)).toBe(20);
    expect(thresholdAtTpr(scores, 0.001)).toBe(1);
  });

  it('has an area of AUROC under its curve', () => {
    const inside = [1, 2, 2, 3, 5];
    const outside = [2, 3, 3, 6];
    const points = rocCurve(inside, outside);
    const area = points.slice(1).reduce((total, point, i) => {
      const before = points[i] ?? point;
      const width = point.falsePositiveRate - before.falsePositiveRate;
      return total + (width * (point.truePositiveRate + before.truePositiveRate)) / 2;
    }, 0);
    expect(area).toBeCloseTo(outOfDistributionFigures(inside, outside).auroc, 12);
    expect(points.at(-1)).toMatchObject({ truePositiveRate: 1, falsePositiveRate: 1 });
  });
});

describe('bootstrap intervals', () => {
  const inside = Array.from({ length: 400 }, (_, i) => (i * 37) % 401);
  const outside = Array.from({ length: 300 }, (_, i) => 150 + ((i * 53) % 307));

  it('holds the figure, is seeded, and narrows with more images', () => {
    const few = figuresWithIntervals(inside.slice(0, 40), outside.slice(0, 30), { seed: 4 });
    const many = figuresWithIntervals(inside, outside, { seed: 4 });
    expect(figuresWithIntervals(inside, outside, { seed: 4 })).toEqual(many);
    expect(figuresWithIntervals(inside, outside, { seed: 5 }).intervals).not.toEqual(
      many.intervals,
    );
    for (const name of outOfDistributionFigureNames) {
      const [low, high] = many.intervals[name];
      expect(many.figures[name]).toBeGreaterThanOrEqual(low);
      expect(many.figures[name]).toBeLessThanOrEqual(high);
      expect(high - low).toBeLessThan(few.intervals[name][1] - few.intervals[name][0]);
    }
  });

  it('comes near the standard error of a share', () => {
    // AUROC of one outside score among many inside ones is a share p, whose error is sqrt(p (1 - p) / n).
    const { intervals } = figuresWithIntervals(inside, [200.5], { resamples: 2000 });
    const p = inside.filter((score) => score < 200.5).length / inside.length;
    const width = 2 * 1.96 * Math.sqrt((p * (1 - p)) / inside.length);
    expect((intervals.auroc[1] - intervals.auroc[0]) / width).toBeGreaterThan(0.85);
    expect((intervals.auroc[1] - intervals.auroc[0]) / width).toBeLessThan(1.15);
  });

  it('refuses options out of range', () => {
    expect(() => figuresWithIntervals([1], [2], { resamples: 0 })).toThrow(UsageError);
    expect(() => figuresWithIntervals([1], [2], { level: 1 })).toThrow(/level 1/);
  });
});
