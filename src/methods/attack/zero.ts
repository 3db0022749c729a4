/** Probabilities of 0, as rounding makes them. */
import { least } from './answers.js';
import type { ScoreKind } from './model.js';

/** As log-probabilities have it, in float32. */
const zero = Math.fround(least);

/**
 * What a probability of 0 stands for: half of the least one that was seen. Rounded probabilities are full of zeros, whose
 * logarithm, taken at its word, would outweigh everything else.
 */
export class Zero {
  readonly #isRead: boolean;
  #log = 0;

  constructor(scores: ScoreKind) {
    this.#isRead = scores !== 'logits';
  }

  learn(logs: Float32Array): void {
    for (const log of logs) if (log > zero) this.#log = Math.min(this.#log, log - Math.LN2);
  }

  /** Log-probabilities with that in place of zeros. */
  lifted(logs: Float32Array): Float32Array {
    if (!this.#isRead || logs.every((log) => log > zero)) return logs;
    return logs.map((log) => (log > zero ? log : this.#log));
  }
}
