/**
 * The figures in the form in which Lee et al. 2018 computed those of their tables (`calculate_log.py` of their code, after
 * that of Liang et al. 2018): for comparison with these tables alone. They differ from the exact ones where scores are
 * equal, as those of a softmax that saturates at 1 are: the last jump of the curve is then left out of AUROC.
 */
import { DataError } from '../errors.js';
import type { OutOfDistributionFigures, Scores } from './out-of-distribution.js';

/** Thresholds between the least and the greatest confidence. */
const gridSteps = 200_000;
/** The rates between which the false-positive rate is averaged for "TNR at TPR 95 %". */
const tprWindow = [0.94, 0.96] as const;

/** Shares of both sets on each side of a threshold on the confidence. */
interface Rates {
  /** Inside images at or above the threshold. */
  readonly accepted: number;
  /** Outside images above it, and at or above it. */
  readonly mistakenAbove: number;
  readonly mistakenFrom: number;
}

/**
 * The five figures by the code's own arithmetic, on confidences (the negated scores).
 * - TNR: 1 - the mean false-positive rate over the thresholds of the grid whose TPR lies in [0.94, 0.96]; 0 where none does.
 * - AUROC and AUPR: sums over the grid, a step's width times its height after the step; the precision is one of rates,
 *   as if both sets were equally large.
 * - Every figure is NaN where all scores are equal, where the code divides by zero.
 * @throws DataError where a set is empty or a score is not finite, which no grid can span.
 */
export function paperMetrics(inside: Scores, outside: Scores): OutOfDistributionFigures {
  const own = confidences(inside, 'inside');
  const other = confidences(outside, 'outside');
  const start = Math.min(own[0] ?? 0, other[0] ?? 0);
  const end = Math.max(own.at(-1) ?? 0, other.at(-1) ?? 0);
  if (start === end) {
    const none = Number.NaN;
    return { tnr: none, auroc: none, detectionAccuracy: none, auprIn: none, auprOut: none };
  }
  const rising = ratesOver(own, other, grid(start, end));
  return {
    tnr: 1 - meanFalsePositiveRate(rising),
    auroc: areaUnderRoc(rising),
    detectionAccuracy: 1 - leastError(rising),
    auprIn: areaUnderPrecisionIn(rising),
    auprOut: areaUnderPrecisionOut(own, other, start, end),
  };
}

/** The values of numpy's `arange(start, end, (end - start) / 200000)`, which are spaced as its first two are. */
function grid(start: number, end: number): Float64Array {
  const gap = (end - start) / gridSteps;
  const step = start + gap - start;
  return Float64Array.from({ length: Math.ceil((end - start) / gap) }, (_, i) => start + i * step);
}

/** The rates at each of the rising thresholds, in one sweep over both sorted sets. */
function ratesOver(own: Float64Array, other: Float64Array, thresholds: Float64Array): Rates[] {
  let [below, otherBelow, otherUpTo] = [0, 0, 0];
  return Array.from(thresholds, (threshold) => {
    while (below < own.length && (own[below] ?? 0) < threshold) below++;
    while (otherBelow < other.length && (other[otherBelow] ?? 0) < threshold) otherBelow++;
    while (otherUpTo < other.length && (other[otherUpTo] ?? 0) <= threshold) otherUpTo++;
    return {
      accepted: (own.length - below) / own.length,
      mistakenAbove: (other.length - otherUpTo) / other.length,
      mistakenFrom: (other.length - otherBelow) / other.length,
    };
  });
}

function meanFalsePositiveRate(rates: readonly Rates[]): number {
  const [low, high] = tprWindow;
  const inWindow = rates.filter(({ accepted }) => accepted >= low && accepted <= high);
  if (inWindow.length === 0) return 1;
  return inWindow.reduce((total, { mistakenAbove }) => total + mistakenAbove, 0) / inWindow.length;
}

function areaUnderRoc(rates: readonly Rates[]): number {
  let [area, before] = [0, 1];
  for (const { accepted, mistakenAbove } of rates) {
    area += (before - mistakenAbove) * accepted;
    before = mistakenAbove;
  }
  return area;
}

function leastError(rates: readonly Rates[]): number {
  return rates.reduce(
    (least, { accepted, mistakenAbove }) => Math.min(least, (1 - accepted + mistakenAbove) / 2),
    1,
  );
}

function areaUnderPrecisionIn(rates: readonly Rates[]): number {
  let [area, before, last] = [0, 1, 0];
  for (const { accepted, mistakenFrom } of rates) {
    if (accepted + mistakenFrom === 0) continue;
    const precision = accepted / (accepted + mistakenFrom);
    area += (before - accepted) * precision;
    before = accepted;
    last = accepted * precision;
  }
  return area + last;
}

/** The code walks down from the greatest confidence here, and ends where nothing lies below the threshold. */
function areaUnderPrecisionOut(
  own: Float64Array,
  other: Float64Array,
  start: number,
  end: number,
): number {
  const gap = (end - start) / gridSteps;
  const step = end - gap - end;
  let [ownBelow, otherBelow] = [own.length, other.length];
  let [area, before, last] = [0, 1, 0];
  for (let i = 0; i < Math.ceil((end - start) / gap); i++) {
    const threshold = end + i * step;
    while (ownBelow > 0 && (own[ownBelow - 1] ?? 0) >= threshold) ownBelow--;
    while (otherBelow > 0 && (other[otherBelow - 1] ?? 0) >= threshold) otherBelow--;
    const mistaken = ownBelow / own.length;
    const found = otherBelow / other.length;
    if (found + mistaken === 0) break;
    const precision = found / (found + mistaken);
    area += (before - found) * precision;
    before = found;
    last = found * precision;
  }
  return area + last;
}

/** The negated scores, rising. */
function confidences(scores: Scores, which: string): Float64Array {
  if (scores.length === 0)
    throw new DataError(
      `no ${which} scores: out-of-distribution figures need at least one image inside and one outside`,
      { actual: 0 },
    );
  const values = Float64Array.from(scores, (score) => -score);
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw new DataError(
      `${which} score ${wrong} is ${scores[wrong]}: the paper's grid of thresholds spans finite scores alone. The exact figures take infinite ones.`,
      { actual: scores[wrong] },
    );
  return values.sort();
}
