import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.js';
import {
  averagePrecisionOfRegions,
  type RegionDetection,
  type RegionTruth,
  regionOverlap,
} from './detection-regions.js';

const truth = (image: number, pixels: readonly number[], classId = 0): RegionTruth => ({
  image,
  classId,
  pixels: Uint32Array.from(pixels),
});
const detection = (
  score: number,
  image: number,
  pixels: readonly number[],
  classId = 0,
): RegionDetection => ({ ...truth(image, pixels, classId), score });

describe('overlap', () => {
  it('is what two regions share of what they cover', () => {
    const of = (a: number[], b: number[]) => regionOverlap(truth(0, a), truth(0, b));
    expect(of([1, 2, 3], [1, 2, 3])).toBe(1);
    expect(of([1, 2, 3], [2, 3, 4])).toBe(0.5);
    expect(of([1, 9], [2])).toBe(0);
    expect(of([], [])).toBe(0);
  });

  it('with parts counts shared pixels of another part as covered alone', () => {
    const a = { pixels: Uint32Array.of(1, 2, 3, 4), parts: Uint8Array.of(1, 1, 2, 2) };
    const b = { pixels: Uint32Array.of(2, 3, 4, 5), parts: Uint8Array.of(1, 1, 2, 2) };
    expect(regionOverlap(a, b)).toBe(3 / 5);
    expect(regionOverlap(a, b, true)).toBe(2 / 5);
  });
});

describe('AP^r', () => {
  it('counts a second detection of the same thing as wrong', () => {
    const truths = [truth(0, [1, 2, 3, 4]), truth(1, [7, 8])];
    const detections = [
      detection(0.9, 0, [1, 2, 3, 4]),
      detection(0.8, 0, [1, 2, 3]),
      detection(0.7, 1, [7, 8]),
    ];
    // 1 at recall 1/2, 2/3 at recall 1.
    expect(averagePrecisionOfRegions(detections, truths, { threshold: 0.5 }).mean).toBeCloseTo(
      0.5 + 0.5 * (2 / 3),
      12,
    );
  });

  it('asks for an overlap above the threshold, of the same class in the same image', () => {
    const truths = [truth(0, [1, 2, 3])];
    const at = (threshold: number, one: RegionDetection) =>
      averagePrecisionOfRegions([one], truths, { threshold }).mean;
    expect(at(0.5, detection(1, 0, [2, 3, 4]))).toBe(0);
    expect(at(0.49, detection(1, 0, [2, 3, 4]))).toBe(1);
    expect(at(0.5, detection(1, 1, [1, 2, 3]))).toBe(0);
    expect(at(0.5, detection(1, 0, [1, 2, 3], 5))).toBe(0);
  });

  it('lets a detection take what is free where its best truth is taken', () => {
    const truths = [truth(0, [1, 2, 3, 4]), truth(0, [1, 2, 3, 5])];
    const detections = [detection(2, 0, [1, 2, 3, 4]), detection(1, 0, [1, 2, 3, 4])];
    expect(averagePrecisionOfRegions(detections, truths, { threshold: 0.5 }).mean).toBe(1);
  });

  it('is a mean over the classes that have a truth', () => {
    const truths = [truth(0, [1], 2), truth(0, [5], 4)];
    const detections = [detection(1, 0, [1], 2), detection(1, 0, [9], 7)];
    const { mean, classes } = averagePrecisionOfRegions(detections, truths, { threshold: 0.5 });
    expect(mean).toBe(0.5);
    expect([...classes].map(([id, { averagePrecision }]) => [id, averagePrecision])).toEqual([
      [2, 1],
      [4, 0],
      [7, Number.NaN],
    ]);
    expect(averagePrecisionOfRegions([], [], { threshold: 0.5 }).mean).toBeNaN();
  });

  it('with parts is 0 where every label is wrong', () => {
    const pixels = Uint32Array.of(1, 2);
    const truths = [{ ...truth(0, []), pixels, parts: Uint8Array.of(1, 2) }];
    const found = (...parts: number[]) => [
      { ...detection(1, 0, []), pixels, parts: Uint8Array.from(parts) },
    ];
    const options = { threshold: 0.5, parts: true };
    expect(averagePrecisionOfRegions(found(2, 1), truths, options).mean).toBe(0);
    expect(averagePrecisionOfRegions(found(1, 2), truths, options).mean).toBe(1);
    // One of two: an overlap of exactly a half is not above it.
    expect(averagePrecisionOfRegions(found(1, 1), truths, options).mean).toBe(0);
  });

  it('agrees with a slow reference', () => {
    const region = fc.record({
      image: fc.nat(1),
      classId: fc.nat(1),
      pixels: fc
        .uniqueArray(fc.nat(9), { maxLength: 6 })
        .map((list) => Uint32Array.from(list).sort()),
    });
    // Scores that all differ: ties are the business of tests of their own.
    const detections = fc
      .array(region, { maxLength: 8 })
      .map((list) => list.map((each, i) => ({ ...each, score: (i * 7) % 11 })));
    fc.assert(
      fc.property(detections, fc.array(region, { maxLength: 6 }), (found, there) => {
        const { classes } = averagePrecisionOfRegions(found, there, { threshold: 0.3 });
        for (const classId of [0, 1]) {
          const expected = reference(
            found.filter((each) => each.classId === classId),
            there.filter((each) => each.classId === classId),
            0.3,
          );
          const got = classes.get(classId)?.averagePrecision ?? Number.NaN;
          if (Number.isNaN(expected)) expect(got).toBeNaN();
          else expect(got).toBeCloseTo(expected, 12);
        }
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  it('refuses what makes no sense', () => {
    const one = [truth(0, [1])];
    expect(() => averagePrecisionOfRegions([], one, { threshold: 1 })).toThrow(UsageError);
    expect(() => averagePrecisionOfRegions([], [truth(0, [3, 2])], { threshold: 0.5 })).toThrow(
      /truth 0: pixel number 1 is 2 after 3/,
    );
    expect(() => averagePrecisionOfRegions([], one, { threshold: 0.5, parts: true })).toThrow(
      /truth 0 has 1 pixels and no parts/,
    );
    const nan = [detection(Number.NaN, 0, [1])];
    expect(() => averagePrecisionOfRegions(nan, one, { threshold: 0.5 })).toThrow(DataError);
  });
});

/** By sets and sums over recalls rather than merged lists and an envelope. */
function reference(
  found: readonly RegionDetection[],
  there: readonly RegionTruth[],
  threshold: number,
): number {
  if (there.length === 0) return Number.NaN;
  const free = new Set(there);
  const hits = found
    .toSorted((a, b) => b.score - a.score)
    .map(({ image, pixels }) => {
      let best: RegionTruth | null = null;
      let most = threshold;
      for (const each of free) {
        if (each.image !== image) continue;
        const both = [...pixels].filter((at) => each.pixels.includes(at)).length;
        const overlap = both / new Set([...pixels, ...each.pixels]).size;
        if (overlap > most) [best, most] = [each, overlap];
      }
      if (best) free.delete(best);
      return best !== null;
    });
  const precisionAt = (n: number) => hits.slice(0, n).filter(Boolean).length / n;
  let sum = 0;
  // One step of recall for each hit: the best precision from there on.
  hits.forEach((hit, i) => {
    if (hit)
      sum += Math.max(...hits.flatMap((_, later) => (later >= i ? [precisionAt(later + 1)] : [])));
  });
  return sum / there.length;
}
