/** The figures of an audit, in the layout of the paper's tables 4 to 6. */
import { DataError } from '../../errors.js';
import type { AttackRecord } from './attack.js';
import { wilsonInterval } from './wilson.js';

/** Shares are in [0, 1]. Means over successes are NaN where there is none. */
export interface AttackSummary {
  readonly images: number;
  /** Images attacked: the classifier was right on the original. */
  readonly attacked: number;
  readonly successes: number;
  /** Of the attacked, with Wilson's interval of 95 %. */
  readonly successRate: number;
  readonly successInterval: readonly [low: number, high: number];
  /** Share of all images whose true class is not among the `k` likeliest: of the originals, and after the attack. */
  readonly baseError: number;
  readonly adversarialError: number;
  /** Share of all images that are right on the original and withstood. */
  readonly robustAccuracy: number;
  /** Means over successes: the paper's CONF, PTB and #PTBPIXELS (a share here). */
  readonly confidence: number;
  readonly ptb: number;
  readonly pixelShare: number;
  readonly l2: number;
  readonly linf: number;
  /** Over all that were attacked. */
  readonly queries: Spread;
  readonly seconds: Spread;
}

export interface Spread {
  readonly mean: number;
  readonly median: number;
  readonly most: number;
}

/**
 * Sums up the first example of every image.
 * @param k of the base error, 1 unless given: that of `misclassified(k)`
 * @throws DataError where there is no record.
 */
export function summarizeAttack(records: readonly AttackRecord[], k = 1): AttackSummary {
  const first = records.filter(({ example }) => example === 0);
  if (first.length === 0)
    throw new DataError('there is no record to sum up: attack an image first');
  const attacked = first.filter(({ outcome }) => outcome !== 'skipped');
  const successes = attacked.filter(({ success }) => success);
  const over = (of: readonly AttackRecord[], figure: (record: AttackRecord) => number): number =>
    of.reduce((sum, record) => sum + figure(record), 0) / of.length;
  const wrong = first.filter(({ rank }) => rank > k).length;
  const fooled = first.filter(({ rank, success }) => rank > k || success).length;
  return {
    images: first.length,
    attacked: attacked.length,
    successes: successes.length,
    successRate: successes.length / attacked.length,
    successInterval:
      attacked.length === 0 ? [0, 1] : wilsonInterval(successes.length, attacked.length),
    baseError: wrong / first.length,
    adversarialError: fooled / first.length,
    robustAccuracy: (attacked.length - successes.length) / first.length,
    confidence: over(successes, ({ confidence }) => confidence),
    ptb: over(successes, ({ ptb }) => ptb),
    pixelShare: over(successes, ({ pixelShare }) => pixelShare),
    l2: over(successes, (record) => record.l2),
    linf: over(successes, (record) => record.linf),
    queries: spread(attacked.map(({ queries }) => queries.total)),
    seconds: spread(attacked.map(({ seconds }) => seconds)),
  };
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return {
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    median: (at(Math.ceil(middle) - 1) + at(Math.floor(middle))) / 2,
    most: at(sorted.length - 1),
  };
}
