/** Images of a source as a network takes them: mixed and changed for training, in their order for judging. */
import { DataError, internal } from '../errors.js';
import type { Network } from '../methods/classifier/network.js';
import type { ImageRows } from '../methods/classifier/score.js';
import { labelsName } from '../methods/classifier/step.js';
import type { ClassifierBatches } from '../methods/classifier/train.js';
import type { Preprocessing } from '../onnx/metadata.js';
import { deriveKey, streamKey } from '../tensor/random.js';
import { sizeOf } from '../tensor/shape.js';
import { tensor } from '../tensor/tensor.js';
import { Order } from '../train/order.js';
import { type AugmentOptions, augment, checkAugmentation, noAugmentation } from './augment.js';
import type { ImageTarget } from './decode-image.js';
import { type ImageSource, labelsOf } from './image-source.js';
import { fillInput, inputDims, targetOf } from './model-input.js';
import { prefetch } from './prefetch.js';

export interface ImageBatchOptions {
  readonly network: Network;
  readonly preprocessing: Preprocessing;
  readonly batchSize: number;
  readonly seed: number;
  /** Nothing unless given. */
  readonly augmentation?: Partial<AugmentOptions>;
  /** Batches that are decoded while one is trained on: ours, since a file takes some turns of the event loop. */
  readonly ahead?: number;
}

export interface ImageBatches extends ClassifierBatches {
  /** Batches that were not ready when their step was due, the first of a sitting not counted. */
  readonly late: number;
}

/**
 * Endless passes over a source, each in an order of its own and with changes of its own. A batch is a pure function of
 * the seed and the step.
 * @throws DataError where there is no image; from `batch` where one cannot be decoded.
 */
export function imageBatches(source: ImageSource, options: ImageBatchOptions): ImageBatches {
  const { preprocessing, batchSize: n, seed, network, ahead = 8 } = options;
  const augmentation = { ...noAugmentation, ...options.augmentation };
  checkAugmentation(augmentation);
  if (source.count === 0) throw new DataError('training needs labelled images, got none');
  const order = new Order(source.count, seed, 'labelled');
  const target = targetOf(preprocessing);
  const size = sizeOf([target.channels, target.height, target.width]);
  const slots = Array.from({ length: ahead + 1 }, () => ({
    pixels: new Uint8Array(n * size),
    labels: new BigInt64Array(n),
  }));
  const x = tensor('float32', inputDims(n, preprocessing), new Float32Array(n * size));
  const known = tensor('int64', [n], new BigInt64Array(n));
  const feeds = { [network.input.name]: x, [labelsName]: known };
  const batches = prefetch(async (step, slot) => {
    const { pixels, labels } = slots[slot] ?? internal(`there is no slot ${slot}`);
    const first = step * n;
    // Positions are asked for in order, so that each pass is mixed once.
    const indices = Array.from({ length: n }, (_, i) => order.at(first + i));
    await Promise.all(
      indices.map(async (index, i) => {
        labels[i] = BigInt(source.label(index));
        const key = deriveKey(streamKey(seed, order.pass(first + i), 'augment'), index);
        const image = await source.decode(index, { shortSide: workingSide(target, augmentation) });
        augment(image, target, augmentation, key, pixels.subarray(i * size, (i + 1) * size));
      }),
    );
    return { pixels, labels };
  }, ahead);
  return {
    stepsPerEpoch: Math.max(1, Math.floor(source.count / n)),
    async batch(step) {
      const { pixels, labels } = await batches.at(step);
      fillInput(pixels, n, preprocessing, x.data);
      known.data.set(labels);
      return feeds;
    },
    get late() {
      return batches.late;
    },
  };
}

/** The images of a source in their order, unchanged. */
export function imageRows(source: ImageSource, preprocessing: Preprocessing): ImageRows {
  const target = targetOf(preprocessing);
  const size = sizeOf([target.channels, target.height, target.width]);
  return {
    count: source.count,
    labels: labelsOf(source),
    async rows(from, count) {
      const pixels = await pixelsOf(source, target, from, count);
      const data = new Float32Array(count * size);
      fillInput(pixels, count, preprocessing, data);
      return tensor('float32', inputDims(count, preprocessing), data);
    },
  };
}

/** Images of a source at one size: (count, channels, height, width), 0 to 255. */
export async function pixelsOf(
  source: ImageSource,
  target: ImageTarget,
  from: number,
  count: number,
): Promise<Uint8Array> {
  const size = sizeOf([target.channels, target.height, target.width]);
  const pixels = new Uint8Array(count * size);
  const shortSide = workingSide(target, noAugmentation);
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const image = await source.decode(from + i, { shortSide });
      augment(image, target, noAugmentation, null, pixels.subarray(i * size, (i + 1) * size));
    }),
  );
  return pixels;
}

/** Shorter side that images are shrunk to by a good filter: the rest is done here, so parts are cut from more. */
function workingSide({ height, width }: ImageTarget, { cropScale }: AugmentOptions): number {
  const side = Math.max(height, width);
  // Ours, after the 256 that is customary for 224.
  return cropScale < 1 ? Math.round((side * 8) / 7) : side;
}
