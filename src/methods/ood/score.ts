/** Scores of many images by many detectors, in as few runs of the network as there can be. */
import { internal } from '../../errors.js';
import type { Model } from '../../graph/graph.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import { sizeOf } from '../../tensor/shape.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import type { ImageRows } from '../classifier/score.js';
import type { FittedDetector } from './detector.js';
import { eachBatch } from './features.js';
import { finishedModel, openNetwork, type ScoredNetwork } from './network.js';

/** What is known of images after a run. */
export interface ScoredImages {
  /** float32 (count, classes). */
  readonly logits: Tensor<'float32'>;
  /** By detector: (count), higher more outside. */
  readonly scores: ReadonlyMap<string, Float32Array>;
}

/** Scores images. @param done is told how many have been seen */
export type ImageScorer = (
  images: ImageRows,
  done?: (count: number) => void,
) => Promise<ScoredImages>;

const outputOf = (detector: string): string => `scores/${detector}`;

/**
 * Prepares detectors to score: those without gradients share one run of the network.
 * @param batch images at a time
 * @throws GradientError where a detector needs a gradient that the network has not.
 */
export async function imageScorer(
  runtime: Runtime,
  network: ScoredNetwork,
  detectors: readonly FittedDetector[],
  batch: number,
  options?: SessionOptions,
): Promise<ImageScorer> {
  const plain = detectors.filter(({ needsGradients }) => !needsGradients);
  const steep = detectors.filter(({ needsGradients }) => needsGradients);
  const shared = await runtime.load(scoresModel(network, plain), options);
  const bound =
    steep.length === 0 ? null : await runtime.load(scoresModel(network, steep, batch), options);
  return async (images, done) => {
    const logits = new Float32Array(images.count * network.classes);
    const scores = new Map(detectors.map(({ name }) => [name, new Float32Array(images.count)]));
    const passes = bound ? 2 : 1;
    const take = (results: Readonly<Record<string, Tensor>>, from: number, count: number): void => {
      for (const [name, values] of scores) {
        const result = results[outputOf(name)];
        if (result) values.set((result.data as Float32Array).subarray(0, count), from);
      }
    };
    await eachBatch(shared, network, images, batch, (results, from, count) => {
      logits.set(results['logits']?.data as Float32Array, from * network.classes);
      take(results, from, count);
      done?.(Math.floor((from + count) / passes));
    });
    if (bound)
      await eachBatch(bound, network, padded(images, batch), batch, (results, from) => {
        const count = Math.min(batch, images.count - from);
        take(results, from, count);
        done?.(Math.floor((images.count + from + count) / passes));
      });
    return { logits: tensor('float32', [images.count, network.classes], logits), scores };
  };
}

/** The network with the logits and the score of each detector as outputs. */
function scoresModel(
  network: ScoredNetwork,
  detectors: readonly FittedDetector[],
  count?: number,
): Model {
  const opened = openNetwork(network, count);
  const { b } = opened;
  b.output(opened.logits, 'logits');
  for (const detector of detectors) b.output(detector.addScore(opened), outputOf(detector.name));
  return finishedModel(network, b);
}

/** As many images as full batches hold: what is missing is black. */
function padded(images: ImageRows, batch: number): ImageRows {
  return {
    ...images,
    count: Math.ceil(images.count / batch) * batch,
    async rows(from, count) {
      const there = Math.min(count, images.count - from);
      const rows = await images.rows(from, there);
      if (there === count) return rows;
      if (!(rows.data instanceof Float32Array)) return internal('images are not float32');
      const dims = [count, ...rows.dims.slice(1)];
      const data = new Float32Array(sizeOf(dims));
      data.set(rows.data);
      return tensor('float32', dims, data);
    },
  };
}
