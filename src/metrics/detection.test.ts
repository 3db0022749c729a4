import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { averagePrecision, meanAveragePrecision } from './detection.js';

const verdicts = (...list: readonly (readonly [number, boolean])[]) =>
  list.map(([score, isRight]) => ({ score, isRight }));

describe('average precision', () => {
  it('is the area under the falling envelope of the curve', () => {
    // Points (recall, precision): 1/4, 1; 1/4, 1/2; 2/4, 2/3; 2/4, 1/2; 3/4, 3/5.
    const curve = averagePrecision(
      verdicts([0.9, true], [0.8, false], [0.7, true], [0.6, false], [0.5, true]),
      4,
    );
    expect(curve.recall).toEqual([0.25, 0.25, 0.5, 0.5, 0.75]);
    expect(curve.precision).toEqual([1, 0.5, 2 / 3, 0.5, 0.6]);
    expect(curve.averagePrecision).toBeCloseTo(0.25 * 1 + 0.25 * (2 / 3) + 0.25 * 0.6, 12);
  });

  it('lifts precision to what is reached at a higher recall', () => {
    // 0, 1/2, 2/3: the wrong one in front costs as much at both recalls.
    const curve = averagePrecision(verdicts([3, false], [2, true], [1, true]), 2);
    expect(curve.averagePrecision).toBeCloseTo(2 / 3, 12);
  });

  it('does not depend on the order among equal scores', () => {
    const one = averagePrecision(verdicts([1, true], [1, false], [0, true]), 2);
    const other = averagePrecision(verdicts([0, true], [1, false], [1, true]), 2);
    expect(one.averagePrecision).toBe(other.averagePrecision);
    expect(one.recall).toEqual([0.5, 1]);
    // 1/2 at recall 1/2, 2/3 at 1: the envelope is 2/3 throughout.
    expect(one.averagePrecision).toBeCloseTo(2 / 3, 12);
  });

  it('is 0 where nothing is found and no number where there is nothing to find', () => {
    expect(averagePrecision([], 3).averagePrecision).toBe(0);
    const none = averagePrecision(verdicts([1, false]), 0);
    expect(none.averagePrecision).toBeNaN();
    const some = averagePrecision(verdicts([1, true]), 2);
    expect(meanAveragePrecision([none, some])).toBe(0.5);
    expect(meanAveragePrecision([none])).toBeNaN();
  });

  it('refuses scores that are not numbers', () => {
    expect(() => averagePrecision(verdicts([1, true], [Number.NaN, true]), 1)).toThrow(DataError);
    expect(() => averagePrecision(verdicts([Number.NaN, true]), 1)).toThrow(
      /score of detection 0 is not a number/,
    );
  });
});
