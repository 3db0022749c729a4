/** Every benchmark, with as little of it as there can be and without Python. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bench } from '../bench/main.js';
import { gemmsOf } from '../bench/products.js';
import { benchmarks } from '../bench/table.js';
import { UsageError } from '../src/errors.js';
import { model } from '../src/graph/graph.js';
import { builder } from '../src/ops/builder.js';
import { type Bundled, bundled } from './bundled.js';

const little = ['--steps', '1', '--warmup', '0', '--rounds', '1', '--threads', '1'];

/** All numbers inside a value, however deep. */
const numbersIn = (value: unknown): number[] => {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value ? Object.values(value).flatMap(numbersIn) : [];
};

describe('each benchmark', () => {
  it('has a name of its own', () => {
    expect(new Set(benchmarks.map(({ name }) => name)).size).toBe(benchmarks.length);
  });

  // Those in a browser are run with the browser tests; `boxes` trains for minutes, and its order is that of the trained.
  const here = benchmarks.filter(({ kind, name }) => kind !== 'browser' && name !== 'boxes');
  it.each(here.map(({ name }) => name))('%s gives figures and lines', async (name) => {
    const outcome = await bench([name, ...little, '--small', '--no-peer']);
    expect(outcome.lines.length).toBeGreaterThan(1);
    expect(outcome.failures ?? []).toEqual([]);
    const numbers = numbersIn(outcome.figures);
    // At least one side: its threads, its median and its minimum.
    expect(numbers.length).toBeGreaterThanOrEqual(3);
    expect(numbers.filter((value) => !(Number.isFinite(value) && value > 0))).toEqual([]);
    expect(outcome.machine.runtime).toMatch(/^onnxruntime-node \d/);
  });

  it('profiles a step: every operator, the shares together the whole', async () => {
    const { figures } = await bench(['mlp-step', ...little, '--profile']);
    const { operators, nodes, millisecondsInNodes } = figures as {
      operators: { op: string; ms: number }[];
      nodes: { ms: number }[];
      millisecondsInNodes: number;
    };
    expect(operators.map(({ op }) => op)).toContain('Gemm');
    const sum = (times: readonly { ms: number }[]) => times.reduce((a, { ms }) => a + ms, 0);
    expect(sum(operators)).toBeCloseTo(millisecondsInNodes, 6);
    expect(sum(nodes)).toBeCloseTo(millisecondsInNodes, 6);
  });
});

describe('the Gemms of a graph', () => {
  const b = builder();
  const x = b.input('x', 'float32', [2, 3]);
  const W = b.parameter('W', { dtype: 'float32', dims: [4, 3], data: new Float32Array(12) });
  const h = b.Relu(b.Gemm(x, W, null, { transB: 1, alpha: 2 }));
  b.output(b.Gemm(h, W, x, { beta: 3 }), 'y');
  const { graph } = gemmsOf(model(b.build('products', 'inputs')));

  it('are all there with their attributes, each on inputs of its own', () => {
    // One number of each result is an output, so that no runtime can leave the product out.
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Gemm', 'Slice', 'Gemm', 'Slice']);
    const gemms = graph.nodes.filter(({ op }) => op === 'Gemm');
    expect(gemms[0]?.attributes).toMatchObject({ transB: { value: 1 }, alpha: { value: 2 } });
    expect(gemms[1]?.attributes).toMatchObject({ beta: { value: 3 } });
    const read = gemms.flatMap(({ inputs }) => inputs);
    expect(new Set(read).size).toBe(5);
    expect(graph.inputs.map(({ shape }) => shape)).toEqual([
      [2, 3],
      [4, 3],
      [2, 4],
      [4, 3],
      [2, 3],
    ]);
    expect(graph.outputs.map(({ shape }) => shape)).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });
});

/** Stands in for Python with PyTorch: checks the exchange folder, and prints the losses in the file beside it. */
const standIn = `#!/usr/bin/env node
const { readFileSync, statSync } = require('node:fs');
const { join } = require('node:path');
const after = (flag) => process.argv[process.argv.indexOf(flag) + 1];
if (process.argv[2] === '-c') console.log('0.0.0');
else {
  const folder = after(process.argv.includes('--losses') ? '--losses' : '--inputs');
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  let offset = 0;
  for (const { dims, offset: stated } of manifest.tensors) {
    if (stated !== offset) throw new Error('gap');
    offset += 4 * dims.reduce((a, b) => a * b, 1);
  }
  if (statSync(join(folder, manifest.file)).size !== offset) throw new Error('size');
  const shapes = Object.fromEntries(manifest.tensors.map(({ name, dims }) => [name, dims.join()]));
  if (shapes['inputs'] !== '3,200,784' || shapes['layer.0.b'] !== '1000') throw new Error('shape');
  const losses = JSON.parse(readFileSync(join(__dirname, 'losses.json'), 'utf8'));
  console.log(JSON.stringify({ losses, msPerStep: 1000, minMs: 500 }));
}
`;

describe('a peer', () => {
  let folder = '';
  let python = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'espalier-bench-test-'));
    python = join(folder, 'python.cjs');
    await writeFile(python, standIn);
    await chmod(python, 0o755);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const against = async (losses: readonly number[]) => {
    await writeFile(join(folder, 'losses.json'), JSON.stringify(losses));
    const outcome = await bench(['mlp-step', ...little, '--python', python]);
    const figures = outcome.figures as {
      losses: { ours: number[]; largestRelativeDifference: number };
      overPeer: { ofMedians: number; ofMinima: number };
      milliseconds: { name: string; median: number }[];
    };
    return { ...outcome, figures };
  };

  it('that computes something else fails the benchmark; one that agrees is compared', async () => {
    const wrong = await against([1, 1, 1]);
    expect(wrong.failures).toHaveLength(1);
    expect((await against([])).failures).toHaveLength(1);
    const { ours } = wrong.figures.losses;
    expect(ours).toHaveLength(3);
    const { figures, failures, machine } = await against(ours.map((loss) => loss * 1.0001));
    expect(failures).toEqual([]);
    expect(figures.losses.largestRelativeDifference).toBeCloseTo(1e-4, 6);
    expect(machine.torch).toBe('0.0.0');
    const espalier = figures.milliseconds.find(({ name }) => name === 'Espalier')?.median ?? 0;
    expect(figures.overPeer.ofMedians).toBeCloseTo(espalier / 1000, 9);
  });

  it('that is not there is said to be absent, and the rest runs', async () => {
    const outcome = await bench(['mlp-step', ...little, '--python', join(folder, 'none')]);
    expect(outcome.figures['overPeer']).toBeNull();
    expect(outcome.figures['overGemms']).not.toBeNull();
    expect(outcome.lines.join('\n')).toContain('no Python with PyTorch');
  });
});

describe('the command', () => {
  let program: Bundled;
  beforeAll(async () => {
    program = await bundled('bench/main.ts');
  });
  afterAll(() => program.remove());
  const run = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [program.path, ...args]);

  it('prints one JSON object with --json', async () => {
    const { stdout } = await run('random', ...little, '--json');
    const printed = JSON.parse(stdout) as Record<string, unknown>;
    expect(printed).toMatchObject({ benchmark: 'random', settings: { steps: 1 }, failures: [] });
    expect(printed['nanosecondsEach']).toHaveLength(3);
  });

  it('ends with 2 and a suggestion where the name is wrong', async () => {
    await expect(run('ladder-stp')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean "ladder-step"?'),
    });
  });

  it.each([
    [['mlp-step', '--steps', '0']],
    [['mlp-step', '--steps', 'x']],
    [['mlp-step', '--stops', '3']],
    [['mlp-step', 'random']],
    [['random', '--profile']],
    [[]],
  ])('refuses %j', async (args) => {
    await expect(bench(args)).rejects.toThrow(UsageError);
  });
});
