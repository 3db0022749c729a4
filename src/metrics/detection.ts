/**
 * Average precision, whatever it is that detections and truths are compared by: detections are taken in order of their
 * scores, each takes one truth at most, and the area under the curve of precision over recall is the figure.
 */
import { DataError } from '../errors.js';

/** What a detection turned out to be. */
export interface Verdict {
  /** Larger where the detector was surer. */
  readonly score: number;
  /** Whether it took a truth that no detection of higher score had taken. */
  readonly isRight: boolean;
}

/** A curve of precision over recall and the area under it. */
export interface PrecisionRecall {
  /** In [0, 1]; NaN where there is no truth, as nothing can be recalled. */
  readonly averagePrecision: number;
  readonly truths: number;
  readonly detections: number;
  /** Share of the truths found among the detections of each score and above, the highest score first; rising. */
  readonly recall: readonly number[];
  /** Share of these detections that were right. */
  readonly precision: readonly number[];
}

/**
 * The area under precision over recall, every point of the curve used and precision made to fall: at each recall it is
 * the largest that is reached there or beyond. So PASCAL VOC has it since 2010 (`VOCap`, which the code of Hariharan et
 * al. 2014 and of Yang and Ramanan 2013 calls), rather than at 11 points as before. Detections of one score make one
 * point, since no threshold parts them: so the figure does not depend on their order.
 * @param truths how many things there were to be found
 * @throws DataError where a score is not a number.
 */
export function averagePrecision(verdicts: readonly Verdict[], truths: number): PrecisionRecall {
  const wrong = verdicts.findIndex(({ score }) => Number.isNaN(score));
  if (wrong >= 0)
    throw new DataError(
      `the score of detection ${wrong} is not a number, so that it has no place in the order of detections`,
      { actual: wrong },
    );
  const sorted = verdicts.toSorted((a, b) => b.score - a.score);
  const recall: number[] = [];
  const precision: number[] = [];
  let right = 0;
  sorted.forEach(({ score, isRight }, i) => {
    if (isRight) right++;
    if (sorted[i + 1]?.score === score) return;
    recall.push(right / truths);
    precision.push(right / (i + 1));
  });
  let area = 0;
  let best = 0;
  for (let i = recall.length - 1; i >= 0; i--) {
    best = Math.max(best, precision[i] ?? 0);
    area += best * ((recall[i] ?? 0) - (recall[i - 1] ?? 0));
  }
  const known = truths > 0;
  return {
    averagePrecision: known ? area : Number.NaN,
    truths,
    detections: verdicts.length,
    recall: known ? recall : recall.map(() => Number.NaN),
    precision,
  };
}

/** The mean of the average precisions that are numbers: of the classes of which there was a truth. */
export function meanAveragePrecision(curves: Iterable<PrecisionRecall>): number {
  const known = [...curves].filter(({ truths }) => truths > 0);
  return known.reduce((sum, each) => sum + each.averagePrecision, 0) / known.length;
}

/** What matching asks of detections: an image, a score. */
interface Scored {
  readonly image: number;
  readonly score: number;
}

/**
 * Goes through the detections of one class in order of score and has each take a truth of its image.
 * @param fitOf how well a detection fits a truth, or null where it does not; a larger one is better
 * @param mayShare whether a truth that is taken already still attracts detections, which are wrong then
 */
export function matched<D extends Scored, T extends { readonly image: number }>(
  detections: readonly D[],
  truths: readonly T[],
  fitOf: (detection: D, truth: T) => number | null,
  mayShare: boolean,
): Verdict[] {
  const byImage = grouped(truths, ({ image }) => image);
  const taken = new Set<T>();
  // Of equal scores the better fit comes first, so that the order in which they are given does not matter.
  const candidates = detections.map((detection) => {
    const fits = (byImage.get(detection.image) ?? []).flatMap((truth) => {
      const value = fitOf(detection, truth);
      return value === null ? [] : [{ truth, value }];
    });
    fits.sort((a, b) => b.value - a.value);
    return { score: detection.score, fits };
  });
  const worth = (fits: readonly { value: number }[]): number =>
    fits[0]?.value ?? Number.NEGATIVE_INFINITY;
  candidates.sort((a, b) => b.score - a.score || compare(worth(b.fits), worth(a.fits)));
  return candidates.map(({ score, fits }) => {
    const found = mayShare ? fits[0] : fits.find(({ truth }) => !taken.has(truth));
    const isRight = found !== undefined && !taken.has(found.truth);
    if (found) taken.add(found.truth);
    return { score, isRight };
  });
}

const compare = (a: number, b: number): number => (a === b ? 0 : a - b);

/** Items by a key, in their order. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
