import { expect, it } from 'vitest';
import { isSequence, seriesClass } from './palette.js';

it('isSequence knows names that count up', () => {
  expect(isSequence(['layer 0', 'layer 1', 'layer 2'])).toBe(true);
  expect(isSequence(['0 layer', '1 layer', '2 layer'])).toBe(true);
  expect(isSequence(['layer 2', 'layer 1', 'layer 0'])).toBe(false);
  expect(isSequence(['layer 0', 'layer 1', 'total'])).toBe(false);
  expect(isSequence(['seed 1', 'seed 2'])).toBe(false);
});

it('seriesClass spreads a ramp over its series, and dashes beyond the categories', () => {
  expect([0, 1, 2].map((i) => seriesClass(i, 3, true))).toEqual(['r0', 'r4', 'r8']);
  expect(seriesClass(0, 9, false)).toBe('c0');
  expect(seriesClass(7, 9, false)).toBe('c0 dashed');
});
