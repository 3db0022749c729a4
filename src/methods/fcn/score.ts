/** Classes of every pixel under given weights, at the images' full size, without building a model for each. */
import { internal } from '../../errors.js';
import { model } from '../../graph/graph.js';
import { type ConfusionMatrix, emptyConfusion } from '../../metrics/classification.js';
import { addPixels, classesOfPixels } from '../../metrics/segmentation.js';
import { load } from '../../ops/load.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { FcnNetwork } from './network.js';

export type Weights = ReadonlyMap<string, Tensor>;

/** Held-out images with their masks, in an order that stays. */
export interface LabelledScenes {
  readonly count: number;
  /** An image as the network takes it, float32 (1, channels, height, width), and its labels, 255 where void. */
  scene(i: number): Promise<LabelledScene> | LabelledScene;
}

export interface LabelledScene {
  readonly image: Tensor;
  /** height * width classes, row by row; a mask of another size is refused. */
  readonly labels: Uint8Array | Int32Array;
}

/**
 * The class of each pixel, for images float32 (n, channels, height, width): n * height * width ids. Throws a DataError
 * where a score is not a number.
 */
export type Segmenter = (weights: Weights, images: Tensor) => Promise<Uint8Array>;

/**
 * Prepares the inference graph with the weights `names` as inputs.
 * @throws what `Runtime.load` throws.
 */
export async function segmenter(
  runtime: Runtime,
  network: FcnNetwork,
  names: ReadonlySet<string>,
  options?: SessionOptions,
): Promise<Segmenter> {
  const b = load({ ...network.graph, outputs: [] }, { trainable: (name) => names.has(name) });
  b.output(b.value(network.logits));
  const session = await runtime.load(model(b.build('segmenter', 'inputs')), options);
  const taken = new Set(session.inputs);
  const own = network.graph.initializers;
  return async (weights, images) => {
    const feeds = Object.fromEntries(
      [...names]
        .filter((name) => taken.has(name))
        .flatMap((name) => {
          const data = weights.get(name) ?? own.get(name);
          return data ? [[name, data]] : [];
        }),
    );
    const results = await session.run({ ...feeds, [network.input]: images });
    const logits = results[network.logits] ?? internal('the segmenter gave no scores');
    return largest(logits as Tensor<'float32'>);
  };
}

/**
 * The class with the largest score at each pixel; of equal ones the first.
 * @param scores float32 (n, classes, height, width), at most 255 classes
 * @returns n * height * width ids
 * @throws as `classesOfPixels`, which it is
 */
export const largest = (scores: Tensor<'float32'>): Uint8Array => classesOfPixels(scores);

/**
 * The confusion matrix over all pixels of the scenes that are not void.
 * @throws DataError for masks that do not fit their images or have ids beyond the classes.
 */
export async function confusionOver(
  segment: Segmenter,
  weights: Weights,
  scenes: LabelledScenes,
  classes: number,
): Promise<ConfusionMatrix> {
  const confusion = emptyConfusion(classes);
  for (let i = 0; i < scenes.count; i++) {
    const { image, labels } = await scenes.scene(i);
    addPixels(confusion, labels, await segment(weights, image));
  }
  return confusion;
}
