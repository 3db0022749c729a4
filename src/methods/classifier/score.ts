/** Class probabilities of images under given weights, without building a model for each. */

import { model } from '../../graph/graph.js';
import {
  confusionMatrix,
  errorRate,
  negativeLogLikelihood,
  predictedClasses,
} from '../../metrics/classification.js';
import { load } from '../../ops/load.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import type { Network } from './network.js';

/** Images as a network takes them, in an order that stays. */
export interface ImageRows {
  readonly count: number;
  /** Classes from 0 on. */
  readonly labels: Int32Array;
  /** The `count` images from `from` on as the network's input, float32 (count, ...). */
  rows(from: number, count: number): Tensor | Promise<Tensor>;
}

export type Weights = ReadonlyMap<string, Tensor>;

/** Class probabilities, float32 (count, classes). */
export type Scorer = (weights: Weights, images: ImageRows) => Promise<Tensor<'float32'>>;

/**
 * Prepares the inference graph with the weights `names` as inputs.
 * @param batch images at a time
 */
export async function scorer(
  runtime: Runtime,
  network: Network,
  names: ReadonlySet<string>,
  batch: number,
  options?: SessionOptions,
): Promise<Scorer> {
  const b = load({ ...network.graph, outputs: [] }, { trainable: (name) => names.has(name) });
  const logits = b.Reshape(b.value(network.head.logits), [-1, network.classes]);
  const output = b.output(b.Softmax(logits, { axis: 1 })).name;
  const session = await runtime.load(model(b.build('classifier', 'inputs')), options);
  const taken = new Set(session.inputs);
  return async (weights, images) => {
    const probabilities = new Float32Array(images.count * network.classes);
    const feeds = Object.fromEntries([...weights].filter(([name]) => taken.has(name)));
    for (let from = 0; from < images.count; from += batch) {
      const count = Math.min(batch, images.count - from);
      const x = await images.rows(from, count);
      const results = await session.run({ ...feeds, [network.input.name]: x });
      probabilities.set(results[output]?.data as Float32Array, from * network.classes);
    }
    return tensor('float32', [images.count, network.classes], probabilities);
  };
}

/** Share of images taken for another class, and the mean negative log-likelihood in nats. */
export function figuresOf(
  probabilities: Tensor<'float32'>,
  labels: Int32Array,
): { readonly error: number; readonly nll: number } {
  const classes = probabilities.dims[1] ?? 1;
  return {
    error: errorRate(confusionMatrix(labels, predictedClasses(probabilities), classes)),
    nll: negativeLogLikelihood(probabilities, labels),
  };
}
