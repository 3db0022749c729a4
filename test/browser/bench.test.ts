/** The benchmark in Chromium, with as little of it as there can be, and our side alone. */
import { expect, it } from 'vitest';
import { bench } from '../../bench/main.js';
import { skipsBrowser } from './chromium.js';

const timeout = 150_000;

it.skipIf(skipsBrowser())('browser-conv-step gives figures and losses', { timeout }, async () => {
  const little = ['--steps', '1', '--warmup', '1', '--rounds', '1', '--threads', '1'];
  const { figures, lines, failures } = await bench(['browser-conv-step', ...little, '--no-peer']);
  expect(failures).toEqual([]);
  expect(lines.join('\n')).toContain('No peer was timed: they were left out.');
  const { milliseconds, losses } = figures as {
    milliseconds: { name: string; median: number }[];
    losses: number[];
  };
  expect(milliseconds).toMatchObject([{ name: 'Espalier', median: expect.any(Number) }]);
  expect(losses).toHaveLength(2);
  expect(losses[0]).toBeGreaterThan(1);
});
