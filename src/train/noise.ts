/** Fills a step's stochastic inputs: a pure function of (seed, step, name), so that a run resumes bit for bit. */
import type { Stochastic } from '../graph/builder.js';
import type { Value } from '../graph/graph.js';
import type { Feeds } from '../runtime/runtime.js';
import { fillCoarseNormal, type Stride } from '../tensor/coarse-normal.js';
import { fillBernoulli, fillUniform, streamKey } from '../tensor/random.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, zeros } from '../tensor/tensor.js';

/**
 * Fills `out` with the numbers of a stochastic input at a step (from 0 on). Its quiet part stays as it is: new arrays
 * are 0 there.
 */
export function fillNoise(
  out: Float32Array,
  { value, distribution, scale, quiet }: Stochastic,
  seed: number,
  step: number,
): void {
  const key = streamKey(seed, step, value.name);
  if (distribution === 'normal') fillCoarseNormal(out, key, scale, strideOf(value.shape, quiet));
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

/** How much of each entry of the first axis is filled, and how much is quiet. */
function strideOf(shape: Value['shape'], quiet: number): Stride | undefined {
  const [, groups = 1, ...rest] = shape as readonly number[];
  const size = sizeOf(rest);
  return quiet === 0 ? undefined : { run: (groups - quiet) * size, gap: quiet * size };
}
