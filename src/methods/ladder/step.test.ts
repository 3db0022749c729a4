/** The whole ladder step against PyTorch: losses and every gradient, at fixed parameters, batch and noise. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { backward } from '../../autodiff/backward.js';
import { model } from '../../graph/graph.js';
import { builder } from '../../ops/builder.js';
import { optimize } from '../../ops/rewrite/optimize.js';
import { nodeRuntime } from '../../runtime/node.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { type LadderConfig, ladderConfig } from './config.js';
import { ladderCosts, ladderStep } from './step.js';

interface Array2 {
  readonly dims: number[];
  readonly data: number[];
}
interface Fixture {
  readonly widths: number[];
  readonly labelledRows: number;
  readonly lambdas: number[];
  readonly noiseStd: number;
  readonly parameters: Record<string, Array2>;
  readonly batch: Record<'labelled' | 'labels' | 'unlabelled', Array2>;
  readonly noise: Record<string, Array2>;
  readonly losses: { total: number; crossEntropy: number; denoising: number[] };
  readonly gradients: Record<string, Array2>;
}

const path = new URL('../../../test/fixtures/ladder-step.json', import.meta.url);
const fixture = JSON.parse(readFileSync(path, 'utf8')) as Fixture;
const config: LadderConfig = {
  ...ladderConfig('100', 'full', 12, 4),
  widths: fixture.widths,
  lambdas: fixture.lambdas,
  batchSize: fixture.labelledRows,
};

/** Rows, the labelled first -> (units, groups, n), scaled; groups beyond the rows are quiet. */
function noiseTensor({ dims, data }: Array2, shape: readonly number[]): Tensor {
  const [rows = 0] = dims;
  const [units = 0, groups = 0, n = 0] = shape;
  const columns = Array.from({ length: units * groups * n }, (_, i) => {
    const [unit, row] = [Math.floor(i / (groups * n)), i % (groups * n)];
    return row < rows ? (data[row * units + unit] ?? 0) * fixture.noiseStd : 0;
  });
  return tensor('float32', shape, columns);
}

describe('a ladder step against PyTorch', async () => {
  const b = builder();
  const costs = ladderCosts(b, config);
  const parameters = [...b.parameters.keys()].map((name) => b.value(name));
  const gradients = backward(b, costs.total, parameters);
  parameters.forEach(({ name }, i) => {
    const gradient = gradients[i];
    if (gradient) b.output(gradient, `${name}.gradient`);
  });
  b.output(costs.total, 'total');
  b.output(costs.crossEntropy, 'crossEntropy');
  for (const [l, cost] of costs.denoising) b.output(cost, `denoising.${l}`);

  const feeds: Record<string, Tensor> = {
    labels: tensor('int64', fixture.batch.labels.dims, fixture.batch.labels.data),
  };
  for (const name of ['labelled', 'unlabelled'] as const)
    feeds[name] = tensor('float32', fixture.batch[name].dims, fixture.batch[name].data);
  for (const [name, noise] of Object.entries(fixture.noise))
    feeds[name] = noiseTensor(noise, b.value(name).shape as number[]);
  for (const { name, shape } of parameters)
    feeds[name] = tensor('float32', shape as number[], fixture.parameters[name]?.data ?? []);
  const runtime = await nodeRuntime();

  it.each([
    ['as differentiated', b.build('step', 'inputs')],
    ['optimized', optimize(b.build('step', 'inputs'))],
  ])('agrees %s within 1e-4', async (_, graph) => {
    const session = await runtime.load(model(graph));
    const results = await session.run(feeds);
    const expectClose = (name: string, expected: readonly number[]): void => {
      const actual = Array.from(results[name]?.data as Float32Array);
      expect(actual.length, name).toBe(expected.length);
      // Relative to the largest element: a gradient's small elements are differences of large terms.
      const scale = Math.max(...expected.map(Math.abs));
      const worst = Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] ?? 0))));
      expect(worst / scale, name).toBeLessThan(1e-4);
    };
    expectClose('total', [fixture.losses.total]);
    expectClose('crossEntropy', [fixture.losses.crossEntropy]);
    for (const [l, cost] of fixture.losses.denoising.entries())
      expectClose(`denoising.${l}`, [cost]);
    expect(parameters.map(({ name }) => name).sort()).toEqual(
      Object.keys(fixture.gradients).sort(),
    );
    for (const [name, { data }] of Object.entries(fixture.gradients))
      expectClose(`${name}.gradient`, data);
  });
});

describe('modes', () => {
  it.each(['full', 'bottom', 'gamma', 'supervised'] as const)('%s compiles', (mode) => {
    const step = ladderStep({
      ...config,
      ...ladderConfig('100', mode, 12, 4),
      widths: config.widths,
    });
    const inputs = step.batch.map(({ name }) => name);
    expect(inputs).toEqual(
      mode === 'supervised' ? ['labels', 'labelled'] : ['labels', 'labelled', 'unlabelled'],
    );
    const hasDecoder = step.parameters.some((name) => name.startsWith('decoder'));
    expect(hasDecoder).toBe(mode === 'full' || mode === 'bottom');
  });
});
