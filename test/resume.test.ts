/** A run that is killed again and again ends in the very parameters of one that was left alone. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { type Bundled, bundled } from './bundled.js';

const steps = 3200;
const checkpointEvery = 25;
const kills = 20;
let root = '';
let program: Bundled;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-resume-'));
  program = await bundled('test/programs/train-small.ts');
});
afterAll(async () => {
  program.remove();
  await rm(root, { recursive: true, force: true });
});

interface Outcome {
  readonly firstStep: number;
  readonly digest: string | null;
  /** From the first step on. */
  readonly milliseconds: number;
}

/** Runs the program on a folder; kills it `killAfter` milliseconds into training, if it still runs then. */
function run(folder: string, killAfter: number | null): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const args = [program.path, folder, String(steps), String(checkpointEvery)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    let began = 0;
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.stdout.on('data', (chunk: Buffer) => {
      const before = output;
      output += chunk.toString();
      if (before.includes('start') || !output.includes('start')) return;
      began = performance.now();
      if (killAfter !== null) setTimeout(() => child.kill('SIGKILL'), killAfter);
    });
    child.on('close', (code, signal) => {
      if (code !== 0 && signal !== 'SIGKILL') reject(new Error(errors));
      else
        resolve({
          firstStep: Number(/^start (\d+)$/m.exec(output)?.[1] ?? -1),
          digest: /^digest (\w+)$/m.exec(output)?.[1] ?? null,
          milliseconds: performance.now() - began,
        });
    });
  });
}

it(`is bit-identical after ${kills} kills`, { timeout: 240_000 }, async () => {
  const whole = await run(join(root, 'whole'), null);
  expect(whole.digest).toMatch(/^[0-9a-f]{64}$/);

  const folder = join(root, 'killed');
  const moments = new Float32Array(kills);
  fillUniform(moments, streamKey(Date.now(), 0, 'kill'));
  let killed = 0;
  let furthest = 0;
  for (const moment of moments) {
    // All sittings together last a quarter of the run on average, so that each of them is cut short.
    const outcome = await run(folder, (moment * whole.milliseconds) / kills / 2);
    if (outcome.digest === null) killed++;
    expect(outcome.firstStep).toBeGreaterThanOrEqual(furthest);
    expect(outcome.firstStep % checkpointEvery).toBe(0);
    furthest = Math.max(furthest, outcome.firstStep);
  }
  expect(killed).toBe(kills);
  const rest = await run(folder, null);
  expect(rest.firstStep).toBeGreaterThan(0);
  expect(rest.digest).toBe(whole.digest);
});

it('refuses a checkpoint that was cut short', { timeout: 60_000 }, async () => {
  const folder = join(root, 'cut');
  await run(folder, 200);
  await writeFile(join(folder, 'checkpoint', 'last.safetensors'), new Uint8Array(100));
  await expect(run(folder, null)).rejects.toThrow(/DataError.*checkpoint/s);
});
