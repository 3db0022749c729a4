/**
 * APK, the average precision of keypoints (Yang and Ramanan 2013, "Articulated human detection with flexible mixtures
 * of parts"): keypoints are detections, which must lie near enough to a true one.
 */
import { DataError, UsageError } from '../errors.js';
import {
  averagePrecision,
  grouped,
  matched,
  meanAveragePrecision,
  type PrecisionRecall,
} from './detection.js';

/** A keypoint of one thing in an image. */
export interface KeypointTruth {
  /** Which image it is in: any number that detections share. */
  readonly image: number;
  /** Which keypoint it is, for example 0 for the topmost point. */
  readonly kind: number;
  /** Pixels from the image's corner. */
  readonly y: number;
  readonly x: number;
  /**
   * The length in pixels that distances are measured by: the larger side of the thing's true box, in the paper's
   * `alpha * max(h, w)`; authors who evaluate otherwise give another, such as the height of a torso.
   */
  readonly scale: number;
}

/** The same as it was predicted. */
export interface KeypointDetection extends Omit<KeypointTruth, 'scale'> {
  readonly score: number;
}

export interface KeypointFigures {
  /** Mean over the kinds that have a truth, in [0, 1]; NaN where none has. */
  readonly mean: number;
  readonly kinds: ReadonlyMap<number, PrecisionRecall>;
}

/**
 * APK. A predicted keypoint belongs to the nearest true one of its kind in its image, distances being divided by the
 * truth's scale; it is right where that is at most `alpha` and no better-scored one was before it. A keypoint that is
 * not visible is no truth, and predicting it is wrong (as in the authors' `eval_apk`).
 * @param alpha the share of the scale that is near enough
 * @throws DataError where a scale is not above 0 or a position or score is not a number, UsageError for an alpha that
 *   is not above 0.
 */
export function averagePrecisionOfKeypoints(
  detections: readonly KeypointDetection[],
  truths: readonly KeypointTruth[],
  alpha = 0.2,
): KeypointFigures {
  if (!(alpha > 0))
    throw new UsageError(`APK: alpha must be above 0, got ${alpha}`, { actual: alpha });
  truths.forEach(({ scale }, i) => {
    if (!(scale > 0))
      throw new DataError(`true keypoint ${i} has a scale of ${scale}: it must be above 0`, {
        actual: scale,
      });
  });
  [...detections, ...truths].forEach(({ y, x }, i) => {
    if (!Number.isFinite(y) || !Number.isFinite(x))
      throw new DataError(`keypoint ${i} lies at (${y}, ${x}), which is no place in an image`, {
        actual: [y, x],
      });
  });
  const found = grouped(detections, ({ kind }) => kind);
  const there = grouped(truths, ({ kind }) => kind);
  const ids = [...new Set([...there.keys(), ...found.keys()])].sort((a, b) => a - b);
  const nearness = (detection: KeypointDetection, truth: KeypointTruth): number | null => {
    const distance = Math.hypot(detection.y - truth.y, detection.x - truth.x) / truth.scale;
    return distance <= alpha ? -distance : null;
  };
  const kinds = new Map(
    ids.map((id) => {
      const own = there.get(id) ?? [];
      const verdicts = matched(found.get(id) ?? [], own, nearness, true);
      return [id, averagePrecision(verdicts, own.length)];
    }),
  );
  return { mean: meanAveragePrecision(kinds.values()), kinds };
}
