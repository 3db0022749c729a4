/** How promptly a page answers. */
import type { Page } from 'playwright-core';

/** What the main thread of a page was kept from, in milliseconds. */
export interface Responsiveness {
  /** Tasks of more than 50 ms, the longest last. */
  readonly longTasks: readonly number[];
  /** Times between two turns of a timer of 10 ms, the longest last. */
  readonly gaps: readonly number[];
}

/** Begins to watch the main thread of an open page; gives a function that says what was seen. */
export async function watchMainThread(page: Page): Promise<() => Promise<Responsiveness>> {
  await page.evaluate(() => {
    const seen = { longTasks: [] as number[], gaps: [] as number[] };
    Object.assign(globalThis, { mainThread: seen });
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) seen.longTasks.push(duration);
    });
    observer.observe({ type: 'longtask' });
    let last = performance.now();
    setInterval(() => {
      const now = performance.now();
      seen.gaps.push(now - last);
      last = now;
    }, 10);
  });
  return async () => {
    const { longTasks, gaps } = await page.evaluate(
      () => (globalThis as unknown as { mainThread: Responsiveness }).mainThread,
    );
    const ascending = (values: readonly number[]) => [...values].sort((a, b) => a - b);
    return { longTasks: ascending(longTasks), gaps: ascending(gaps) };
  };
}
