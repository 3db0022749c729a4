/** Debian's Chromium, driven by Playwright; and what the tests look at inside it. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const usual = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of a Chromium: ESPALIER_CHROMIUM, or one of the usual ones; null where there is none. */
export function chromiumPath(): string | null {
  const named = process.env['ESPALIER_CHROMIUM'];
  return (named === undefined ? usual : [named]).find((path) => existsSync(path)) ?? null;
}

/**
 * Whether to leave browser tests out, having said so: where there is no Chromium. On a CI machine they run, and fail.
 */
export function skipsBrowser(): boolean {
  if (chromiumPath() !== null || process.env['CI']) return false;
  console.warn(
    `browser tests are left out: no Chromium at ${usual.join(', ')}. Install one (apt-get install chromium), or name it in ESPALIER_CHROMIUM.`,
  );
  return true;
}

/** WebGPU on the processor, by the software that Chromium brings along. */
export const softwareWebgpu = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

export function launch(args: readonly string[] = []): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === null)
    throw new Error('no Chromium. Install one: apt-get install chromium');
  return chromium.launch({ executablePath, args: [...args] });
}

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
