/** Trains a classifier that was loaded or built, from batches to weights. */
import type { Model } from '../../graph/graph.js';
import type { Feeds, Runtime, SessionOptions } from '../../runtime/runtime.js';
import { sizeOf } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { CheckpointStore, TrainEvent } from '../../train/events.js';
import { parseSchedule } from '../../train/schedule.js';
import type { TrainingStep } from '../../train/step.js';
import { type TrainResult, train } from '../../train/train.js';
import { checkPatience } from '../optimization.js';
import { type ClassifierConfig, checkConfig } from './config.js';
import { type Network, networkModel } from './network.js';
import { figuresOf, type ImageRows, type Scorer, scorer } from './score.js';
import { classifierStep, withClasses } from './step.js';

/** Where the batches of a run come from: pure functions of the step, so that a resumed run sees the same data. */
export interface ClassifierBatches {
  readonly stepsPerEpoch: number;
  /** The network's input and `labelsName`; what is given may be written over by the next call. */
  batch(step: number): Feeds | Promise<Feeds>;
}

export interface TrainClassifierOptions {
  readonly runtime: Runtime;
  readonly session?: SessionOptions;
  readonly network: Network;
  readonly config: ClassifierConfig;
  readonly batches: ClassifierBatches;
  /** Judged once an epoch; the weights with the least error on them are kept. */
  readonly validation?: ImageRows | undefined;
  /** Evaluations without a better error that end the run. Never ends early by default. */
  readonly patience?: number | undefined;
  readonly store?: CheckpointStore;
  readonly resume?: boolean;
  readonly checkpointEvery?: number | undefined;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

export interface TrainedClassifier extends TrainResult {
  /** Class probabilities, float32 (count, classes), under the trained weights. */
  readonly classify: (images: ImageRows) => Promise<Tensor<'float32'>>;
  /** The trained network, to be written to a file. */
  readonly model: (metadata?: Readonly<Record<string, string>>) => Model;
}

/**
 * Trains as the config says.
 * @throws UsageError for a config that makes no sense, GradientError for a network without gradient, DataError for a label
 *   that is no class, and what `train` throws.
 */
export async function trainClassifier(options: TrainClassifierOptions): Promise<TrainedClassifier> {
  const { runtime, session, network, config, batches, validation } = options;
  checkConfig(config, network.classes);
  checkPatience(options);
  const schedule = parseSchedule(config.schedule);
  const step = classifierStep(network, config);
  const kept = new Set([...step.parameters, ...step.carried]);
  const score = await scorer(runtime, network, kept, config.batchSize, session);
  const { stepsPerEpoch } = batches;
  const result = await train({
    ...common(options),
    runtime,
    step,
    run: 'classifier',
    batch: async (index) => withClasses(await batches.batch(index), network.classes),
    steps: Math.max(1, Math.round(config.epochs * stepsPerEpoch)),
    stepsPerEpoch,
    stepsPerRun: stepsPerRun(step),
    learningRate: config.learningRate,
    schedule,
    seed: config.seed,
    ...(validation && judged(score, validation, options.patience)),
  });
  return {
    ...result,
    classify: (images) => score(result.parameters, images),
    model: (metadata = network.metadata) => networkModel(network, result.parameters, metadata),
  };
}

/** Options of the loop that are handed on as they came. */
function common({
  session,
  store,
  resume,
  checkpointEvery,
  signal,
  onEvent,
}: TrainClassifierOptions) {
  return {
    ...(session && { session }),
    ...(store && { store }),
    ...(resume !== undefined && { resume }),
    ...(checkpointEvery !== undefined && { checkpointEvery }),
    ...(signal && { signal }),
    ...(onEvent && { onEvent }),
  };
}

function judged(score: Scorer, validation: ImageRows, patience: number | undefined) {
  return {
    evaluate: async (parameters: ReadonlyMap<string, Tensor>) => {
      const { error, nll } = figuresOf(await score(parameters, validation), validation.labels);
      return { validationError: error, validationLoss: nll };
    },
    watch: { metric: 'validationError', ...(patience !== undefined && { patience }) },
  };
}

/** Bytes of batches that a run may hold: ours, so that large images go step by step and signals are answered. */
const batchBytes = 8e6;
/** More save next to nothing where a step has convolutions. */
const mostSteps = 8;

/** Steps that one run of the graph takes: few where a step is heavy, since there the copies that it saves are light. */
function stepsPerRun({ batch }: TrainingStep): number {
  const bytes = batch.reduce((sum, { shape }) => sum + 4 * sizeOf(shape as readonly number[]), 0);
  return Math.max(1, Math.min(mostSteps, Math.floor(batchBytes / bytes)));
}
