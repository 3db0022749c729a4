/** A detector as it is used: fitted, given a threshold, asked, and folded into the model. */
import { NotFittedError } from '../../errors.js';
import type { Model } from '../../graph/graph.js';
import { paperTpr } from '../../metrics/out-of-distribution.js';
import type { ClassifierSpec } from '../../onnx/metadata.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type Calibration, probabilitiesOf } from '../calibration/calibration.js';
import type { ImageRows } from '../classifier/score.js';
import type { DetectorSettings, FittedDetector } from './detector.js';
import { outsideVerdict, unknownModel } from './fold.js';
import type { ScoredNetwork } from './network.js';
import { type ImageScorer, imageScorer } from './score.js';
import { type DetectorName, detectors } from './table.js';
import { checkThreshold, chooseThreshold } from './threshold.js';

export interface DetectOptions {
  readonly runtime: Runtime;
  readonly network: ScoredNetwork;
  readonly settings?: DetectorSettings | undefined;
  /** Images at a time; 100 unless given. */
  readonly batch?: number | undefined;
  readonly session?: SessionOptions | undefined;
}

/** What is said of images. */
export interface Predictions {
  /** (count): the most probable class, or -1 where the image is outside. */
  readonly verdicts: Int32Array;
  /** (count), higher more outside. */
  readonly scores: Float32Array;
  /** (count, classes). */
  readonly probabilities: Tensor<'float64'>;
}

/** Tells images of a classifier's own kind from others. */
export interface OutOfDistributionDetector {
  readonly name: DetectorName;
  /** Images of a higher score are outside; null before `setThreshold`. */
  readonly threshold: number | null;
  /**
   * Learns from labelled images inside, those that the classifier was trained on. Detectors that learn nothing look at none.
   * @throws DataError for images that nothing can be learnt from, UsageError for settings that do not fit.
   */
  fit(images: ImageRows): Promise<void>;
  /** The score of each image, higher more outside. @throws NotFittedError before `fit`, ShapeError for images of another size. */
  score(images: ImageRows): Promise<Float32Array>;
  /**
   * Sets the threshold by held-out images inside: that which accepts the share `tpr` of them, or the one that is given.
   * @throws NotFittedError before `fit`; DataError, UsageError where no score meets it.
   */
  setThreshold(
    heldOut: ImageRows,
    options?: { readonly tpr?: number | undefined; readonly threshold?: number | undefined },
  ): Promise<number>;
  /** @throws NotFittedError before `fit` and `setThreshold`. */
  predict(images: ImageRows, calibration?: Calibration): Promise<Predictions>;
  /** The model with everything folded in, as `unknownModel`. @throws NotFittedError before `fit` and `setThreshold`. */
  model(spec: ClassifierSpec, calibration?: Calibration): Model;
}

/** A detector of the table that has learnt nothing yet. */
export function outOfDistributionDetector(
  name: DetectorName,
  { runtime, network, settings = {}, batch = 100, session }: DetectOptions,
): OutOfDistributionDetector {
  let ready: { readonly fitted: FittedDetector; readonly run: ImageScorer } | null = null;
  let limit: { readonly threshold: number; readonly tpr?: number } | null = null;
  const needed = (what: string) => {
    if (ready) return ready;
    throw new NotFittedError(
      `${name}: ${what} before \`fit\`. Fit the detector on images that the classifier knows first.`,
    );
  };
  const limited = (what: string) => {
    needed(what);
    if (limit) return limit;
    throw new NotFittedError(
      `${name}: ${what} before \`setThreshold\`. Set the threshold on held-out images that the classifier knows first.`,
    );
  };
  const scoresOf = async (images: ImageRows, what: string) => {
    const { scores, logits } = await needed(what).run(images);
    return { logits, scores: scores.get(name) ?? new Float32Array() };
  };
  return {
    name,
    get threshold() {
      return limit?.threshold ?? null;
    },
    async fit(images) {
      const context = { runtime, network, images, batch, settings, session };
      const fitted = await detectors[name].fit(context);
      ready = { fitted, run: await imageScorer(runtime, network, [fitted], batch, session) };
      limit = null;
    },
    score: async (images) => (await scoresOf(images, '`score`')).scores,
    async setThreshold(heldOut, { tpr = paperTpr, threshold } = {}) {
      const { scores } = await scoresOf(heldOut, '`setThreshold`');
      limit =
        threshold === undefined
          ? { threshold: chooseThreshold(scores, tpr), tpr }
          : { threshold: checkThreshold(threshold, scores) };
      return limit.threshold;
    },
    async predict(images, calibration) {
      const { threshold } = limited('`predict`');
      const { scores, logits } = await scoresOf(images, '`predict`');
      const probabilities = probabilitiesOf(logits, calibration);
      return { scores, probabilities, verdicts: verdictsOf(probabilities, scores, threshold) };
    },
    model(spec, calibration) {
      const { fitted } = needed('`model`');
      return unknownModel(network, { detector: fitted, ...limited('`model`'), calibration }, spec);
    },
  };
}

/** The most probable class of each row, or -1 where its score lies above the threshold. */
export function verdictsOf(
  { data, dims: [count = 0, classes = 0] }: Tensor<'float64'>,
  scores: Float32Array,
  threshold: number,
): Int32Array {
  // The graph compares float32 with float32.
  const limit = Math.fround(threshold);
  return Int32Array.from({ length: count }, (_, i) => {
    if ((scores[i] ?? 0) > limit) return outsideVerdict;
    const row = data.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row));
  });
}
