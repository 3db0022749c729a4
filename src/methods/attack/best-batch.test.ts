import { afterEach, expect, it, vi } from 'vitest';
import { measureBestBatch } from './best-batch.js';

afterEach(() => vi.restoreAllMocks());

/** Runs on a clock of its own that `cost` moves on, in milliseconds. */
async function measured(cost: (n: number, run: number) => number, most = 256) {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const asked: number[] = [];
  const best = await measureBestBatch(async (n) => {
    asked.push(n);
    now += cost(n, asked.length);
  }, most);
  return { best, largest: Math.max(...asked), time: now };
}

it('takes the smallest size that is as good as any', async () => {
  // A millisecond a call and a tenth an image: a batch of 128 still costs 4 % more.
  expect((await measured((n) => 1 + 0.1 * n)).best).toBe(256);
  expect((await measured((n) => 0.04 + 0.5 * n)).best).toBe(4);
  expect((await measured((n) => 2 * n)).best).toBe(1);
});

it('is not led by what disturbs for a moment', async () => {
  const disturbed = (run: number): number => (run > 3 && run < 9 ? 3 : 1);
  expect((await measured((n, run) => (0.04 + 0.5 * n) * disturbed(run))).best).toBe(4);
});

it('keeps to the memory there is, and takes no long time over large nets', async () => {
  expect(await measured((n) => 1 + 0.1 * n, 20)).toMatchObject({ best: 16, largest: 16 });
  const large = await measured((n) => 40 * n);
  expect(large).toMatchObject({ best: 1, largest: 2 });
  expect(large.time).toBeLessThan(1000);
});
