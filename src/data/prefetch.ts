/** Work on batches that are not due yet, so that nobody waits for them when they are. */

export interface Prefetched<T> {
  /** The batch of a step. Steps are asked for in order; a jump, as on resuming, starts anew from there. */
  at(step: number): Promise<T>;
  /** Batches that were not ready when they were asked for, the first after a start not counted. */
  readonly late: number;
}

/**
 * Keeps the next `ahead` batches in the making while one is used.
 * @param make starts the work on a step's batch. It may reuse what it gave `ahead + 1` steps before: `slot` counts
 *   from 0 to `ahead` and round again.
 */
export function prefetch<T>(
  make: (step: number, slot: number) => Promise<T>,
  ahead: number,
): Prefetched<T> {
  const pending = new Map<number, { readonly batch: Promise<T>; isReady: boolean }>();
  let next = -1;
  let late = 0;
  const start = (step: number): void => {
    const entry = { batch: make(step, step % (ahead + 1)), isReady: false };
    const ready = (): void => {
      entry.isReady = true;
    };
    // A failure is told to whoever asks for the batch, not as a rejection that nobody handled.
    entry.batch.then(ready, ready);
    pending.set(step, entry);
  };
  return {
    async at(step) {
      const isJump = step !== next;
      if (isJump && pending.size > 0) {
        // What is under way may still write into what it was lent.
        await Promise.allSettled([...pending.values()].map(({ batch }) => batch));
        pending.clear();
      }
      pending.delete(step - 1);
      for (let i = step; i <= step + ahead; i++) if (!pending.has(i)) start(i);
      next = step + 1;
      const entry = pending.get(step);
      if (entry?.isReady === false && !isJump) late++;
      return entry?.batch as Promise<T>;
    },
    get late() {
      return late;
    },
  };
}
