/** Every example runs to its end, with few steps, as a user would start it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpBox } from '../src/cli/black-box/http-box.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import { encodePng } from '../src/report/png.js';
import { writeModelFile } from '../src/runs/model-file.js';
import { brightness } from './cli.js';
import { root } from './imports.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-examples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  await writeModelFile(join(folder, 'lenet.onnx'), buildModel(models.lenet));
  await writeModelFile(join(folder, 'brightness.onnx'), brightness());
});

interface Example {
  readonly args: readonly string[];
  readonly prints: RegExp;
  /** Called once the example has printed an address, for one that answers at it. */
  readonly client?: (address: string) => Promise<void>;
}

/** What each example is started with, and what it must print. */
const examples: Readonly<Record<string, Example>> = {
  'confident.ts': {
    args: ['--steps', '60', '--picture', join(folder, 'confident.svg')],
    prints:
      /ce: mean confidence over the square 0\.9\d\nconfidence: .* 0\.\d\d\ngan: .*\njoint: .* 0\.\d\d\n/,
  },
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
  'serve.ts': {
    args: ['--steps', '2', join(folder, 'brightness.onnx')],
    prints: /^http:\/\/localhost:\d+\/\n$/,
    async client(address) {
      const box = await httpBox(address, { timeout: 10, retries: 0, backOff: 1, concurrency: 1 });
      expect(box).toMatchObject({
        classes: ['bright', 'dark'],
        scores: 'logits',
        outOfRange: true,
      });
      const floats = await box.predict(new Float32Array(16).fill(255), 1);
      expect([...floats]).toEqual([5, 0]);
      const png = Buffer.from(encodePng(new Uint8Array(16), 4, 4, 1)).toString('base64');
      const body = JSON.stringify({ encoding: 'png', images: [png] });
      const answer = await fetch(address, { method: 'POST', body });
      expect(await answer.json()).toEqual({ logits: [[-5, 0]] });
    },
  },
  'train-mlp.ts': {
    args: ['--steps', '200', '--expect', '0.2'],
    prints: /step 100: loss \d\.\d+\nstep 200: .*test error \d+\.\d\d %/s,
  },
};

/** Runs an example as its first comment says. A non-zero exit code rejects. */
async function run(
  name: string,
  args: readonly string[],
  client: Example['client'],
): Promise<string> {
  const command = ['--import', 'tsx', join('examples', name), ...args];
  const child = spawn(process.execPath, command, { cwd: root });
  const said = { out: '', err: '' };
  let talk: Promise<void> | undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    said.out += chunk;
    const [address] = /http:\S+(?=\n)/.exec(said.out) ?? [];
    if (client && address !== undefined)
      talk ??= client(address).catch((error: unknown) => {
        child.kill();
        throw error;
      });
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said.err += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  await talk;
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${said.err}`);
  return said.out;
}

describe('examples', () => {
  it('are all run here', () => {
    expect(readdirSync(join(root, 'examples')).sort()).toEqual(Object.keys(examples).sort());
  });

  it.each(Object.entries(examples))('%s', { timeout: 120_000 }, async (name, example) => {
    const { args, prints, client } = example;
    const source = readFileSync(join(root, 'examples', name), 'utf8');
    expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(100);
    expect(source).toContain(`npx tsx examples/${name} --steps `);
    const output = join(folder, `${name}.onnx`);
    const writes = source.includes('values.output');
    expect(await run(name, writes ? [...args, '--output', output] : args, client)).toMatch(prints);
    if (writes) expect(statSync(output).size).toBeGreaterThan(100_000);
  });
});
