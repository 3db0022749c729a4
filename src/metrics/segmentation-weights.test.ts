import { expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { countPixels, emptyPixelCounts, medianFrequencyWeights } from './segmentation-weights.js';

it('weighs by the median over the share in the images that have the class', () => {
  const counts = emptyPixelCounts(4);
  countPixels(counts, Uint8Array.of(0, 0, 0, 1));
  countPixels(counts, Uint8Array.of(0, 0, 2, 255));
  // Shares 5/7, 1/4 and 1/3; their median 1/3. Class 3 is never seen.
  const [first, second, third, never] = medianFrequencyWeights(counts);
  expect(first).toBeCloseTo(7 / 15, 12);
  expect(second).toBeCloseTo(4 / 3, 12);
  expect(third).toBe(1);
  expect(never).toBe(0);
});

it('takes the mean of the middle two of an even number', () => {
  const counts = emptyPixelCounts(2);
  countPixels(counts, Uint8Array.of(0, 0, 0, 1));
  expect(medianFrequencyWeights(counts)).toEqual([0.5 / 0.75, 0.5 / 0.25]);
});

it('refuses ids that are no class, and nothing at all', () => {
  const counts = emptyPixelCounts(2);
  expect(() => medianFrequencyWeights(counts)).toThrow(/no pixel of any class/);
  expect(() => countPixels(counts, Uint8Array.of(0, 2))).toThrow(DataError);
  countPixels(counts, Int32Array.of(0, -1), -1);
  expect(medianFrequencyWeights(counts)).toEqual([1, 0]);
});
