/** Trains a ladder network from images to a classifier. */
import { confusionMatrix, errorRate, predictedClasses } from '../../metrics/classification.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { CheckpointStore, TrainEvent } from '../../train/events.js';
import { heldFor, linearAfter } from '../../train/schedule.js';
import { type TrainResult, train } from '../../train/train.js';
import { type Images, ladderBatches } from './batches.js';
import { classifier, foldNormalization, type Parameters, statisticsOf } from './classifier.js';
import { checkConfig, type LadderConfig } from './config.js';
import { ladderStep } from './step.js';

export interface LadderData {
  readonly labelled: Images;
  readonly unlabelled: Images | null;
  readonly validation: Images | null;
  /** Channels, height and width of an image. */
  readonly shape: readonly number[];
}

export interface TrainLadderOptions {
  readonly runtime: Runtime;
  readonly session?: SessionOptions;
  readonly config: LadderConfig;
  readonly data: LadderData;
  readonly store?: CheckpointStore;
  readonly resume?: boolean;
  readonly checkpointEvery?: number;
  /** Evaluations on the validation images without a better error that end the run. Never ends early by default. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

export interface TrainedLadder extends TrainResult {
  /** Weights and biases of the classifier, normalisation folded in. */
  readonly weights: Parameters;
  /** Class probabilities, float32 (count, classes), of images under `weights`. */
  readonly classify: (set: Images) => Promise<Tensor<'float32'>>;
  readonly stepsPerEpoch: number;
}

/**
 * Trains as the config says. The validation images, if any, are judged once an epoch; the test images are nobody's
 * business here.
 * @throws UsageError for a config that makes no sense, DataError for images that do not fit it, and what `train`
 *   throws.
 */
export async function trainLadder(options: TrainLadderOptions): Promise<TrainedLadder> {
  const { runtime, config, data } = options;
  checkConfig(config);
  const { stepsPerEpoch, batch } = ladderBatches(config, data.labelled, data.unlabelled);
  const statistics = await statisticsOf(runtime, config, data.labelled);
  const classify = await classifier(runtime, config, data.shape);
  const weightsOf = async (parameters: Parameters) =>
    foldNormalization(config, parameters, await statistics(parameters));
  const { validation } = data;
  const result = await train({
    ...options,
    step: ladderStep(config),
    run: config.mode === 'supervised' ? 'supervised' : 'ladder',
    batch,
    steps: Math.round(config.epochs * stepsPerEpoch),
    stepsPerEpoch,
    learningRate: config.learningRate,
    // The rate is kept within an epoch, as in the official code; a run of parts of epochs changes it each step.
    schedule: Number.isInteger(config.epochs)
      ? heldFor(config.epochs, linearAfter(config.decayFrom))
      : linearAfter(config.decayFrom),
    seed: config.seed,
    ...(validation && {
      evaluate: async (parameters: Parameters) => {
        const probabilities = await classify(await weightsOf(parameters), validation);
        return { validationError: errorOf(probabilities, validation) };
      },
      watch: {
        metric: 'validationError',
        ...(options.patience === undefined ? {} : { patience: options.patience }),
      },
    }),
  });
  const weights = await weightsOf(result.parameters);
  return { ...result, weights, stepsPerEpoch, classify: (set) => classify(weights, set) };
}

/** Share of images whose likeliest class is not their label. */
export function errorOf(probabilities: Tensor<'float32'>, set: Images): number {
  const classes = probabilities.dims[1] ?? 1;
  return errorRate(confusionMatrix(set.labels ?? [], predictedClasses(probabilities), classes));
}
