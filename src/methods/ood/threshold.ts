/** Where inside ends: a threshold on a detector's score. An image whose score lies above it is outside. */
import { DataError, UsageError } from '../../errors.js';
import { type Scores, thresholdAtTpr } from '../../metrics/out-of-distribution.js';

/**
 * The least threshold that accepts the share `tpr` of held-out images inside.
 * @throws DataError where there are none, one has no finite score at that share, or the rate is none.
 */
export function chooseThreshold(heldOut: Scores, tpr: number): number {
  const threshold = thresholdAtTpr(heldOut, tpr);
  if (Number.isFinite(threshold)) return threshold;
  throw new DataError(
    `the score that ${tpr} of the held-out images stay below is ${threshold}: no threshold tells them from others. Choose another detector, or a lower true-positive rate.`,
    { actual: threshold },
  );
}

/**
 * Refuses a threshold that was given and that no held-out image inside meets: everything would be outside.
 * @throws UsageError naming the scores that there are.
 */
export function checkThreshold(threshold: number, heldOut: Scores): number {
  const scores = Array.from(heldOut);
  if (scores.some((score) => score <= threshold)) return threshold;
  const least = scores.reduce((low, score) => Math.min(low, score), Number.POSITIVE_INFINITY);
  const most = scores.reduce((high, score) => Math.max(high, score), Number.NEGATIVE_INFINITY);
  throw new UsageError(
    `no score of the held-out images meets the threshold ${threshold}: they go from ${least} to ${most}, and an image is inside where its score is at most the threshold`,
    { expected: [least, most], actual: threshold },
  );
}
