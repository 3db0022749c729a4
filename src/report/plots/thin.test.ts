import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thin } from './thin.js';

const series = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), {
  minLength: 1,
  maxLength: 300,
});
const indexed = (values: readonly number[]) =>
  values.map((value, step) => [step, value] as [number, number]);

describe('thin', () => {
  it('leaves a short series as it is', () => {
    const { buckets, averaged } = thin([[1, 5]], 10);
    expect(averaged).toBe(false);
    expect(buckets).toEqual([{ from: 1, to: 1, step: 1, value: 5, low: 5, high: 5 }]);
  });

  it('keeps mean, least and greatest of each range of steps', () => {
    const { buckets } = thin(indexed([1, 3, 2, 10, 20, 0]), 2);
    expect(buckets).toEqual([
      { from: 0, to: 2, step: 1, value: 2, low: 1, high: 3 },
      { from: 3, to: 5, step: 4, value: 10, low: 0, high: 20 },
    ]);
  });

  it('keeps the one spike in 90,000 points, in at most as many buckets as asked', () => {
    const values = new Array<number>(90_000).fill(1);
    values[51_234] = 99;
    values[7] = -5;
    const { buckets } = thin(indexed(values), 200);
    expect(buckets.length).toBeLessThanOrEqual(200);
    expect(Math.max(...buckets.map((bucket) => bucket.high))).toBe(99);
    expect(Math.min(...buckets.map((bucket) => bucket.low))).toBe(-5);
    expect([buckets[0]?.from, buckets.at(-1)?.to]).toEqual([0, 89_999]);
  });

  it('never loses an extreme or an end, and keeps the order', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 1, max: 50 }), (values, most) => {
        const { buckets } = thin(indexed(values), most);
        expect(buckets.length).toBeLessThanOrEqual(most);
        expect(Math.max(...buckets.map((b) => b.high))).toBe(Math.max(...values));
        expect(Math.min(...buckets.map((b) => b.low))).toBe(Math.min(...values));
        expect(buckets.map((b) => b.step)).toEqual(
          buckets.map((b) => b.step).sort((a, b) => a - b),
        );
      }),
    );
  });

  it('counts what is not finite and keeps it out of the mean', () => {
    const { buckets, dropped } = thin(indexed([1, Number.NaN, 3, Number.POSITIVE_INFINITY]), 2);
    expect(dropped).toBe(2);
    expect(buckets.map((bucket) => bucket.value)).toEqual([1, 3]);
    expect(thin([[0, Number.NaN]], 2).buckets[0]?.value).toBeNaN();
  });

  it('copes with points out of order, as after a resumed run', () => {
    const { buckets } = thin(
      [
        [3, 30],
        [1, 10],
      ],
      5,
    );
    expect(buckets.map((bucket) => bucket.value)).toEqual([10, 30]);
  });
});
