/** A run that is killed again and again ends in the very parameters of one that was left alone. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { type Bundled, bundled } from './bundled.js';

const steps = 3200;
const checkpointEvery = 25;
/** Steps between two words on how far it is. */
const reportEvery = 5;
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
}

/** A moment in a sitting: so long after it has told of so many steps. */
interface Moment {
  readonly steps: number;
  readonly milliseconds: number;
}

/** Runs the program on a folder; kills it at a moment, if it still runs then. */
function run(folder: string, kill: Moment | null): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const args = [program.path, folder, steps, checkpointEvery, '16,12,8,4', reportEvery];
    const child = spawn(process.execPath, args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
    let firstStep = -1;
    let digest: string | null = null;
    let errors = '';
    let doomed = false;
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    createInterface(child.stdout).on('line', (line) => {
      const [word = '', value = ''] = line.split(' ');
      if (word === 'digest') digest = value;
      if (word === 'start') firstStep = Number(value);
      if (kill === null || doomed || Number(value) < firstStep + kill.steps) return;
      doomed = true;
      setTimeout(() => child.kill('SIGKILL'), kill.milliseconds);
    });
    child.on('close', (code, signal) => {
      if (code !== 0 && signal !== 'SIGKILL') reject(new Error(errors));
      else resolve({ firstStep, digest });
    });
  });
}

it(`is bit-identical after ${kills} kills`, { timeout: 240_000 }, async () => {
  const whole = await run(join(root, 'whole'), null);
  expect(whole.digest).toMatch(/^[0-9a-f]{64}$/);

  const folder = join(root, 'killed');
  const moments = new Float32Array(2 * kills);
  fillUniform(moments, streamKey(Date.now(), 0, 'kill'));
  let killed = 0;
  let furthest = 0;
  for (let kill = 0; kill < kills; kill++) {
    // Told in steps, so that however slow a process begins it gets past a checkpoint or two, and all sittings together
    // not past half of the run. Between two reports, and while a checkpoint is written, lies chance.
    const [share = 0, rest = 0] = moments.subarray(2 * kill);
    const moment = { steps: Math.floor(share * 5 * checkpointEvery), milliseconds: 40 * rest };
    const outcome = await run(folder, moment);
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
  await run(folder, { steps: checkpointEvery, milliseconds: 0 });
  await writeFile(join(folder, 'checkpoint', 'last.safetensors'), new Uint8Array(100));
  await expect(run(folder, null)).rejects.toThrow(/DataError.*checkpoint/s);
});
