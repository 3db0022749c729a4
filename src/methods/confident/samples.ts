/** What the generator makes of latents that stay the same. */
import { model } from '../../graph/graph.js';
import { builder } from '../../ops/builder.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import { fillNormal, streamKey } from '../../tensor/random.js';
import { type Tensor, zeros } from '../../tensor/tensor.js';
import type { ConfidentConfig } from './config.js';
import { apply } from './part.js';
import { type ConfidentParts, type Gan, toInput } from './parts.js';

/** Generated images of one moment. */
export interface Samples {
  /** float32 (count, channels, height, width), 0 to 1. */
  readonly images: Tensor<'float32'>;
  /** The same as the classifier takes them. */
  readonly inputs: Tensor<'float32'>;
}

/** Images that are made at a time: as many as the official code keeps for looking at. */
export const sampleCount = 64;

/** @param weights those of the round, under its names */
export type Sampler = (weights: ReadonlyMap<string, Tensor>) => Promise<Samples>;

/** Prepares the generator as it trains: BatchNormalization takes the statistics of the batch. */
export async function generatorSampler(
  runtime: Runtime,
  parts: ConfidentParts,
  gan: Gan,
  { latents, seed }: ConfidentConfig,
  options?: SessionOptions,
): Promise<Sampler> {
  const b = builder();
  const z = zeros('float32', [sampleCount, latents]);
  fillNormal(z.data, streamKey(seed, 0, 'samples'));
  const made = apply(b, gan.generator, b.constant(z), { pass: 'samples', learns: false }).value;
  const images = b.output(made, 'images').name;
  const inputs = b.output(toInput(b, made, parts.scale), 'inputs').name;
  const session = await runtime.load(model(b.build('samples'), {}, b.opset), options);
  return async (weights) => {
    const feeds: Record<string, Tensor> = {};
    for (const name of session.inputs) {
      const weight = weights.get(name);
      if (weight) feeds[name] = weight;
    }
    const results = await session.run(feeds);
    return {
      images: results[images] as Tensor<'float32'>,
      inputs: results[inputs] as Tensor<'float32'>,
    };
  };
}
