/** When requests to a server may leave: so many at once, so many a second, and none while it asks for a pause. */
import { setTimeout as delay } from 'node:timers/promises';

/** The clock, waiting and chance, so that tests need none of them. */
export interface Surroundings {
  /** Milliseconds on a clock that does not go back. */
  now(): number;
  /** @throws AbortError once `signal` is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** In [0, 1). */
  random(): number;
}

/** Those of this process. */
export const realSurroundings: Surroundings = {
  now: () => performance.now(),
  sleep: async (milliseconds, signal) => {
    await delay(milliseconds, undefined, signal ? { signal } : {});
  },
  random: () => Math.random(),
};

export interface PaceOptions {
  /** Requests under way at a time. */
  readonly concurrency: number;
  /** Requests that begin in a second; no limit where left out. */
  readonly rate?: number | undefined;
}

/** Lets requests through. Waiting is in the order in which they came. */
export class Pace {
  readonly #options: PaceOptions;
  readonly #around: Surroundings;
  readonly #waiting: (() => void)[] = [];
  #under = 0;
  /** When the next request may begin. */
  #next = Number.NEGATIVE_INFINITY;

  constructor(options: PaceOptions, around: Surroundings = realSurroundings) {
    this.#options = options;
    this.#around = around;
  }

  /** Runs `work` once there is room among those under way. */
  async inside<T>(work: () => Promise<T>): Promise<T> {
    if (this.#under >= this.#options.concurrency)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#under++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place goes to the next in the row, so that none slips in between.
      if (next) next();
      else this.#under--;
    }
  }

  /** Waits until a request may begin: to be called before each, repeated ones included. */
  async turn(signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      const now = this.#around.now();
      if (now >= this.#next) {
        const { rate } = this.#options;
        this.#next = rate === undefined ? now : now + 1000 / rate;
        return;
      }
      await this.#around.sleep(this.#next - now, signal);
    }
  }

  /** No request begins for so long: what a server says that has had too many. */
  hold(milliseconds: number): void {
    this.#next = Math.max(this.#next, this.#around.now() + milliseconds);
  }
}
