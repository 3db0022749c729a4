/** The memory of a run is flat: nothing is left behind by a step, and there is nothing to dispose of. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { bundled } from './bundled.js';

const warmUp = 1000;
const measured = 2000;
/** Resident memory breathes with the garbage collector, so each end is the median of a window this long. */
const window = 500;
/** V8 doubles its young generation whenever much survives, at a step of its own choosing: from the start it has one size. */
const youngGeneration = ['--min-semi-space-size=8', '--max-semi-space-size=8'];

it('grows by less than 3 % over 2,000 steps after warm-up', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-memory-'));
  const steps = warmUp + measured + window / 2;
  const program = await bundled('test/programs/train-small.ts');
  const args = [program.path, join(folder, 'run'), String(steps), '250', '196,100,50,10', '50'];
  const { stdout } = await promisify(execFile)(process.execPath, [...youngGeneration, ...args]);
  program.remove();
  await rm(folder, { recursive: true, force: true });
  const samples = [...stdout.matchAll(/^memory (\d+) (\d+)$/gm)].map(([, step, bytes]) => ({
    step: Number(step),
    bytes: Number(bytes),
  }));
  const around = (middle: number): number => {
    const near = samples.filter(({ step }) => Math.abs(step - middle) <= window / 2);
    return near.map(({ bytes }) => bytes).sort((a, b) => a - b)[near.length >> 1] ?? Number.NaN;
  };
  expect(around(warmUp + measured) / around(warmUp)).toBeLessThan(1.03);
});
