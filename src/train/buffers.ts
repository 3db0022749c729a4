/**
 * The tensors that a run keeps from step to step, in two sets: the graph reads one and writes the other, then they
 * change places, so that nothing is allocated and hardly anything is left for the garbage collector.
 */
import type { Feeds } from '../runtime/runtime.js';
import { type Tensor, zeros } from '../tensor/tensor.js';
import { nextName, type TrainingStep } from './step.js';

type Tensors = ReadonlyMap<string, Tensor>;

export class Buffers {
  readonly #losses: readonly string[];
  #current: Tensors = new Map();
  #spare: Tensors = new Map();
  /** Where the losses go, by the number of steps in a run. */
  readonly #lossesOf = new Map<number, Feeds>();
  readonly #several: boolean;

  /** @param several whether the graph takes several steps a run: its losses then have an axis of steps. */
  constructor(step: TrainingStep, several: boolean) {
    this.#losses = step.losses.map((name) => `losses/${name}`);
    this.#several = several;
    this.restore(new Map([...step.initial].map(([name, value]) => [name, copy(value)])));
  }

  /** Parameters and optimizer state as they are. */
  get current(): Tensors {
    return this.#current;
  }

  /** Takes other parameters and state, whose arrays are its own from now on. */
  restore(tensors: Tensors): void {
    this.#current = tensors;
    this.#spare = new Map([...tensors].map(([name, t]) => [name, zeros(t.dtype, t.dims)]));
  }

  /** What to run `count` steps with, beside what changes from step to step. */
  run(changing: Feeds, count: number): { feeds: Feeds; into: Feeds } {
    const feeds: Record<string, Tensor> = { ...changing };
    const into: Record<string, Tensor> = { ...this.#lossTensors(count) };
    for (const [name, value] of this.#current) feeds[name] = value;
    for (const [name, value] of this.#spare) into[nextName(name)] = value;
    return { feeds, into };
  }

  /** Makes the results the current tensors; the former ones are written over by the next run. */
  advance(results: Feeds, inPlace: boolean): void {
    if (inPlace) [this.#current, this.#spare] = [this.#spare, this.#current];
    else
      this.#current = new Map(
        Array.from(this.#current.keys(), (name) => [name, results[nextName(name)] as Tensor]),
      );
  }

  #lossTensors(count: number): Feeds {
    const known = this.#lossesOf.get(count);
    if (known) return known;
    const dims = this.#several ? [count] : [];
    const made = Object.fromEntries(this.#losses.map((name) => [name, zeros('float32', dims)]));
    this.#lossesOf.set(count, made);
    return made;
  }
}

function copy(tensor: Tensor): Tensor {
  return { ...tensor, data: tensor.data.slice() as Float32Array };
}
