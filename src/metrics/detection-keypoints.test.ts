import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.js';
import {
  averagePrecisionOfKeypoints,
  type KeypointDetection,
  type KeypointTruth,
} from './detection-keypoints.js';

const truth = (y: number, x: number, more: Partial<KeypointTruth> = {}): KeypointTruth => ({
  ...{ image: 0, kind: 0, scale: 10 },
  ...{ y, x },
  ...more,
});
const found = (
  score: number,
  y: number,
  x: number,
  more: Partial<KeypointDetection> = {},
): KeypointDetection => ({ ...{ image: 0, kind: 0 }, ...{ score, y, x }, ...more });

describe('APK', () => {
  it('takes what lies within a fifth of the scale', () => {
    const truths = [truth(10, 10)];
    const at = (y: number, x: number) => averagePrecisionOfKeypoints([found(1, y, x)], truths).mean;
    expect(at(12, 10)).toBe(1);
    expect(at(10, 7.9)).toBe(0);
    expect(at(11.5, 11.5)).toBe(0);
    expect(averagePrecisionOfKeypoints([found(1, 12, 10)], truths, 0.1).mean).toBe(0);
  });

  it('counts the second on a true point as wrong, though another lies near enough', () => {
    const truths = [truth(10, 10), truth(10, 11)];
    const detections = [found(3, 10, 10), found(2, 10, 10.2), found(1, 10, 11)];
    // Right, wrong, right: 1 at recall 1/2, 2/3 at recall 1.
    expect(averagePrecisionOfKeypoints(detections, truths).mean).toBeCloseTo(0.5 + 1 / 3, 12);
  });

  it('keeps kinds and images apart, and averages over kinds with a truth', () => {
    const truths = [truth(1, 1), truth(5, 5, { kind: 2 }), truth(5, 5, { kind: 2, image: 1 })];
    const detections = [
      found(1, 1, 1),
      found(1, 5, 5, { kind: 2 }),
      found(0.5, 1, 1, { kind: 2, image: 1 }),
      found(1, 1, 1, { kind: 3 }),
    ];
    const { mean, kinds } = averagePrecisionOfKeypoints(detections, truths);
    expect(kinds.get(0)?.averagePrecision).toBe(1);
    expect(kinds.get(2)?.averagePrecision).toBe(0.5);
    expect(kinds.get(3)?.averagePrecision).toBeNaN();
    expect(mean).toBe(0.75);
  });

  it('refuses what makes no sense', () => {
    expect(() => averagePrecisionOfKeypoints([], [], 0)).toThrow(UsageError);
    expect(() => averagePrecisionOfKeypoints([], [truth(1, 1, { scale: 0 })])).toThrow(
      /true keypoint 0 has a scale of 0/,
    );
    expect(() => averagePrecisionOfKeypoints([found(1, Number.NaN, 0)], [])).toThrow(DataError);
  });
});
