import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { outOfDistributionFigureNames, outOfDistributionFigures } from './out-of-distribution.js';
import { paperMetrics } from './out-of-distribution-paper.js';

/** The sums over the grid, each rate counted anew at each threshold. */
function bruteForce(inside: number[], outside: number[]) {
  const x = inside.map((score) => -score);
  const y = outside.map((score) => -score);
  const [start, end] = [Math.min(...x, ...y), Math.max(...x, ...y)];
  const gap = (end - start) / 200_000;
  const share = (set: number[], keep: (c: number) => boolean) =>
    set.filter(keep).length / set.length;
  const steps = Math.ceil((end - start) / gap);
  const up = Array.from({ length: steps }, (_, i) => start + i * (start + gap - start));
  const down = Array.from({ length: steps }, (_, i) => end + i * (end - gap - end));
  const window = up.filter((d) => {
    const tpr = share(x, (c) => c >= d);
    return tpr >= 0.94 && tpr <= 0.96;
  });
  const falsePositives = window.reduce((total, d) => total + share(y, (c) => c > d), 0);
  let [auroc, fprBefore, error] = [0, 1, 1];
  let [auprIn, inBefore, inLast] = [0, 1, 0];
  for (const d of up) {
    const tpr = share(x, (c) => c >= d);
    const fpr = share(y, (c) => c > d);
    auroc += (fprBefore - fpr) * tpr;
    fprBefore = fpr;
    error = Math.min(error, (share(x, (c) => c < d) + fpr) / 2);
    const mistaken = share(y, (c) => c >= d);
    if (tpr + mistaken === 0) continue;
    auprIn += (inBefore - tpr) * (tpr / (tpr + mistaken));
    inBefore = tpr;
    inLast = tpr * (tpr / (tpr + mistaken));
  }
  let [auprOut, outBefore, outLast] = [0, 1, 0];
  for (const d of down) {
    const found = share(y, (c) => c < d);
    const mistaken = share(x, (c) => c < d);
    if (found + mistaken === 0) break;
    auprOut += (outBefore - found) * (found / (found + mistaken));
    outBefore = found;
    outLast = found * (found / (found + mistaken));
  }
  return {
    tnr: window.length === 0 ? 0 : 1 - falsePositives / window.length,
    auroc,
    detectionAccuracy: 1 - error,
    auprIn: auprIn + inLast,
    auprOut: auprOut + outLast,
  };
}

/** Negated confidences; the first are equal, as a softmax makes them that saturates. */
function saturated(n: number, equal: number, spread: number): number[] {
  return Array.from({ length: n }, (_, i) => (i < equal ? -1 : -(1 - (spread * (i - equal)) / n)));
}

describe('figures in the form of the official code', () => {
  it.each([
    ['ties at the top', saturated(20, 8, 0.5), saturated(12, 3, 0.8)],
    ['no ties', saturated(20, 1, 0.5), saturated(14, 0, 0.71)],
    ['no threshold in the window', [-0.9, -0.8], [-0.5, -0.7, -0.8]],
  ])('agrees with sums over its grid to 1e-12: %s', (_, inside, outside) => {
    const wanted = bruteForce(inside, outside);
    const got = paperMetrics(inside, outside);
    for (const name of outOfDistributionFigureNames)
      expect(Math.abs(got[name] - wanted[name]), name).toBeLessThan(1e-12);
  });

  it('comes near the exact figures where scores are spread, and reads AUROC low where they saturate', () => {
    const spread = [saturated(500, 0, 0.4), saturated(500, 0, 0.8)] as const;
    const exact = outOfDistributionFigures(...spread);
    const paper = paperMetrics(...spread);
    for (const name of outOfDistributionFigureNames)
      expect(Math.abs(paper[name] - exact[name]), name).toBeLessThan(0.012);
    const certain = [saturated(500, 350, 0.4), saturated(500, 250, 0.8)] as const;
    expect(outOfDistributionFigures(...certain).auroc).toBeGreaterThan(0.6);
    expect(paperMetrics(...certain).auroc).toBeLessThan(0.5);
  });

  it('is not a number where all scores are equal, and refuses what has no grid', () => {
    expect(paperMetrics([-1, -1], [-1]).auroc).toBeNaN();
    expect(() => paperMetrics([], [1])).toThrow(/no inside scores/);
    expect(() => paperMetrics([1], [Number.NaN])).toThrow(DataError);
    expect(() => paperMetrics([1], [Number.POSITIVE_INFINITY])).toThrow(/outside score 0 is Inf/);
  });
});
