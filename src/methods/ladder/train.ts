/** Trains a ladder network from images to a classifier. */
import { confusionMatrix, errorRate, predictedClasses } from '../../metrics/classification.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { CheckpointStore, TrainEvent } from '../../train/events.js';
import { heldFor, linearAfter } from '../../train/schedule.js';
import type { TrainingStep } from '../../train/step.js';
import { type TrainResult, train } from '../../train/train.js';
import { checkPatience } from '../optimization.js';
import { type Batches, type Images, ladderBatches } from './batches.js';
import {
  type Classify,
  classifier,
  foldNormalization,
  type Parameters,
  statisticsOf,
} from './classifier.js';
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
  const batches = ladderBatches(config, data.labelled, data.unlabelled);
  const statistics = await statisticsOf(runtime, config, data.labelled);
  return trainParts(options, {
    step: ladderStep(config),
    batches,
    weightsOf: async (parameters) =>
      foldNormalization(config, parameters, await statistics(parameters)),
    classify: await classifier(runtime, config, data.shape),
  });
}

/** What kinds of ladders do each in their own way. */
export interface LadderParts {
  readonly step: TrainingStep;
  readonly batches: Batches;
  /** Weights of the classifier that parameters come to. */
  readonly weightsOf: (parameters: Parameters) => Promise<Parameters>;
  readonly classify: Classify;
  readonly stepsPerRun?: number;
}

/** Trains the parts of any ladder: what `trainLadder` does of which it matters not what the network is. */
export async function trainParts(
  options: Omit<TrainLadderOptions, 'config'> & { readonly config: ScheduleSettings },
  { step, batches, weightsOf, classify, ...more }: LadderParts,
): Promise<TrainedLadder> {
  const { config, data } = options;
  const { stepsPerEpoch, batch } = batches;
  const { validation } = data;
  checkPatience({ ...options, validation });
  const result = await train({
    ...options,
    ...more,
    step,
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

type ScheduleSettings = Pick<
  LadderConfig,
  'mode' | 'epochs' | 'learningRate' | 'decayFrom' | 'seed'
>;

/** Share of images whose likeliest class is not their label. */
export function errorOf(probabilities: Tensor<'float32'>, set: Images): number {
  const classes = probabilities.dims[1] ?? 1;
  return errorRate(confusionMatrix(set.labels ?? [], predictedClasses(probabilities), classes));
}
