/**
 * The tensors that a run keeps from step to step, in two sets: a step reads one and writes the other, then they
 * change places, so that nothing is copied and hardly anything is left for the garbage collector.
 */
import type { Feeds } from '../runtime/runtime.js';
import { type Tensor, zeros } from '../tensor/tensor.js';
import { nextName, scalarName, type TrainingStep } from './step.js';

type Mutable = Record<string, Tensor>;

export class Buffers {
  readonly #step: TrainingStep;
  readonly #losses: Mutable = {};
  readonly #scalars: Tensor<'float32'>[];
  /** What a step is fed and what it writes into, for both directions. */
  #feeds: Mutable = {};
  #into: Mutable = {};
  #feedsNext: Mutable = {};
  #intoNext: Mutable = {};
  #current: ReadonlyMap<string, Tensor>;
  #spare: ReadonlyMap<string, Tensor>;

  constructor(step: TrainingStep) {
    this.#step = step;
    for (const name of step.losses) this.#losses[`losses/${name}`] = zeros('float32', []);
    this.#scalars = step.optimizer.inputs.map(() => zeros('float32', []));
    this.#current = this.#spare = new Map();
    this.restore(new Map([...step.initial].map(([name, value]) => [name, copy(value)])));
  }

  /** Parameters and optimizer state as they are. */
  get current(): ReadonlyMap<string, Tensor> {
    return this.#current;
  }

  /** Takes other parameters and state, whose arrays are its own from now on. */
  restore(tensors: ReadonlyMap<string, Tensor>): void {
    const spare = new Map([...tensors].map(([name, t]) => [name, zeros(t.dtype, t.dims)]));
    this.#current = tensors;
    this.#spare = spare;
    [this.#feeds, this.#into] = this.#direction(tensors, spare);
    [this.#feedsNext, this.#intoNext] = this.#direction(spare, tensors);
  }

  /** What to run the step with. `scalars` are the optimizer's. */
  inputs(batch: Feeds, noise: Feeds, scalars: readonly number[]): { feeds: Feeds; into: Feeds } {
    this.#scalars.forEach((tensor, i) => {
      tensor.data[0] = scalars[i] ?? 0;
    });
    Object.assign(this.#feeds, batch, noise);
    return { feeds: this.#feeds, into: this.#into };
  }

  /** Losses of a finished step, by name. */
  losses(results: Feeds): Record<string, number> {
    const losses: Record<string, number> = {};
    for (const name of this.#step.losses) losses[name] = Number(results[`losses/${name}`]?.data[0]);
    return losses;
  }

  /** Makes the results the current tensors; the former ones are written over by the next step. */
  advance(results: Feeds, inPlace: boolean): void {
    if (inPlace) {
      [this.#feeds, this.#feedsNext] = [this.#feedsNext, this.#feeds];
      [this.#into, this.#intoNext] = [this.#intoNext, this.#into];
      [this.#current, this.#spare] = [this.#spare, this.#current];
    } else {
      this.#current = new Map(
        Array.from(this.#current.keys(), (name) => [name, results[nextName(name)] as Tensor]),
      );
      for (const [name, value] of this.#current) this.#feeds[name] = value;
    }
  }

  #direction(
    from: ReadonlyMap<string, Tensor>,
    to: ReadonlyMap<string, Tensor>,
  ): [Mutable, Mutable] {
    const feeds: Mutable = Object.fromEntries(from);
    const { optimizer } = this.#step;
    optimizer.inputs.forEach((name, i) => {
      feeds[scalarName(optimizer, name)] = this.#scalars[i] as Tensor;
    });
    const into: Mutable = { ...this.#losses };
    for (const [name, value] of to) into[nextName(name)] = value;
    return [feeds, into];
  }
}

function copy(tensor: Tensor): Tensor {
  return { ...tensor, data: tensor.data.slice() as Float32Array };
}
