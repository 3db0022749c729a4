/** All that is asked on account of one image: cached, counted, within the budget, and written down as it is answered. */
import { EspalierError } from '../../errors.js';
import type { Answer } from './attack.js';
import type { BoxQueue } from './box-queue.js';
import { imageKey } from './image-key.js';
import { toBytes } from './model.js';

/** What an attack may spend on one image. */
export interface Budget {
  /** Images asked about, those of original and judgement included. */
  readonly queries?: number | undefined;
  readonly seconds?: number | undefined;
  /** Of the attack. */
  readonly rounds?: number | undefined;
}

/** The budget of an image is spent: `runAttack` writes it into the image's record. */
export class BudgetError extends EspalierError {
  override readonly name = 'BudgetError';
}

/** The place in an audit that questions are asked for. */
export interface QuestionOptions {
  readonly index: number;
  readonly example: number;
  readonly budget: Budget;
  /** Answers from before an interruption. */
  readonly known: readonly Answer[];
  /** Written down before the attack sees them; what it returns is waited for. */
  readonly onAnswers?: ((answers: readonly Answer[]) => void | Promise<void>) | undefined;
  /** Whether an answer to an 8-bit image is what the attack looks for. */
  readonly met: (logs: Float32Array) => boolean;
  /** Milliseconds, from any start. */
  readonly now: () => number;
}

const judgement = 'judged:';

export class Questions {
  readonly #queue: BoxQueue;
  readonly #options: QuestionOptions;
  /** What was answered in this run, by key. */
  readonly #answers = new Map<string, Float32Array>();
  /** What was answered in runs before it, and not yet asked for again. */
  readonly #known = new Map<string, Float32Array>();
  readonly #start: number;
  #total = 0;
  #saved = 0;
  #first: number | null = null;
  #reference: Float32Array | null = null;
  /** Whether any two answers differ. */
  differ = false;

  constructor(queue: BoxQueue, options: QuestionOptions) {
    this.#queue = queue;
    this.#options = options;
    for (const { key, logs } of options.known) this.#known.set(key, logs);
    const before = options.known.reduce((most, { seconds }) => Math.max(most, seconds), 0);
    this.#start = options.now() - 1000 * before;
  }

  get seconds(): number {
    return Math.max(0, (this.#options.now() - this.#start) / 1000);
  }

  get counts(): { total: number; atFirstSuccess: number | null; saved: number } {
    return { total: this.#total, atFirstSuccess: this.#first, saved: this.#saved };
  }

  /** Answers left to the attack: one is kept back for the judgement. */
  left(): number {
    return Math.max(
      0,
      (this.#options.budget.queries ?? Number.POSITIVE_INFINITY) - this.#total - 1,
    );
  }

  /** Takes an answer for asked: the original's, when an earlier example has paid for it. */
  give(image: Float32Array, logs: Float32Array): void {
    this.#answers.set(imageKey(image), logs);
    this.#note(logs);
  }

  /** As `AttackContext.query`. */
  async ask(images: Float32Array, n: number): Promise<Float32Array> {
    const { size, box } = this.#queue;
    const asked = images.length === n * size ? images : images.subarray(0, n * size);
    const rows = box.outOfRange ? asked : Float32Array.from(toBytes(asked));
    const keys = Array.from({ length: n }, (_, row) =>
      imageKey(rows.subarray(row * size, (row + 1) * size)),
    );
    const fresh: number[] = [];
    const seen = new Set<string>();
    keys.forEach((key, row) => {
      if (this.#answers.has(key) || seen.has(key)) this.#saved++;
      else fresh.push(row);
      seen.add(key);
    });
    if (fresh.length > this.left())
      throw new BudgetError(`the budget of ${this.#options.budget.queries} queries is spent`);
    if (fresh.some((row) => !this.#known.has(keys[row] ?? ''))) this.#checkTime();
    await this.#answer(rows, fresh, keys);
    const count = box.classes.length;
    const logs = new Float32Array(n * count);
    keys.forEach((key, row) => {
      logs.set(this.#answers.get(key) ?? [], row * count);
    });
    return logs;
  }

  /** Asks about an 8-bit image once more, whatever the cache has. Not held up by the budget. */
  async judge(image: Uint8Array): Promise<Float32Array> {
    const values = Float32Array.from(image);
    const key = judgement + imageKey(values);
    await this.#answer(values, [0], [key], true);
    return this.#answers.get(key) ?? new Float32Array();
  }

  /** Has answers for the rows `fresh` of `images` in the cache, from the journal or from the box. */
  async #answer(
    images: Float32Array,
    fresh: readonly number[],
    keys: readonly string[],
    isJudgement = false,
  ): Promise<void> {
    const before = this.#total;
    const unknown = fresh.filter((row) => {
      const logs = this.#known.get(keys[row] ?? '');
      if (logs) this.#keep(keys[row] ?? '', logs);
      return !logs;
    });
    const { index, example, onAnswers } = this.#options;
    const written = async (from: number, logs: Float32Array): Promise<void> => {
      const count = this.#queue.box.classes.length;
      const answers: Answer[] = [];
      for (let i = 0; i < logs.length / count; i++) {
        const key = keys[unknown[from + i] ?? 0] ?? '';
        const own = logs.slice(i * count, (i + 1) * count);
        this.#keep(key, own);
        answers.push({ index, example, key, logs: own, seconds: this.seconds });
      }
      await onAnswers?.(answers);
    };
    await this.#queue.ask(images, unknown, written, isJudgement);
    // By its place among those that were asked together: batches come back in any order, and are as large as suits the box.
    const at = this.#found(images, fresh, keys);
    if (at >= 0) this.#first ??= before + at + 1;
  }

  /** Where among those answered the first 8-bit image is that is adversarial, or -1. */
  #found(images: Float32Array, rows: readonly number[], keys: readonly string[]): number {
    const { size } = this.#queue;
    return rows.findIndex((row) => {
      const logs = this.#answers.get(keys[row] ?? '');
      const met = logs !== undefined && this.#options.met(logs);
      return met && images.subarray(row * size, (row + 1) * size).every(isByte);
    });
  }

  #keep(key: string, logs: Float32Array): void {
    this.#answers.set(key, logs);
    this.#total++;
    this.#note(logs);
  }

  #note(logs: Float32Array): void {
    this.#reference ??= logs;
    const reference = this.#reference;
    this.differ ||= logs.some((value, c) => value !== reference[c]);
  }

  #checkTime(): void {
    const { seconds } = this.#options.budget;
    if (seconds !== undefined && this.seconds >= seconds)
      throw new BudgetError(`the budget of ${seconds} seconds is spent`);
  }
}

const isByte = (value: number): boolean => value >= 0 && value <= 255 && Number.isInteger(value);
