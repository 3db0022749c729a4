/** Steps of ladders of convolutions against PyTorch: losses and every gradient, at fixed parameters, batch and noise. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { backward } from '../../autodiff/backward.js';
import { model } from '../../graph/graph.js';
import type { LadderLayer } from '../../nn/models/ladder-conv.js';
import { builder } from '../../ops/builder.js';
import { optimize } from '../../ops/rewrite/optimize.js';
import { nodeRuntime } from '../../runtime/node.js';
import { sizeOf } from '../../tensor/shape.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { type ConvLadderConfig, convLadderConfig, shapeOf } from './conv-config.js';
import { convLadderCosts, convLadderStep } from './conv-step.js';

interface Numbers {
  readonly dims: number[];
  readonly data: number[];
}
type FixtureLayer =
  | ['conv', number, number, 'valid' | 'full']
  | ['linear', number]
  | ['maxPool' | 'globalAverage'];
interface Case {
  readonly shape: [number, number, number];
  readonly classes: number;
  readonly slope: number;
  readonly topGamma: boolean;
  readonly layers: FixtureLayer[];
  readonly lambdas: number[];
  readonly parameters: Record<string, Numbers>;
  readonly batch: Record<'labelled' | 'labels' | 'unlabelled', Numbers>;
  readonly noise: Record<string, Numbers>;
  readonly losses: { total: number; crossEntropy: number; denoising: number[] };
  readonly gradients: Record<string, Numbers>;
}

const path = new URL('../../../test/fixtures/ladder-conv.json', import.meta.url);
const fixture = JSON.parse(readFileSync(path, 'utf8')) as {
  readonly rows: number;
  readonly noiseStd: number;
  readonly cases: Record<'small' | 'full', Case>;
};

function layerOf(given: FixtureLayer): LadderLayer {
  if (given[0] === 'conv')
    return { kind: 'conv', channels: given[1], kernel: given[2], border: given[3] };
  return given[0] === 'linear' ? { kind: 'linear', units: given[1] } : { kind: given[0] };
}

function caseGraph({ shape, classes, slope, topGamma, layers, lambdas }: Case) {
  const config: ConvLadderConfig = {
    ...convLadderConfig('conv-small', 'gamma', shape, classes),
    lambdas,
    batchSize: fixture.rows,
  };
  const architecture = { input: shape, slope, layers: layers.map(layerOf) };
  const network = shapeOf({ architecture, topGamma }, 'the case', shape, classes);
  const b = builder();
  const costs = convLadderCosts(b, config, network);
  const parameters = [...b.parameters.keys()].map((name) => b.value(name));
  const gradients = backward(b, costs.total, parameters);
  parameters.forEach(({ name }, i) => {
    const gradient = gradients[i];
    if (gradient) b.output(gradient, `${name}.gradient`);
  });
  b.output(costs.total, 'total');
  b.output(costs.crossEntropy, 'crossEntropy');
  for (const [l, cost] of costs.denoising) b.output(cost, `denoising.${l}`);
  return { graph: b.build('step', 'inputs'), parameters: parameters.map(({ name }) => name) };
}

function feedsOf(
  { batch, noise, parameters }: Case,
  names: readonly string[],
): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {
    labels: tensor('int64', batch.labels.dims, batch.labels.data),
  };
  for (const name of ['labelled', 'unlabelled'] as const) {
    const [n = 1, ...shape] = batch[name].dims;
    feeds[name] = tensor('float32', [n, sizeOf(shape)], batch[name].data);
  }
  for (const [name, { dims, data }] of Object.entries(noise)) {
    const scaled = data.map((value) => value * fixture.noiseStd);
    const [n = 0, units = 0] = dims;
    const isColumns = dims.length === 2;
    const columns = (_: number, i: number) => scaled[(i % n) * units + Math.floor(i / n)] ?? 0;
    feeds[name] = tensor(
      'float32',
      isColumns ? [units, n] : dims,
      isColumns ? scaled.map(columns) : scaled,
    );
  }
  for (const name of names) {
    const { dims, data } = parameters[name] ?? { dims: [], data: [] };
    feeds[name] = tensor('float32', dims, data);
  }
  return feeds;
}

const runtime = await nodeRuntime();

describe.each(Object.entries(fixture.cases))('a step of the case %s', (_, one) => {
  const { graph, parameters } = caseGraph(one);

  it.each([
    ['as differentiated', graph],
    ['optimized', optimize(graph)],
  ])('agrees with PyTorch %s within 1e-4', async (_, built) => {
    const session = await runtime.load(model(built));
    const results = await session.run(feedsOf(one, parameters));
    const expectClose = (name: string, expected: readonly number[]): void => {
      const actual = Array.from(results[name]?.data as Float32Array);
      const largest = Math.max(...expected.map(Math.abs), 1e-3);
      expect(actual.length, name).toBe(expected.length);
      const off = Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] ?? 0))));
      expect(off / largest, name).toBeLessThan(1e-4);
    };
    expectClose('total', [one.losses.total]);
    expectClose('crossEntropy', [one.losses.crossEntropy]);
    for (const [l, lambda] of one.lambdas.entries())
      if (lambda > 0) expectClose(`denoising.${l}`, [one.losses.denoising[l] ?? 0]);
    expect([...parameters].sort()).toEqual(Object.keys(one.gradients).sort());
    for (const [name, { data }] of Object.entries(one.gradients))
      expectClose(`${name}.gradient`, data);
  });
});

describe('the networks of the paper', () => {
  it.each([
    ['conv-small', 'gamma', [1, 28, 28]],
    ['conv-large', 'gamma', [3, 32, 32]],
    ['conv-fc', 'full', [1, 28, 28]],
    ['conv-small', 'supervised', [1, 28, 28]],
  ] as const)('%s compiles in mode %s', (network, mode, shape) => {
    const config = { ...convLadderConfig(network, mode, shape, 10), batchSize: 2 };
    const step = convLadderStep(config);
    const hasDecoder = step.parameters.some((name) => name.startsWith('decoder'));
    expect(hasDecoder).toBe(mode === 'full');
    expect(step.parameters.some((name) => name.endsWith('gamma'))).toBe(network !== 'conv-large');
    expect(step.batch.some(({ name }) => name === 'unlabelled')).toBe(mode !== 'supervised');
  });
});
