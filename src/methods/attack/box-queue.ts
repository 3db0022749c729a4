/** Rows on their way to a box: in batches that suit it, and no more under way than it takes. */
import { logProbabilities } from './answers.js';
import type { BlackBox } from './model.js';

/** Rows of a batch where the box names no number. */
const usual = 64;

export interface QueueOptions {
  /** Handed to the box as well, which may break off what is under way. */
  readonly signal?: AbortSignal | undefined;
  /** Takes sentences that the user should see; each comes once. */
  readonly onNotice?: ((sentence: string) => void) | undefined;
}

/** Asks one box; images that are attacked side by side share one of these. */
export class BoxQueue {
  readonly box: BlackBox;
  /** Values of an image. */
  readonly size: number;
  readonly #signal: AbortSignal | undefined;
  readonly #notice: (sentence: string) => void;
  readonly #said = new Set<string>();
  readonly #spare: Float32Array[] = [];
  readonly #waiting: (() => void)[] = [];
  #free: number;
  #stopped: { readonly error: unknown } | null = null;

  constructor(box: BlackBox, { signal, onNotice }: QueueOptions = {}) {
    this.box = box;
    this.size = box.channels * box.height * box.width;
    this.#free = Math.max(1, box.concurrency ?? 1);
    this.#signal = signal;
    this.#notice = (sentence) => {
      if (this.#said.has(sentence.replace(/[\d.]+/g, ''))) return;
      this.#said.add(sentence.replace(/[\d.]+/g, ''));
      onNotice?.(sentence);
    };
  }

  /** Lets no batch begin any more; those under way come back and are written down, since they are paid for. */
  stop(error: unknown): void {
    this.#stopped = { error };
  }

  /**
   * Asks about rows of `images`.
   * @param images float32 (more than max(rows), channels, height, width)
   * @param answered called with every batch that comes back, before the next takes its place: positions in `rows`, and
   *   log-probabilities (positions, classes). Where a batch fails the others that are under way are waited for.
   * @param isJudgement as `BlackBox.predict` has it
   * @throws what the box throws, the first of several; DataError where its answers are none.
   */
  async ask(
    images: Float32Array,
    rows: readonly number[],
    answered: (from: number, logs: Float32Array) => void | Promise<void>,
    isJudgement = false,
  ): Promise<void> {
    const each = Math.max(1, this.box.bestBatch ?? usual);
    let failed = false;
    const batches: Promise<void>[] = [];
    for (let from = 0; from < rows.length && !failed; from += each) {
      await this.#slot();
      if (failed) this.#release();
      else
        batches.push(
          this.#send(
            images,
            rows.slice(from, from + each),
            (logs) => answered(from, logs),
            isJudgement,
          )
            .catch((error: unknown) => {
              failed = true;
              throw error;
            })
            .finally(() => this.#release()),
        );
    }
    const results = await Promise.allSettled(batches);
    const error = results.find((result) => result.status === 'rejected');
    if (error) throw error.reason;
  }

  async #send(
    images: Float32Array,
    rows: readonly number[],
    answered: (logs: Float32Array) => void | Promise<void>,
    isJudgement: boolean,
  ): Promise<void> {
    this.#signal?.throwIfAborted();
    if (this.#stopped) throw this.#stopped.error;
    const { size, box } = this;
    const { length } = rows;
    const [first = 0] = rows;
    let raw: Float32Array;
    if (rows.at(-1) === first + length - 1) {
      const together = images.subarray(first * size, (first + length) * size);
      raw = await box.predict(together, length, this.#signal, isJudgement);
    } else {
      const buffer =
        this.#spare.pop() ?? new Float32Array(Math.max(1, box.bestBatch ?? usual) * size);
      rows.forEach((row, i) => {
        buffer.set(images.subarray(row * size, (row + 1) * size), i * size);
      });
      const gathered = buffer.subarray(0, length * size);
      raw = await box.predict(gathered, length, this.#signal, isJudgement);
      this.#spare.push(buffer);
    }
    await answered(logProbabilities(raw, length, box, this.#notice));
  }

  /** Resolves when one batch more may go. */
  async #slot(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Hands the place to who waits longest. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
