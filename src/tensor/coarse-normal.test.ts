import { describe, expect, it } from 'vitest';
import { fillCoarseNormal, normalLevels } from './coarse-normal.js';
import { streamKey } from './random.js';

const moment = (values: Float32Array, k: number): number =>
  values.reduce((sum, value) => sum + value ** k, 0) / values.length;

describe('the levels', () => {
  const levels = normalLevels();
  it('have the moments of a normal distribution', () => {
    expect(moment(levels, 1)).toBeCloseTo(0, 10);
    expect(moment(levels, 2)).toBeCloseTo(1, 7);
    expect(moment(levels, 4)).toBeCloseTo(3, 2);
  });
  it('lie where the quantiles are', () => {
    const quantile = (p: number): number => levels[Math.floor((p - 0.5) * 65_536)] ?? 0;
    expect(quantile(0.75)).toBeCloseTo(0.6744898, 4);
    expect(quantile(0.975)).toBeCloseTo(1.959964, 3);
    expect(quantile(0.999)).toBeCloseTo(3.090232, 2);
    expect(Math.max(...levels.subarray(0, 32_768))).toBeLessThan(4.5);
  });
  it('grow, and the negative ones mirror the positive', () => {
    for (let i = 1; i < 32_768; i++) expect(levels[i]).toBeGreaterThan(levels[i - 1] ?? 0);
    expect(levels[32_768 + 77]).toBe(-(levels[77] ?? 0));
  });
});

describe('fillCoarseNormal', () => {
  const fill = (size: number, name = 'a', std = 1): Float32Array => {
    const out = new Float32Array(size);
    fillCoarseNormal(out, streamKey(3, 5, name), std);
    return out;
  };
  it('has mean 0 and the deviation asked for', () => {
    const values = fill(400_000, 'a', 0.3);
    expect(Math.abs(moment(values, 1))).toBeLessThan(4 * (0.3 / Math.sqrt(400_000)));
    expect(Math.abs(moment(values, 2) / 0.09 - 1)).toBeLessThan(4 * Math.sqrt(2 / 400_000));
  });
  it('gives the same numbers for the same key, whatever the length', () => {
    expect(fill(5001).subarray(0, 4097)).toEqual(fill(4097));
    expect(fill(64, 'b')).not.toEqual(fill(64));
  });
  it('has halves of a word that do not go together', () => {
    const values = fill(200_000);
    let product = 0;
    for (let i = 0; i < values.length; i += 2) product += (values[i] ?? 0) * (values[i + 1] ?? 0);
    expect(Math.abs(product / 100_000)).toBeLessThan(4 / Math.sqrt(100_000));
  });
  it.each([
    [6, 3],
    [7, 2],
    [2500, 1],
  ])('fills runs of %i and leaves gaps of %i as they are', (run, gap) => {
    const rows = 5;
    const out = new Float32Array(rows * (run + gap)).fill(9);
    fillCoarseNormal(out, streamKey(3, 5, 'a'), 1, { run, gap });
    const even = run + (run % 2);
    const dense = fill(rows * even);
    for (let row = 0; row < rows; row++) {
      const at = row * (run + gap);
      expect(out.subarray(at, at + run)).toEqual(dense.subarray(row * even, row * even + run));
      expect(out.subarray(at + run, at + run + gap).every((value) => value === 9)).toBe(true);
    }
  });
});
