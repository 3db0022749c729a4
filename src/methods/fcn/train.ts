/** Trains a segmenter, at once or from coarse to fine, from batches to weights. */
import type { Model } from '../../graph/graph.js';
import { segmentationFigures } from '../../metrics/segmentation.js';
import type { Feeds, Runtime, SessionOptions } from '../../runtime/runtime.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { CheckpointStore, TrainEvent } from '../../train/events.js';
import { parseSchedule } from '../../train/schedule.js';
import { type TrainResult, train } from '../../train/train.js';
import { checkPatience } from '../optimization.js';
import { checkConfig, type FcnConfig } from './config.js';
import { type FcnNetwork, fcnModel, weightsOf, withWeights } from './network.js';
import { confusionOver, type LabelledScenes, type Segmenter, segmenter } from './score.js';
import { fcnStep } from './step.js';

/** Where the batches of a run come from: pure functions of the step, so that a resumed run sees the same data. */
export interface FcnBatches {
  readonly stepsPerEpoch: number;
  /** Height and width of the images that a step takes. */
  readonly size: readonly [number, number];
  /** The network's input and `pixelLabelsName`; what is given may be written over by the next call. */
  batch(step: number): Feeds | Promise<Feeds>;
}

export interface TrainFcnOptions {
  readonly runtime: Runtime;
  readonly session?: SessionOptions;
  readonly network: FcnNetwork;
  readonly config: FcnConfig;
  readonly batches: FcnBatches;
  /** Segmented at full size every `evaluateEvery` epochs and at the end; the best weights by mean IU are kept. */
  readonly validation?: LabelledScenes | undefined;
  /** Epochs between evaluations; 1 where left out. */
  readonly evaluateEvery?: number | undefined;
  /** Evaluations without a better mean IU that end the run. Never ends early by default. */
  readonly patience?: number | undefined;
  readonly store?: CheckpointStore | undefined;
  readonly resume?: boolean | undefined;
  readonly checkpointEvery?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: TrainEvent) => void) | undefined;
}

export interface TrainedFcn extends TrainResult {
  /** The network with its trained weights. */
  readonly network: FcnNetwork;
  /** The class of each pixel under the trained weights: images float32 (n, channels, height, width). */
  readonly segment: (images: Tensor) => Promise<Uint8Array>;
  /** The trained network, to be written to a file. */
  readonly model: (metadata?: Readonly<Record<string, string>>) => Model;
}

/**
 * Trains one network as the config says.
 * @throws UsageError for a config that makes no sense, GradientError for a network without gradient, and what `train`
 *   throws.
 */
export async function trainFcn(options: TrainFcnOptions): Promise<TrainedFcn> {
  const { runtime, session, network, config, batches, validation } = options;
  checkConfig(config, network.classes);
  checkPatience(options);
  const schedule = parseSchedule(config.schedule);
  const step = fcnStep(network, config, batches.size);
  const kept = new Set([...step.parameters, ...step.carried]);
  const segment = await segmenter(runtime, network, kept, session);
  const { stepsPerEpoch } = batches;
  const result = await train({
    ...common(options),
    runtime,
    step,
    run: `fcn-${network.stride}s`,
    batch: (index) => batches.batch(index),
    steps: Math.max(1, Math.round(config.epochs * stepsPerEpoch)),
    stepsPerEpoch,
    // A step over whole images is heavy: copies weigh nothing beside it, and signals are answered sooner.
    stepsPerRun: 1,
    learningRate: config.learningRate,
    schedule,
    seed: config.seed,
    ...(validation && judged(segment, validation, options)),
  });
  const trained = withWeights(network, result.parameters);
  return {
    ...result,
    network: trained,
    segment: (images) => segment(result.parameters, images),
    model: (metadata = network.metadata) => fcnModel(trained, new Map(), metadata),
  };
}

/** Options of the loop that are handed on as they came. */
function common(options: TrainFcnOptions) {
  const { session, store, resume, checkpointEvery, signal, onEvent } = options;
  return {
    ...(session && { session }),
    ...(store && { store }),
    ...(resume !== undefined && { resume }),
    ...(checkpointEvery !== undefined && { checkpointEvery }),
    ...(signal && { signal }),
    ...(onEvent && { onEvent }),
  };
}

/** Mean IU is to rise, and what the loop watches is to fall: it watches what is missing to 1. */
function judged(
  segment: Segmenter,
  validation: LabelledScenes,
  { network, patience, evaluateEvery = 1, batches }: TrainFcnOptions,
) {
  return {
    evaluate: async (parameters: ReadonlyMap<string, Tensor>) => {
      const confusion = await confusionOver(segment, parameters, validation, network.classes);
      const { pixelAccuracy, meanAccuracy, meanIu, frequencyWeightedIu } =
        segmentationFigures(confusion);
      return {
        validationError: 1 - meanIu,
        ...{ pixelAccuracy, meanAccuracy, meanIu, frequencyWeightedIu },
      };
    },
    evaluateEvery: Math.max(1, Math.round(evaluateEvery * batches.stepsPerEpoch)),
    watch: { metric: 'validationError', ...(patience !== undefined && { patience }) },
  };
}

export interface TrainStagesOptions extends Omit<TrainFcnOptions, 'network' | 'store'> {
  /** From the coarsest to the finest, over one backbone. */
  readonly networks: readonly FcnNetwork[];
  /** Where the checkpoints of a stage go. */
  readonly storeOf?: (stage: number) => CheckpointStore;
  /** Told of each stage as it ends. */
  readonly onStage?: (stage: number, trained: TrainedFcn) => void | Promise<void>;
}

/**
 * Trains networks one after another, each beginning with the weights of the one before and `config.stageRate` times
 * its learning rate (Long et al. 2015, section 4.2). To resume goes through the stages again: those that had ended
 * load their weights and end at once. An interruption ends all stages.
 * @returns every stage that was begun, in order
 * @throws as `trainFcn`.
 */
export async function trainStages(options: TrainStagesOptions): Promise<readonly TrainedFcn[]> {
  const { networks, storeOf, onStage, config, ...rest } = options;
  const done: TrainedFcn[] = [];
  for (const [stage, network] of networks.entries()) {
    const before = done.at(-1);
    const trained = await trainFcn({
      ...rest,
      network: before ? withWeights(network, weightsOf(before.network)) : network,
      config: { ...config, learningRate: config.learningRate * config.stageRate ** stage },
      store: storeOf?.(stage),
    });
    done.push(trained);
    await onStage?.(stage, trained);
    if (trained.reason === 'interrupted') break;
  }
  return done;
}
