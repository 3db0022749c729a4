/** Trains a confident classifier, from batches to weights, and goes back where it collapses. */
import { TrainingError } from '../../errors.js';
import type { Model } from '../../graph/graph.js';
import type { Feeds, Runtime, SessionOptions } from '../../runtime/runtime.js';
import { scalar, type Tensor } from '../../tensor/tensor.js';
import { decodeCheckpoint, encodeCheckpoint } from '../../train/checkpoint.js';
import type { CheckpointStore, TrainEvent } from '../../train/events.js';
import { parseSchedule } from '../../train/schedule.js';
import type { TrainingStep } from '../../train/step.js';
import { type TrainResult, train } from '../../train/train.js';
import { type Network, networkModel } from '../classifier/network.js';
import { figuresOf, type ImageRows, type Scorer, scorer } from '../classifier/score.js';
import { withClasses } from '../classifier/step.js';
import { checkPatience } from '../optimization.js';
import {
  Collapse,
  classifierProbe,
  diversityOf,
  requireAlive,
  requireDiverse,
} from './collapse.js';
import { type ConfidentConfig, checkConfident } from './config.js';
import { weightName } from './part.js';
import { type ConfidentParts, confidentParts, type PixelScale } from './parts.js';
import { generatorSampler, type Samples, sampleCount } from './samples.js';
import { betaAt, confidentRound, names } from './updates.js';

/** Where the batches of a run come from: pure functions of the step, so that a resumed run sees the same data. */
export interface ConfidentBatches {
  readonly stepsPerEpoch: number;
  /** The network's input, `labelsName` and, of the method `confidence`, `names.outside`. */
  batch(step: number): Feeds | Promise<Feeds>;
}

/** The generator's images at an evaluation. */
export interface SampledImages extends Samples {
  readonly step: number;
  readonly epoch: number;
  /** The classifier's largest probability for each. */
  readonly confidence: readonly number[];
}

export interface TrainConfidentOptions {
  readonly runtime: Runtime;
  readonly session?: SessionOptions;
  readonly network: Network;
  readonly config: ConfidentConfig;
  /** Channels, height and width of the images. */
  readonly image: readonly [number, number, number];
  /** From pixels of 0 to 1 to the network's input; what it takes are pixels of 0 to 1 where left out. */
  readonly scale?: PixelScale;
  readonly batches: ConfidentBatches;
  /** Images of the data that are looked at for a collapse, of several classes. */
  readonly probe: ImageRows;
  /** Judged before every checkpoint; the weights with the least error on them are kept. */
  readonly validation?: ImageRows | undefined;
  readonly patience?: number | undefined;
  readonly store?: CheckpointStore;
  readonly resume?: boolean;
  /** Steps between checkpoints, before each of which the networks are looked at; one epoch where left out. */
  readonly checkpointEvery?: number | undefined;
  readonly onSamples?: (samples: SampledImages) => void | Promise<void>;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

export interface TrainedConfident extends TrainResult {
  /** Class probabilities, float32 (count, classes), under the trained weights. */
  readonly classify: (images: ImageRows) => Promise<Tensor<'float32'>>;
  /** The classifier, to be written to a file. */
  readonly model: (metadata?: Readonly<Record<string, string>>) => Model;
  /** How often it went back after a collapse. */
  readonly restarts: number;
}

/** Times that a run goes back, each with half the learning rate of the one before: ours. */
const mostRestarts = 3;
const restartRate = 0.5;

/**
 * Trains as the config says. Where the classifier or the generator collapses, it says so, goes back to the last
 * checkpoint, and goes on with half the learning rate.
 * @throws UsageError for a config that makes no sense, TrainingError where it collapses again and again, and what
 *   `train` throws.
 */
export async function trainConfident(options: TrainConfidentOptions): Promise<TrainedConfident> {
  const { runtime, session, network, config, image } = options;
  checkConfident(config, network.classes);
  checkPatience(options);
  const identity = { factor: image.slice(0, 1).map(() => 1), shift: [0] };
  const parts = confidentParts(network, config, image, options.scale ?? identity);
  const step = confidentRound(parts, config);
  const kept = classifierWeights(parts, step);
  const score = await scorer(runtime, network, new Set(kept.values()), config.batchSize, session);
  const weightsOf = (all: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
    new Map([...kept].flatMap(([name, own]) => [[own, all.get(name) as Tensor]]));
  const evaluate = await evaluation(options, parts, new Set(kept.values()), weightsOf, score);
  const { result, restarts } = await withRestarts(options, step, evaluate);
  const weights = weightsOf(result.parameters);
  return {
    ...{ ...result, parameters: weights, restarts },
    classify: (images) => score(weights, images),
    model: (metadata = network.metadata) => networkModel(network, weights, metadata),
  };
}

/** The classifier's trained weights and running statistics: their names in the round, and in the network. */
function classifierWeights(
  { classifier }: ConfidentParts,
  step: TrainingStep,
): Map<string, string> {
  const prefix = weightName(classifier, '');
  const ours = [...step.parameters, ...step.carried].filter((name) => name.startsWith(prefix));
  return new Map(ours.map((name) => [name, name.slice(prefix.length)]));
}

type Evaluate = (
  all: ReadonlyMap<string, Tensor>,
  step: number,
) => Promise<Readonly<Record<string, number>>>;

/** Looks at all networks; gives figures, hands out samples, and throws where one has collapsed. */
async function evaluation(
  {
    runtime,
    session,
    network,
    config,
    batches,
    probe,
    validation,
    onSamples,
  }: TrainConfidentOptions,
  parts: ConfidentParts,
  trained: ReadonlySet<string>,
  weightsOf: (all: ReadonlyMap<string, Tensor>) => ReadonlyMap<string, Tensor>,
  score: Scorer,
): Promise<Evaluate> {
  const look = await classifierProbe(runtime, network, trained, session);
  const sample = parts.gan && (await generatorSampler(runtime, parts, parts.gan, config, session));
  return async (all, step) => {
    const weights = weightsOf(all);
    const epoch = step / batches.stepsPerEpoch;
    const seen = await look(weights, probe);
    requireAlive(seen, epoch, step);
    const figures: Record<string, number> = { deadUnits: seen.dead };
    if (sample) {
      const made = await sample(all);
      const diversity = diversityOf(made.images.data, sampleCount);
      requireDiverse(diversity, epoch);
      const confidence = largestOf(await score(weights, rowsOf(made.inputs)));
      await onSamples?.({ ...made, step, epoch, confidence });
      figures['generatorDiversity'] = diversity;
      figures['generatorConfidence'] = confidence.reduce((a, b) => a + b, 0) / sampleCount;
    }
    if (!validation) return figures;
    const { error, nll } = figuresOf(await score(weights, validation), validation.labels);
    return { ...figures, validationError: error, validationLoss: nll };
  };
}

function rowsOf({ dims, data }: Tensor<'float32'>): ImageRows {
  const [count = 0, ...rest] = dims;
  const size = data.length / count;
  return {
    count,
    labels: new Int32Array(count),
    rows: (from, n) => ({
      dtype: 'float32',
      dims: [n, ...rest],
      data: data.subarray(from * size, (from + n) * size),
    }),
  };
}

function largestOf({ dims, data }: Tensor<'float32'>): number[] {
  const [count = 0, classes = 1] = dims;
  return Array.from({ length: count }, (_, i) =>
    Math.max(...data.subarray(i * classes, (i + 1) * classes)),
  );
}

async function withRestarts(
  options: TrainConfidentOptions,
  step: TrainingStep,
  evaluate: Evaluate,
): Promise<{ result: TrainResult; restarts: number }> {
  const store = options.store ?? memoryStore();
  let hasCheckpoint = options.resume === true && (await store.load('last')) !== null;
  for (let resume = options.resume === true; ; resume = true) {
    const saved = hasCheckpoint ? await store.load('last') : null;
    const restarts = saved ? restartsIn(saved, step, options.config.seed) : 0;
    const onEvent = (event: TrainEvent): void => {
      if (event.type === 'checkpoint' && event.kind === 'last') hasCheckpoint = true;
      options.onEvent?.(event);
    };
    try {
      const result = await once({ ...options, store, resume, onEvent }, step, evaluate, restarts);
      return { result, restarts };
    } catch (error) {
      if (!(error instanceof Collapse)) throw error;
      const last = hasCheckpoint ? await store.load('last') : null;
      const { tensors, position } = last
        ? decodeCheckpoint(last, step.initial, options.config.seed)
        : beginning(step, options.config.seed);
      if (restarts >= mostRestarts)
        throw new TrainingError(
          `${error.message}. It went back ${restarts} times before, each time with half the learning rate. The checkpoint of step ${position.step} is kept. Let the learning rate rise (schedule warmup:0.5+constant), choose a lower one, or clip the gradient.`,
          { cause: error },
        );
      tensors.set(names.restarts, scalar('float32', restarts + 1));
      await store.save('last', encodeCheckpoint(tensors, position));
      hasCheckpoint = true;
      const rate = options.config.learningRate * restartRate ** (restarts + 1);
      options.onEvent?.({
        type: 'notice',
        message: `${error.message}. Going back to step ${position.step}, with a learning rate of ${rate}`,
      });
    }
  }
}

function restartsIn(bytes: Uint8Array, step: TrainingStep, seed: number): number {
  return Number(decodeCheckpoint(bytes, step.initial, seed).tensors.get(names.restarts)?.data[0]);
}

const beginning = (step: TrainingStep, seed: number) => ({
  tensors: new Map(step.initial),
  position: { step: 0, seed, best: null, sinceBest: 0 },
});

function once(
  options: TrainConfidentOptions,
  step: TrainingStep,
  evaluate: Evaluate,
  restarts: number,
): Promise<TrainResult> {
  const { runtime, session, config, batches, store, resume, signal, onEvent } = options;
  const { stepsPerEpoch } = batches;
  const every = options.checkpointEvery ?? stepsPerEpoch;
  const schedule = parseSchedule(config.schedule);
  const takesBeta = step.batch.some(({ name }) => name === names.beta);
  return train({
    ...{ runtime, step, stepsPerEpoch, evaluate, seed: config.seed, run: 'confident' },
    batch: async (index) => ({
      ...withClasses(await batches.batch(index), options.network.classes),
      ...(takesBeta && { [names.beta]: betaAt(config, index, stepsPerEpoch) }),
    }),
    steps: Math.max(1, Math.round(config.epochs * stepsPerEpoch)),
    // A round is three updates: several in a run of the graph would save nothing, and keep convolutions plain.
    stepsPerRun: 1,
    learningRate: config.learningRate * restartRate ** restarts,
    schedule,
    checkpointEvery: every,
    evaluateEvery: every,
    ...(options.validation && {
      watch: {
        metric: 'validationError',
        ...(options.patience !== undefined && { patience: options.patience }),
      },
    }),
    ...(session && { session }),
    ...(store && { store }),
    ...(resume !== undefined && { resume }),
    ...(signal && { signal }),
    ...(onEvent && { onEvent }),
  });
}

/** Where no store is given, a run still needs something to go back to. */
function memoryStore(): CheckpointStore {
  const kept = new Map<string, Uint8Array>();
  return {
    async save(kind, bytes) {
      kept.set(kind, bytes);
    },
    load: async (kind) => kept.get(kind) ?? null,
  };
}
