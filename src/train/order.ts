/** In which order a data set is gone through: a pure function of the seed and the position. */
import { permutation, streamKey } from '../tensor/random.js';

/** Endless passes over `count` things, each in an order of its own. */
export class Order {
  readonly #count: number;
  readonly #seed: number;
  readonly #name: string;
  #pass = -1;
  #order: Uint32Array = new Uint32Array(0);

  /** @param name of the stream, so that two sets of one run are mixed differently. */
  constructor(count: number, seed: number, name: string) {
    this.#count = count;
    this.#seed = seed;
    this.#name = name;
  }

  /** Which thing comes at a position, counted from the beginning of the first pass. */
  at(position: number): number {
    const pass = this.pass(position);
    if (pass !== this.#pass) {
      this.#order = permutation(this.#count, streamKey(this.#seed, pass, `order/${this.#name}`));
      this.#pass = pass;
    }
    return this.#order[position % this.#count] ?? 0;
  }

  /** Number of the pass that a position belongs to, from 0 on. */
  pass(position: number): number {
    return Math.floor(position / this.#count);
  }
}
