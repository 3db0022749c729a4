/**
 * The paper's second training (Hariharan et al. 2015): the heads as layers of one network, which is trained
 * through the blend of the grid, with or without the layers before them.
 */
import { DataError, UsageError } from '../../errors.js';
import type { Value } from '../../graph/graph.js';
import { adam } from '../../nn/optimizer.js';
import { trainingForm } from '../../nn/training-form.js';
import type { Feeds, Runtime, SessionOptions } from '../../runtime/runtime.js';
import { permutation, streamKey } from '../../tensor/random.js';
import { sameShape } from '../../tensor/shape.js';
import { type Tensor, tensor, zeros } from '../../tensor/tensor.js';
import type { CheckpointStore, TrainEvent } from '../../train/events.js';
import { parseSchedule } from '../../train/schedule.js';
import { compileStep, type TrainingStep } from '../../train/step.js';
import { type TrainResult, train } from '../../train/train.js';
import { globMatches, trainableWeights } from '../classifier/parameters.js';
import { type BoxTrainConfig, checkBoxTrain } from './config.js';
import { type BoxImages, checkExample } from './fit.js';
import { gridWeights } from './grid.js';
import { blendedLoss } from './loss.js';
import type { BoxHead, BoxNetwork, HeadNames } from './network.js';
import { boxTensor } from './predict.js';

/** Name of the step's input of targets, float32 (boxes, outputs, size, size). */
export const targetsName = 'espalier.targets';

/** Shape of the images that a step takes. */
export type ImageShape = readonly [channels: number, height: number, width: number];

/**
 * Compiles forward pass, loss, gradients and Adam's update of a network with one head, for `config.images` images of one
 * size with `config.boxes` boxes each. Normalisations keep their statistics.
 * @throws GradientError naming the node that has no gradient, UsageError for patterns that fit nothing or a network of
 *   several heads.
 */
export function boxStep(
  network: BoxNetwork,
  config: BoxTrainConfig,
  [channels, height, width]: ImageShape,
): TrainingStep {
  const names = onlyHead(network);
  const { head } = names;
  const trained = chosen(network, names, config.train);
  const count = config.images * config.boxes;
  const dimensions: Record<string, number> = {};
  const bind = (name: string, dims: readonly number[]): void => {
    const shape = network.graph.inputs.find((input) => input.name === name)?.shape;
    shape?.forEach((dim, axis) => {
      if (typeof dim === 'string') dimensions[dim] = dims[axis] ?? 0;
    });
  };
  bind(network.image, [config.images, channels, height, width]);
  bind(network.boxes, [count, 4]);
  const { b, state } = trainingForm(
    { ...network.graph, outputs: [] },
    { dimensions, trainable: (name) => trained.has(name), batchNormalization: 'frozen' },
  );
  const shape = [count, head.outputs.length, head.size, head.size];
  const targets: Value = b.input(targetsName, 'float32', shape);
  const alpha = gridWeights(head.grid, head.size);
  const own = new Set([...names.weights, names.bias]);
  const roles = trainableWeights(network.graph);
  return compileStep(b, {
    loss: blendedLoss(b, b.value(names.scores), alpha, targets),
    optimizer: adam({ weightDecay: config.weightDecay }),
    settings: (name) => ({
      rate: own.has(name) ? 1 : config.backboneRate,
      decay: name === names.bias || roles.get(name) === 'bias' ? 0 : 1,
    }),
    state,
  });
}

function onlyHead({ heads }: BoxNetwork): HeadNames {
  const [first, ...more] = heads.values();
  if (!first || more.length > 0)
    throw new UsageError(
      `one head is trained at a time, the network has ${heads.size}: ${[...heads.keys()].join(', ')}`,
      { expected: 1, actual: heads.size },
    );
  return first;
}

function chosen(
  { backbone }: BoxNetwork,
  { weights, bias }: HeadNames,
  patterns: readonly string[],
): ReadonlySet<string> {
  const own = [...weights, bias];
  const names = [...backbone, ...own];
  return new Set(
    patterns.flatMap((pattern) => {
      if (pattern === 'heads') return own;
      const fitting = names.filter((name) => pattern === 'all' || globMatches(pattern, name));
      if (fitting.length === 0)
        throw new UsageError(`no weight of the network is called "${pattern}"`, {
          expected: names,
          actual: pattern,
        });
      return fitting;
    }),
  );
}

export interface TrainBoxesOptions {
  readonly runtime: Runtime;
  readonly session?: SessionOptions;
  /** Of one head, for example one that `fitCells` gave. */
  readonly network: BoxNetwork;
  readonly config: BoxTrainConfig;
  readonly data: BoxImages;
  readonly store?: CheckpointStore;
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

export interface TrainedBoxes extends TrainResult {
  /** The network with its trained weights. */
  readonly network: BoxNetwork;
}

/**
 * Trains a network with one head. Images are all of the size of the first, and each has a box to learn from.
 * @throws UsageError for a config that makes no sense, DataError for images of several sizes or without a box, or for a
 *   box as `fitCells` refuses it, and what `train` throws.
 */
export async function trainBoxes(options: TrainBoxesOptions): Promise<TrainedBoxes> {
  const { runtime, session, network, config, data, store, resume, signal, onEvent } = options;
  checkBoxTrain(config);
  const { head } = onlyHead(network);
  if (data.count === 0) throw new DataError('there is no image with boxes to learn from');
  const [, channels = 1, height = 1, width = 1] = (await data.image(0)).image.dims;
  const step = boxStep(network, config, [channels, height, width]);
  const stepsPerEpoch = Math.max(1, Math.floor(data.count / config.images));
  const result = await train({
    ...(session && { session }),
    ...(store && { store }),
    ...(resume !== undefined && { resume }),
    ...(signal && { signal }),
    ...(onEvent && { onEvent }),
    ...{ runtime, step, run: 'hypercolumn', stepsPerEpoch, stepsPerRun: 1 },
    batch: (index) => batchOf(network, head, config, data, index, [channels, height, width]),
    steps: Math.max(1, Math.round(config.epochs * stepsPerEpoch)),
    learningRate: config.learningRate,
    schedule: parseSchedule(config.schedule),
    seed: config.seed,
  });
  return { ...result, network: withWeights(network, result.parameters) };
}

/** The batch of a step: images in an order of their own every epoch, boxes of each from another one on. */
async function batchOf(
  network: BoxNetwork,
  head: BoxHead,
  { images, boxes, seed }: BoxTrainConfig,
  data: BoxImages,
  step: number,
  shape: ImageShape,
): Promise<Feeds> {
  const perEpoch = Math.max(1, Math.floor(data.count / images));
  const epoch = Math.floor(step / perEpoch);
  const order = permutation(data.count, streamKey(seed, epoch, 'hypercolumn/images'));
  const area = shape[0] * shape[1] * shape[2];
  const pixels = new Float32Array(images * area);
  const each = head.outputs.length * head.size * head.size;
  const targets = zeros('float32', [images * boxes, head.outputs.length, head.size, head.size]);
  const list = [];
  for (let n = 0; n < images; n++) {
    const at = order[((step % perEpoch) * images + n) % data.count] ?? 0;
    const { image, examples } = await data.image(at);
    if (!sameShape(image.dims.slice(1), shape))
      throw new DataError(
        `images of boxes must be of one size, ${shape.join(' x ')}; got ${image.dims.slice(1).join(' x ')}`,
        { expected: shape, actual: image.dims },
      );
    pixels.set(image.data as Float32Array, n * area);
    for (let k = 0; k < boxes; k++) {
      const example = examples[(epoch * boxes + k) % examples.length];
      if (!example)
        throw new DataError(`image ${at} has no box to learn from: leave it out`, { actual: at });
      checkExample(
        example,
        head,
        image.dims,
        `example ${examples.indexOf(example)} of image ${at}`,
      );
      list.push(example.box);
      targets.data.set(example.targets, (n * boxes + k) * each);
    }
  }
  const owners = list.map((_, i) => Math.floor(i / boxes));
  return {
    [network.image]: tensor('float32', [images, ...shape], pixels),
    [network.boxes]: boxTensor(list),
    [network.owners]: tensor('int64', [list.length], owners),
    [targetsName]: targets,
  };
}

/** The network with other weights, where it has some of that name. */
export function withWeights(network: BoxNetwork, weights: ReadonlyMap<string, Tensor>): BoxNetwork {
  const initializers = new Map(
    [...network.graph.initializers].map(([name, data]) => [name, weights.get(name) ?? data]),
  );
  return { ...network, graph: { ...network.graph, initializers } };
}
