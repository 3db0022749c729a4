import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { permutation, streamKey } from '../tensor/random.js';
import { balancedDraw } from './balanced.js';
import { countByClass, type ImageSet } from './image-set.js';
import { splitLabelled } from './split.js';

const key = streamKey(1, 0, 'draw');
/** `each` labels of each class, in a random order. */
const mixed = (classes: number, each: number) =>
  Int32Array.from(permutation(classes * each, key), (i) => i % classes);

describe('balancedDraw', () => {
  it('draws as many of each class, none twice', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 12 }),
        fc.integer({ min: 1, max: 9 }),
        (classes, each) => {
          const labels = mixed(classes, 9);
          const drawn = balancedDraw(labels, classes, classes * each, key);
          const chosen = Int32Array.from(drawn, (i) => labels[i] ?? -1);
          expect(countByClass(chosen, classes)).toEqual(Array(classes).fill(each));
          expect(new Set(drawn).size).toBe(drawn.length);
          expect([...chosen]).toEqual([...chosen].sort((a, b) => a - b));
        },
      ),
      { numRuns: 30, seed: 1 },
    );
  });

  it('shares a remainder out by lot', () => {
    const labels = mixed(4, 5);
    const extras = Array.from({ length: 60 }, (_, seed) => {
      const drawn = balancedDraw(labels, 4, 9, streamKey(seed, 0, 'draw'));
      const counts = countByClass(
        Int32Array.from(drawn, (i) => labels[i] ?? -1),
        4,
      );
      expect([...counts].sort()).toEqual([2, 2, 2, 3]);
      return counts.indexOf(3);
    });
    expect(new Set(extras).size).toBe(4);
  });

  it('depends on the key alone, and gives every example a chance', () => {
    const labels = mixed(2, 6);
    expect(balancedDraw(labels, 2, 4, key)).toEqual(balancedDraw(labels, 2, 4, key));
    const drawn = Array.from({ length: 60 }, (_, seed) => [
      ...balancedDraw(labels, 2, 4, streamKey(seed, 0, 'draw')),
    ]).flat();
    expect(new Set(drawn).size).toBe(12);
  });

  it('names a class with no labelled image, or too few', () => {
    const labels = Int32Array.of(0, 0, 2, 2, 2);
    expect(() => balancedDraw(labels, 3, 6, key, ['ant', 'bee', 'cow'])).toThrow(
      /^class bee has no labelled image; 2 are wanted for 6 labels over 3 classes/,
    );
    expect(() => balancedDraw(Int32Array.of(0, 1, 0), 2, 4, key)).toThrow(
      /^class 1 has only 1 labelled image; 2 are wanted/,
    );
  });

  it.each([1, 2.5, -3, Number.NaN])('refuses a total of %d for two classes', (total) => {
    expect(() => balancedDraw(Int32Array.of(0, 1), 2, total, key)).toThrow(DataError);
  });
});

describe('splitLabelled', () => {
  const labels = mixed(3, 20);
  const set: ImageSet = {
    images: Uint8Array.from({ length: 60 }, (_, i) => i),
    count: 60,
    shape: [1, 1, 1],
    labels,
    classes: ['a', 'b', 'c'],
    names: null,
  };

  it('keeps validation images apart from those learnt from', () => {
    const { labelled, unlabelled, validation } = splitLabelled(set, {
      labels: 6,
      validation: 15,
      seed: 1,
    });
    expect([labelled.count, unlabelled.count, validation?.count]).toEqual([6, 45, 15]);
    const held = new Set(validation?.images);
    expect([...unlabelled.images, ...labelled.images].some((id) => held.has(id))).toBe(false);
    expect(new Set([...unlabelled.images, ...held]).size).toBe(60);
    expect([...labelled.images].every((id) => unlabelled.images.includes(id))).toBe(true);
    for (const [i, id] of labelled.images.entries()) expect(labelled.labels?.[i]).toBe(labels[id]);
    expect(unlabelled.labels).toBeNull();
  });

  it('takes all labels where all are asked for', () => {
    const { labelled, validation } = splitLabelled(set, { labels: 'all', validation: 0, seed: 1 });
    expect([labelled.count, validation]).toEqual([60, null]);
  });

  it.each([60, -1, 1.5])('refuses to hold %d of 60 images out', (validation) => {
    expect(() => splitLabelled(set, { labels: 'all', validation, seed: 1 })).toThrow(DataError);
  });

  it('names a class that holding out left without a label', () => {
    const few = {
      ...set,
      images: set.images.slice(0, 3),
      count: 3,
      labels: Int32Array.of(0, 1, 2),
    };
    expect(() => splitLabelled(few, { labels: 'all', validation: 1, seed: 1 })).toThrow(
      /^class [abc] has no labelled image left after 1 were held out/,
    );
  });
});
