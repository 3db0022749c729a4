/**
 * How well a score tells images of a classifier's own kind from others. Higher means more outside, always. The positive
 * class is the inside, as in Hendrycks and Gimpel 2017 and Lee et al. 2018: the true-positive rate is the share of inside
 * images that are accepted, the true-negative rate the share of outside ones that are refused. All figures are exact, and
 * images of one score are told apart by no threshold: they count together.
 */
import { DataError } from '../errors.js';

/** A score for each image, in any unit; +-Infinity is allowed, NaN is not. */
export type Scores = ArrayLike<number>;

/** The five figures of Lee et al. 2018, section 3, each a share in [0, 1]. */
export interface OutOfDistributionFigures {
  /** TNR at a TPR of 95 %: refused share of the outside at the least threshold that accepts 95 % of the inside. */
  readonly tnr: number;
  /** Chance that an outside image scores above an inside one, equal scores counting half. */
  readonly auroc: number;
  /** 1 - the least mean of both error rates over all thresholds: each kind is met equally often. */
  readonly detectionAccuracy: number;
  /** Average precision where the inside is to be found, the least score first. */
  readonly auprIn: number;
  /** Average precision where the outside is to be found, the highest score first. */
  readonly auprOut: number;
}

/** The figures' names, in the order of the paper's tables. */
export const outOfDistributionFigureNames = [
  'tnr',
  'auroc',
  'detectionAccuracy',
  'auprIn',
  'auprOut',
] as const satisfies readonly (keyof OutOfDistributionFigures)[];

/** How often each distinct score was given, the scores rising. */
export interface ScoreGroups {
  readonly scores: Float64Array;
  readonly inside: Float64Array;
  readonly outside: Float64Array;
}

export interface OutOfDistributionOptions {
  /** Share of the inside, in (0, 1], that is accepted where `tnr` is taken; 0.95 as in the paper. */
  readonly tpr?: number | undefined;
}

/** The true-positive rate at which the paper states the true-negative rate. */
export const paperTpr = 0.95;

/**
 * The figures of a set of scores of inside images and one of outside images, in O(n log n).
 * @throws DataError where a set is empty or a score is NaN, or the true-positive rate is outside (0, 1].
 */
export function outOfDistributionFigures(
  inside: Scores,
  outside: Scores,
  options: OutOfDistributionOptions = {},
): OutOfDistributionFigures {
  return figuresOfGroups(groupScores(inside, outside), options);
}

/**
 * Sorts both sets into groups of equal scores.
 * @throws DataError where a set is empty or a score is NaN.
 */
export function groupScores(inside: Scores, outside: Scores): ScoreGroups {
  const own = sorted(inside, 'inside');
  const other = sorted(outside, 'outside');
  const scores: number[] = [];
  const counts: [number[], number[]] = [[], []];
  let i = 0;
  let j = 0;
  while (i < own.length || j < other.length) {
    const score = Math.min(
      own[i] ?? Number.POSITIVE_INFINITY,
      other[j] ?? Number.POSITIVE_INFINITY,
    );
    const [firstOwn, firstOther] = [i, j];
    while (i < own.length && own[i] === score) i++;
    while (j < other.length && other[j] === score) j++;
    scores.push(score);
    counts[0].push(i - firstOwn);
    counts[1].push(j - firstOther);
  }
  return {
    scores: Float64Array.from(scores),
    inside: Float64Array.from(counts[0]),
    outside: Float64Array.from(counts[1]),
  };
}

/**
 * The figures of scores that are grouped already.
 * @throws DataError where the true-positive rate is outside (0, 1].
 */
export function figuresOfGroups(
  { inside, outside }: Pick<ScoreGroups, 'inside' | 'outside'>,
  { tpr = paperTpr }: OutOfDistributionOptions = {},
): OutOfDistributionFigures {
  checkTpr(tpr);
  const allInside = sum(inside);
  const allOutside = sum(outside);
  const wanted = acceptedAt(tpr, allInside);
  let [accepted, mistaken, pairs, best] = [0, 0, 0, 0.5];
  let [tnr, auprIn, auprOut] = [Number.NaN, 0, 0];
  for (let group = 0; group < inside.length; group++) {
    const own = inside[group] ?? 0;
    const other = outside[group] ?? 0;
    // Outside ones from this group on, the whole group included.
    const refusedFrom = allOutside - mistaken;
    if (other > 0)
      auprOut += (other / allOutside) * (refusedFrom / (refusedFrom + allInside - accepted));
    pairs += own * (refusedFrom - other / 2);
    accepted += own;
    mistaken += other;
    if (own > 0) auprIn += (own / allInside) * (accepted / (accepted + mistaken));
    const right = (accepted / allInside + (allOutside - mistaken) / allOutside) / 2;
    best = Math.max(best, right);
    if (Number.isNaN(tnr) && accepted >= wanted) tnr = (allOutside - mistaken) / allOutside;
  }
  return {
    tnr,
    auroc: pairs / (allInside * allOutside),
    detectionAccuracy: best,
    auprIn,
    auprOut,
  };
}

/** A point of the curve of refused inside over refused outside, or of accepted over accepted: rates in [0, 1]. */
export interface RocPoint {
  /** Images of this score and below are accepted. */
  readonly threshold: number;
  readonly truePositiveRate: number;
  readonly falsePositiveRate: number;
}

/**
 * The receiver operating characteristic: one point for each distinct score, and before them the one that accepts nothing.
 * @throws DataError as `groupScores`.
 */
export function rocCurve(insideScores: Scores, outsideScores: Scores): RocPoint[] {
  const { scores, inside, outside } = groupScores(insideScores, outsideScores);
  const [allInside, allOutside] = [sum(inside), sum(outside)];
  const points: RocPoint[] = [
    { threshold: Number.NEGATIVE_INFINITY, truePositiveRate: 0, falsePositiveRate: 0 },
  ];
  let [accepted, mistaken] = [0, 0];
  scores.forEach((threshold, group) => {
    accepted += inside[group] ?? 0;
    mistaken += outside[group] ?? 0;
    points.push({
      threshold,
      truePositiveRate: accepted / allInside,
      falsePositiveRate: mistaken / allOutside,
    });
  });
  return points;
}

/**
 * The least score that, taken as threshold, accepts the share `tpr` of `inside`: scores up to it, itself included.
 * @throws DataError where there are no scores, one is NaN, or `tpr` is outside (0, 1].
 */
export function thresholdAtTpr(inside: Scores, tpr: number = paperTpr): number {
  checkTpr(tpr);
  const own = sorted(inside, 'inside');
  return own[acceptedAt(tpr, own.length) - 1] ?? Number.NaN;
}

/** How many of `n` make the share at least; 0.95 of 20 is 19, whatever 0.95 * 20 rounds to. */
function acceptedAt(tpr: number, n: number): number {
  const product = tpr * n;
  const nearest = Math.round(product);
  return Math.abs(product - nearest) < 1e-9 * n ? nearest : Math.ceil(product);
}

function checkTpr(tpr: number): void {
  if (!(tpr > 0 && tpr <= 1))
    throw new DataError(`invalid true-positive rate ${tpr}: give a share above 0 and up to 1`, {
      actual: tpr,
    });
}

function sorted(scores: Scores, which: string): Float64Array {
  if (scores.length === 0)
    throw new DataError(
      `no ${which} scores: out-of-distribution figures need at least one image inside and one outside`,
      { actual: 0 },
    );
  const copy = Float64Array.from(scores);
  const wrong = copy.findIndex(Number.isNaN);
  if (wrong >= 0)
    throw new DataError(
      `${which} score ${wrong} is not a number, so that it has no place in the order of scores. The model has diverged, or its input has NaN.`,
      { actual: wrong },
    );
  return copy.sort();
}

function sum(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0);
}
