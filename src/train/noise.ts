/** Fills a step's stochastic inputs: a pure function of (seed, step, name), so that a run resumes bit for bit. */
import type { Stochastic } from '../graph/builder.js';
import type { Feeds } from '../runtime/runtime.js';
import { fillCoarseNormal } from '../tensor/coarse-normal.js';
import { fillBernoulli, fillUniform, streamKey } from '../tensor/random.js';
import { type Tensor, zeros } from '../tensor/tensor.js';

/** Fills `out` with the numbers of a stochastic input at a step (from 0 on). */
export function fillNoise(
  out: Float32Array,
  { value, distribution, scale }: Stochastic,
  seed: number,
  step: number,
): void {
  const key = streamKey(seed, step, value.name);
  if (distribution === 'normal') fillCoarseNormal(out, key, scale);
  else if (distribution === 'bernoulli') fillBernoulli(out, key, scale);
  else {
    fillUniform(out, key);
    if (scale !== 1) for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) * scale;
  }
}

/** The stochastic inputs of one step, in fresh tensors. */
export function noiseFeeds(stochastic: readonly Stochastic[], seed: number, step: number): Feeds {
  const feeds: Record<string, Tensor> = {};
  for (const source of stochastic) {
    const made = zeros('float32', source.value.shape as readonly number[]);
    fillNoise(made.data, source, seed, step);
    feeds[source.value.name] = made;
  }
  return feeds;
}
