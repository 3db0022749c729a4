/** How sure the figures of `out-of-distribution.ts` are: percentile intervals of a seeded bootstrap (Efron 1979). */
import { UsageError } from '../errors.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import {
  figuresOfGroups,
  groupScores,
  type OutOfDistributionFigures,
  type OutOfDistributionOptions,
  outOfDistributionFigureNames,
  type Scores,
} from './out-of-distribution.js';

/** Low and high end of an interval. */
export type Interval = readonly [low: number, high: number];

/** The figures, and for each the interval in which the middle share of the resampled ones lies. */
export interface FiguresWithIntervals {
  readonly figures: OutOfDistributionFigures;
  readonly intervals: Readonly<Record<keyof OutOfDistributionFigures, Interval>>;
}

export interface BootstrapOptions extends OutOfDistributionOptions {
  /** How often both sets are drawn anew, at least 1; 500, ours: ends then wander by a tenth of the interval. */
  readonly resamples?: number | undefined;
  /** Share of the resampled figures inside the interval, in (0, 1); 0.95. */
  readonly level?: number | undefined;
  /** Whole number in [0, 2^53); the same gives the same intervals. */
  readonly seed?: number | undefined;
}

/**
 * The figures with a bootstrap interval each. Inside and outside are drawn with replacement, each by itself, so that
 * both keep their size. After one sort a resample costs O(n).
 * @throws DataError as `outOfDistributionFigures`; UsageError for options out of range.
 */
export function figuresWithIntervals(
  inside: Scores,
  outside: Scores,
  { resamples = 500, level = 0.95, seed = 1, tpr }: BootstrapOptions = {},
): FiguresWithIntervals {
  if (!Number.isInteger(resamples) || resamples < 1)
    throw new UsageError(
      `invalid number of resamples ${resamples}: give a whole number from 1 on`,
      {
        actual: resamples,
      },
    );
  if (!(level > 0 && level < 1))
    throw new UsageError(`invalid level ${level}: give a share between 0 and 1`, { actual: level });
  const groups = groupScores(inside, outside);
  const drawn = outOfDistributionFigureNames.map(() => new Float64Array(resamples));
  const own = drawer(groups.inside);
  const other = drawer(groups.outside);
  for (let i = 0; i < resamples; i++) {
    const figures = figuresOfGroups(
      { inside: own(seed, i, 'bootstrap/inside'), outside: other(seed, i, 'bootstrap/outside') },
      { tpr },
    );
    outOfDistributionFigureNames.forEach((name, at) => {
      const values = drawn[at];
      if (values) values[i] = figures[name];
    });
  }
  const interval = (values = new Float64Array()): Interval => {
    values.sort();
    return [quantile(values, (1 - level) / 2), quantile(values, (1 + level) / 2)];
  };
  return {
    figures: figuresOfGroups(groups, { tpr }),
    intervals: {
      tnr: interval(drawn[0]),
      auroc: interval(drawn[1]),
      detectionAccuracy: interval(drawn[2]),
      auprIn: interval(drawn[3]),
      auprOut: interval(drawn[4]),
    },
  };
}

/** Draws as many images as there are, with replacement, and counts them by group. What it returns is written anew each time. */
function drawer(counts: Float64Array): (seed: number, step: number, name: string) => Float64Array {
  const groupOf = Uint32Array.from(
    [...counts].flatMap((count, group) => new Array<number>(count).fill(group)),
  );
  const uniform = new Float32Array(groupOf.length);
  const drawn = new Float64Array(counts.length);
  return (seed, step, name) => {
    fillUniform(uniform, streamKey(seed, step, name));
    drawn.fill(0);
    for (let i = 0; i < uniform.length; i++) {
      const group = groupOf[Math.floor((uniform[i] ?? 0) * groupOf.length)] ?? 0;
      drawn[group] = (drawn[group] ?? 0) + 1;
    }
    return drawn;
  };
}

/** Between the two nearest values, in proportion. */
function quantile(sortedValues: Float64Array, share: number): number {
  const at = share * (sortedValues.length - 1);
  const low = sortedValues[Math.floor(at)] ?? Number.NaN;
  const high = sortedValues[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}
