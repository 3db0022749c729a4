/** Scenes as a segmenter takes them: mixed, cut and changed for training; whole and in their order for judging. */
import { DataError, internal, UsageError } from '../../errors.js';
import {
  countPixels,
  emptyPixelCounts,
  type PixelCounts,
} from '../../metrics/segmentation-weights.js';
import type { Preprocessing } from '../../onnx/metadata.js';
import { deriveKey, streamKey } from '../../tensor/random.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { Order } from '../../train/order.js';
import { eachAtOnce } from '../encoded-source.js';
import { fillInput, targetOf } from '../model-input.js';
import { prefetch } from '../prefetch.js';
import {
  augmentPair,
  checkPairAugmentation,
  noPairAugmentation,
  type PairAugmentation,
} from './augment-pairs.js';
import { type Scene, type SceneSource, voidId } from './scenes.js';

/** Name of the feed with the classes of the pixels. */
export const sceneLabels = 'labels';

/** What a step is fed with, and how. */
export interface SceneBatchOptions {
  /** Its height and width are not looked at: scenes are cut, not stretched. Layout NCHW. */
  readonly preprocessing: Preprocessing;
  readonly batchSize: number;
  /** Size of what is cut from the scenes; what is smaller is padded with the mean colour, and void in the mask. */
  readonly height: number;
  readonly width: number;
  readonly seed: number;
  /** Nothing unless given. */
  readonly augmentation?: Partial<PairAugmentation>;
  /** Name of the network's input; `input` unless given. */
  readonly input?: string;
  /** Batches that are decoded while one is trained on; 2 unless given: ours, since scenes are large. */
  readonly ahead?: number;
}

/** Feeds by step. */
export interface SceneBatches {
  /** Steps after which every scene was seen once. */
  readonly stepsPerEpoch: number;
  /**
   * `{ [input]: float32 (n, channels, height, width), labels: int32 (n, height, width), 255 for void }`; valid until
   * the next is asked for.
   */
  batch(step: number): Promise<Readonly<Record<string, Tensor>>>;
  /** Batches that were not ready when their step was due, the first of a sitting not counted. */
  readonly late: number;
}

/** The colour that the network sees as 0: (channels), 0 to 255, in the order red, green, blue. */
export function meanColour({ mean, scale, colour }: Preprocessing): readonly number[] {
  const values = mean.map((value) => Math.min(255, Math.max(0, value / scale)));
  return colour === 'bgr' ? values.toReversed() : values;
}

function requireNchw({ layout }: Preprocessing): void {
  if (layout !== 'NCHW')
    throw new UsageError(`scenes are fed in the layout NCHW, got ${layout}`, { actual: layout });
}

/**
 * Endless passes over a source, each in an order of its own and with changes of its own. A batch is a pure function of
 * the seed and the step.
 * @throws DataError where there is no scene; from `batch` where one cannot be decoded. UsageError where an option
 * makes no sense.
 */
export function sceneBatches(source: SceneSource, options: SceneBatchOptions): SceneBatches {
  const { batchSize: n, seed, height, width, ahead = 2, input = 'input' } = options;
  const preprocessing = { ...options.preprocessing, height, width };
  const augmentation = { ...noPairAugmentation, ...options.augmentation };
  checkPairAugmentation(augmentation);
  requireNchw(preprocessing);
  if (source.count === 0) throw new DataError('training needs scenes, got none');
  const order = new Order(source.count, seed, 'scenes');
  const target = targetOf(preprocessing);
  const padding = meanColour(preprocessing);
  const area = height * width;
  const size = target.channels * area;
  const slots = Array.from({ length: ahead + 1 }, () => ({
    pixels: new Uint8Array(n * size),
    ids: new Uint8Array(n * area),
  }));
  const x = tensor('float32', [n, target.channels, height, width], new Float32Array(n * size));
  const labels = tensor('int32', [n, height, width], new Int32Array(n * area));
  const feeds = { [input]: x, [sceneLabels]: labels };
  const batches = prefetch(async (step, slot) => {
    const { pixels, ids } = slots[slot] ?? internal(`there is no slot ${slot}`);
    const first = step * n;
    // Positions are asked for in order, so that each pass is mixed once.
    const indices = Array.from({ length: n }, (_, i) => order.at(first + i));
    await Promise.all(
      indices.map(async (index, i) => {
        const key = deriveKey(streamKey(seed, order.pass(first + i), 'augment'), index);
        const scene = await source.decode(index);
        augmentPair(scene, target, augmentation, padding, key, {
          pixels: pixels.subarray(i * size, (i + 1) * size),
          ids: ids.subarray(i * area, (i + 1) * area),
        });
      }),
    );
    return { pixels, ids };
  }, ahead);
  return {
    stepsPerEpoch: Math.max(1, Math.floor(source.count / n)),
    async batch(step) {
      const { pixels, ids } = await batches.at(step);
      fillInput(pixels, n, preprocessing, x.data);
      labels.data.set(ids);
      return feeds;
    },
    get late() {
      return batches.late;
    },
  };
}

/** A whole scene as a network takes it. */
export interface SceneRow {
  /** float32 (1, channels, height, width) of the scene's own size. */
  readonly input: Tensor<'float32'>;
  /** int32 (1, height, width), 255 for void. */
  readonly labels: Tensor<'int32'>;
  readonly scene: Scene;
  readonly name: string;
}

/** Whole scenes in their order. */
export interface SceneRows {
  readonly count: number;
  /** The scene at an index from 0 on, at its own size; the next one is decoded meanwhile. */
  row(index: number): Promise<SceneRow>;
}

/** The scenes of a source in their order, unchanged. */
export function sceneRows(source: SceneSource, preprocessing: Preprocessing): SceneRows {
  requireNchw(preprocessing);
  const { channels } = targetOf(preprocessing);
  const ahead = new Map<number, Promise<Scene>>();
  const start = (index: number): Promise<Scene> => {
    const scene = ahead.get(index) ?? source.decode(index);
    ahead.set(index, scene);
    // A failure is told to whoever asks for the scene.
    scene.catch(() => undefined);
    return scene;
  };
  return {
    count: source.count,
    async row(index) {
      const due = start(index);
      for (const other of ahead.keys()) if (other !== index) ahead.delete(other);
      if (index + 1 < source.count) start(index + 1);
      const scene = await due;
      const { height, width } = scene.mask;
      const target = { height, width, channels };
      const pixels = new Uint8Array(channels * height * width);
      const labels = tensor('int32', [1, height, width], new Int32Array(height * width));
      augmentPair(scene, target, noPairAugmentation, [], null, { pixels, ids: labels.data });
      const input = tensor(
        'float32',
        [1, channels, height, width],
        new Float32Array(pixels.length),
      );
      fillInput(pixels, 1, { ...preprocessing, height, width }, input.data);
      return { input, labels, scene, name: source.name(index) };
    },
  };
}

/**
 * Counts the pixels of each class over all scenes.
 * @param classes how many there are
 * @throws DataError where a scene cannot be decoded.
 */
export async function classPixelCounts(source: SceneSource, classes: number): Promise<PixelCounts> {
  const counts = emptyPixelCounts(classes);
  await eachAtOnce(source.count, async (index) => {
    const { mask } = await source.decode(index);
    countPixels(counts, mask.ids, voidId);
  });
  return counts;
}
