import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatTicks,
  linearTicks,
  logTicks,
  niceDomain,
  niceLogDomain,
  niceStep,
} from './ticks.js';

describe('linear axes', () => {
  // 1 / 5 = 0.2; 0.35 / 5 = 0.07, nearer to 0.05; 90000 / 5 = 18000, nearer to 20000; 7 / 5 = 1.4 < sqrt 2.
  it.each([
    [1, 0.2],
    [0.35, 0.05],
    [90_000, 20_000],
    [7, 1],
    [8, 2],
    [40, 10],
  ])('a span of %d is cut into steps of %d', (span, step) => {
    expect(niceStep(span, 5)).toBe(step);
  });

  it('marks whole steps without floating-point noise', () => {
    expect(linearTicks(0, 0.35, 5)).toEqual([0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35]);
    expect(linearTicks(-0.3, 0.31, 5)).toEqual([-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]);
    expect(linearTicks(600, 90_000, 5)).toEqual([20_000, 40_000, 60_000, 80_000]);
  });

  it('widens a domain to whole steps, and an empty one to something', () => {
    expect(niceDomain(0.013, 0.337, 5)).toEqual([0, 0.35]);
    expect(niceDomain(3, 3, 5)).toEqual([1.5, 4.5]);
    expect(niceDomain(0, 0, 5)).toEqual([-1, 1]);
  });

  it('has few ticks and the data inside, whatever the data', () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(value, value, (a, b) => {
        fc.pre(Math.abs(a - b) > 1e-6);
        const [low, high] = niceDomain(Math.min(a, b), Math.max(a, b), 5);
        const slack = (high - low) * 1e-6;
        expect(low).toBeLessThanOrEqual(Math.min(a, b) + slack);
        expect(high).toBeGreaterThanOrEqual(Math.max(a, b) - slack);
        const ticks = linearTicks(low, high, 5);
        expect(ticks.length).toBeGreaterThanOrEqual(3);
        expect(ticks.length).toBeLessThanOrEqual(10);
      }),
    );
  });
});

describe('logarithmic axes', () => {
  it('reach to 1, 2 or 5 times a power of ten', () => {
    expect(niceLogDomain(0.0031, 7.2)).toEqual([0.002, 10]);
    expect(niceLogDomain(0.001, 1)).toEqual([0.001, 1]);
    expect(niceLogDomain(1, 1)).toEqual([0.5, 2]);
  });

  it('mark decades, with 2 and 5 where there are few, and not all where there are many', () => {
    expect(logTicks(0.002, 10, 5)).toEqual([0.01, 0.1, 1, 10]);
    expect(logTicks(0.05, 1, 5)).toEqual([0.05, 0.1, 0.2, 0.5, 1]);
    expect(logTicks(1e-9, 1, 5)).toEqual([1e-8, 1e-6, 1e-4, 1e-2, 1]);
  });
});

describe('formatTicks', () => {
  it('writes alike what stands together', () => {
    expect(formatTicks([0, 0.05, 0.1])).toEqual(['0', '0.05', '0.10']);
    expect(formatTicks([0, 20_000, 40_000])).toEqual(['0', '20k', '40k']);
    expect(formatTicks([0, 500_000, 1_000_000])).toEqual(['0', '0.5M', '1.0M']);
    expect(formatTicks([-1, 0, 1])).toEqual(['−1', '0', '1']);
  });

  it('writes what is very small or large as powers', () => {
    expect(formatTicks([0, 5e-6, 1e-5])).toEqual(['0', '5×10⁻⁶', '10⁻⁵']);
    expect(formatTicks([1e-4, 1, 1e4], true)).toEqual(['10⁻⁴', '10⁰', '10⁴']);
    expect(formatTicks([0.01, 0.1, 1, 10], true)).toEqual(['0.01', '0.1', '1', '10']);
  });
});
