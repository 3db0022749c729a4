import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spread } from './spread.js';

describe('spread', () => {
  it('leaves alone what does not touch', () => {
    expect(spread([10, 50, 90], 15, 0, 100)).toEqual([10, 50, 90]);
  });

  it('parts what touches around its middle', () => {
    expect(spread([50, 50], 10, 0, 100)).toEqual([45, 55]);
    expect(spread([52, 48, 50], 10, 0, 100)).toEqual([60, 40, 50]);
  });

  it('stays inside, and closes up where there is no room', () => {
    expect(spread([99, 100], 10, 0, 100)).toEqual([90, 100]);
    expect(spread([5, 5, 5], 80, 0, 100)).toEqual([0, 50, 100]);
  });

  it('keeps order, gap and borders', () => {
    const places = fc.array(fc.double({ min: 0, max: 200, noNaN: true }), {
      minLength: 1,
      maxLength: 14,
    });
    fc.assert(
      fc.property(places, (wanted) => {
        const placed = spread(wanted, 15, 0, 200);
        const inOrder = wanted.map((_, i) => i).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
        const sorted = inOrder.map((i) => placed[i] ?? Number.NaN);
        sorted.forEach((y, i) => {
          expect(y).toBeGreaterThanOrEqual(-1e-9);
          expect(y).toBeLessThanOrEqual(200 + 1e-9);
          if (i > 0) expect(y - (sorted[i - 1] ?? 0)).toBeGreaterThanOrEqual(15 - 1e-9);
        });
      }),
    );
  });
});
