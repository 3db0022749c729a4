import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { didYouMean, editDistance, suggest } from './suggest.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', 'abd', 1],
    ['abc', 'ab', 1],
    ['abc', 'acb', 1],
    ['inspect', 'insepct', 1],
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
  ])('%j to %j takes %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it('is symmetric, zero for equals alone, and at most the longer length', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });
});

describe('suggest', () => {
  const commands = ['inspect', 'predict', 'evaluate', 'doctor'];

  it.each([
    ['insepct', 'inspect'],
    ['PREDICT', 'predict'],
    ['eval', 'evaluate'],
    ['docter', 'doctor'],
  ])('takes %s for %s', (word, meant) => {
    expect(suggest(word, commands)).toBe(meant);
  });

  it('is silent where nothing is near', () => {
    expect(suggest('banana', commands)).toBeUndefined();
    expect(suggest('', commands)).toBeUndefined();
    expect(didYouMean('banana', commands)).toBe('');
  });

  it('is silent where several begin so', () => {
    expect(suggest('layer', ['layerNoiseStd', 'layerWidths'])).toBeUndefined();
  });
});
