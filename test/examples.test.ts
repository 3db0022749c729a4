/** Every example runs to its end, with few steps, as a user would start it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import { writeModelFile } from '../src/runs/model-file.js';
import { root } from './imports.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-examples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(() => writeModelFile(join(folder, 'lenet.onnx'), buildModel(models.lenet)));

/** What each example is started with, and what it must print. */
const examples: Readonly<Record<string, { args: readonly string[]; prints: RegExp }>> = {
  'define-operator.ts': {
    args: ['--steps', '100'],
    prints: /gradient right on 24 elements.*softsign\(w\) after 100 steps: 0\.250, -0\.500, 0\.7/s,
  },
  'fine-tune.ts': {
    args: ['--steps', '100', join(folder, 'lenet.onnx'), join(folder, 'tuned.onnx')],
    prints: /test error \d+\.\d\d %/,
  },
  'ladder.ts': { args: ['--steps', '4'], prints: /test error \d+\.\d\d %, \d/ },
  'scribbles.ts': {
    args: ['--steps', '60', '--expect', '0.9'],
    prints:
      /9\d\.\d % of the pixels right after \d+ labels and \d+ steps, mean uncertainty 0\.\d\d/,
  },
  'segment.ts': {
    args: ['--steps', '20', '--expect', '0.02'],
    prints: /mean IU 0\.\d{3}, pixel accuracy 0\.\d{3} after 20 steps/,
  },
  'train-mlp.ts': {
    args: ['--steps', '200', '--expect', '0.2'],
    prints: /step 100: loss \d\.\d+\nstep 200: .*test error \d+\.\d\d %/s,
  },
};

/** Runs an example as its first comment says. A non-zero exit code rejects. */
async function run(name: string, args: readonly string[]): Promise<string> {
  const command = ['--import', 'tsx', join('examples', name), ...args];
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: root });
  return stdout;
}

describe('examples', () => {
  it('are all run here', () => {
    expect(readdirSync(join(root, 'examples')).sort()).toEqual(Object.keys(examples).sort());
  });

  it.each(Object.entries(examples))('%s', { timeout: 120_000 }, async (name, { args, prints }) => {
    const source = readFileSync(join(root, 'examples', name), 'utf8');
    expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(100);
    expect(source).toContain(`npx tsx examples/${name} --steps `);
    const output = join(folder, `${name}.onnx`);
    const writes = source.includes('values.output');
    expect(await run(name, writes ? [...args, '--output', output] : args)).toMatch(prints);
    if (writes) expect(statSync(output).size).toBeGreaterThan(100_000);
  });
});
