/** Fills a step's stochastic inputs: a pure function of (seed, step, name), so that a run resumes bit for bit. */
import type { Stochastic } from '../graph/builder.js';
import type { Feeds } from '../runtime/runtime.js';
import { fillCoarseNormal } from '../tensor/coarse-normal.js';
import { fillBernoulli, fillUniform, streamKey } from '../tensor/random.js';
import { type Tensor, zeros } from '../tensor/tensor.js';

export class Noise {
  readonly #inputs: readonly { readonly source: Stochastic; readonly tensor: Tensor<'float32'> }[];
  readonly #feeds: Feeds;
  readonly #seed: number;

  constructor(stochastic: readonly Stochastic[], seed: number) {
    this.#seed = seed;
    this.#inputs = stochastic.map((source) => ({
      source,
      tensor: zeros('float32', source.value.shape as readonly number[]),
    }));
    this.#feeds = Object.fromEntries(
      this.#inputs.map(({ source, tensor }) => [source.value.name, tensor]),
    );
  }

  /** Feeds for one step, in buffers that the next call fills anew. */
  fill(step: number): Feeds {
    for (const { source, tensor } of this.#inputs) {
      const key = streamKey(this.#seed, step, source.value.name);
      if (source.distribution === 'normal') fillCoarseNormal(tensor.data, key, source.scale);
      else if (source.distribution === 'uniform') {
        fillUniform(tensor.data, key);
        if (source.scale !== 1)
          for (let i = 0; i < tensor.data.length; i++)
            tensor.data[i] = (tensor.data[i] ?? 0) * source.scale;
      } else fillBernoulli(tensor.data, key, source.scale);
    }
    return this.#feeds;
  }
}
