/** Images that differ from the one at hand in few pixels, asked about in one reused buffer. */
import type { AttackContext } from './attack.js';

/** Writes what is different into a copy of the current image, (channels, height, width). */
export type Change = (row: Float32Array) => void;

export class Probes {
  readonly #context: AttackContext;
  readonly #size: number;
  readonly #rows: number;
  #buffer = new Float32Array();

  constructor(context: AttackContext) {
    const { box } = context;
    this.#context = context;
    this.#size = context.image.length;
    // As many as are under way at a time: more would only take memory.
    this.#rows = Math.max(1, box.bestBatch ?? 64) * Math.max(1, box.concurrency ?? 1);
  }

  /**
   * Asks about every change of `current`, each by itself.
   * @returns log-probabilities of each, in order
   * @throws as `AttackContext.query`
   */
  async ask(current: Float32Array, changes: readonly Change[]): Promise<Float32Array[]> {
    const answers: Float32Array[] = [];
    for (let from = 0; from < changes.length; from += this.#rows) {
      const part = changes.slice(from, from + this.#rows);
      if (this.#buffer.length < part.length * this.#size)
        this.#buffer = new Float32Array(part.length * this.#size);
      part.forEach((change, i) => {
        const row = this.#buffer.subarray(i * this.#size, (i + 1) * this.#size);
        row.set(current);
        change(row);
      });
      const logs = await this.#context.query(this.#buffer, part.length);
      const classes = logs.length / part.length;
      part.forEach((_, i) => {
        answers.push(logs.subarray(i * classes, (i + 1) * classes));
      });
    }
    return answers;
  }
}
