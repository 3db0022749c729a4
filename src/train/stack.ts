/** The inputs of several steps side by side, in buffers that every run fills anew. */

import { internal, ShapeError } from '../errors.js';
import type { Value, ValueInfo } from '../graph/graph.js';
import type { Feeds } from '../runtime/runtime.js';
import { formatShape, sameShape, sizeOf } from '../tensor/shape.js';
import { type Tensor, zeros } from '../tensor/tensor.js';

interface Layer {
  readonly dims: readonly number[];
  readonly size: number;
  /** (capacity, ...dims). */
  readonly all: Tensor;
}

export class Stack {
  readonly #layers = new Map<string, Layer>();
  /** Feeds by number of steps, made once each so that the runtime's wrappers around them are too. */
  readonly #feeds = new Map<number, Feeds>();

  /** @param capacity steps that a run takes at most; with 1 the tensors have no axis of steps. */
  constructor(inputs: readonly ValueInfo[], capacity: number) {
    for (const { name, dtype, shape } of inputs) {
      if (!dtype || !shape) internal(`the step's input "${name}" has no shape`);
      const dims = shape as readonly number[];
      const all = zeros(dtype, capacity === 1 ? dims : [capacity, ...dims]);
      this.#layers.set(name, { dims, size: sizeOf(dims), all });
    }
    if (capacity === 1)
      this.#feeds.set(
        1,
        Object.fromEntries([...this.#layers].map(([name, { all }]) => [name, all])),
      );
  }

  /** The numbers of input `name` in the `slot`-th step. */
  slot(name: string, slot: number): Tensor['data'] {
    const layer = this.#layers.get(name) ?? internal(`the step has no input "${name}"`);
    const { all, size } = layer;
    return (all.data as Float32Array).subarray(slot * size, (slot + 1) * size);
  }

  /**
   * Copies a step's batch into the `slot`-th step: what is missing would silently be that of an earlier step.
   * @throws ShapeError where `feeds` lacks an input of the batch, has another, or one of another dtype or shape.
   */
  put(batch: readonly Value[], feeds: Feeds, slot: number): void {
    for (const { name, dtype, shape } of batch) {
      const feed = feeds[name];
      if (!feed || feed.dtype !== dtype || !sameShape(feed.dims, shape))
        throw new ShapeError(
          `batch: "${name}" must be ${dtype}${formatShape(shape)}, got ${feed ? feed.dtype + formatShape(feed.dims) : 'nothing'}`,
          { expected: shape, actual: feed?.dims },
        );
      (this.slot(name, slot) as Float32Array).set(feed.data as Float32Array);
    }
    const names = batch.map(({ name }) => name);
    const unknown = Object.keys(feeds).find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new ShapeError(
        `batch: unknown input "${unknown}". The step takes ${names.join(', ')}`,
        { expected: names, actual: unknown },
      );
  }

  /** Feeds of the first `count` steps, (count, ...) each. */
  feeds(count: number): Feeds {
    const known = this.#feeds.get(count);
    if (known) return known;
    const feeds: Record<string, Tensor> = {};
    for (const [name, { dims, size, all }] of this.#layers)
      feeds[name] = {
        dtype: all.dtype,
        dims: [count, ...dims],
        data: (all.data as Float32Array).subarray(0, count * size),
      };
    this.#feeds.set(count, feeds);
    return feeds;
  }
}
