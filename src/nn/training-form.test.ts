import { expect, it } from 'vitest';
import fixture from '../../test/fixtures/batch-normalization.json' with { type: 'json' };
import { backward } from '../autodiff/backward.js';
import { model, type Value } from '../graph/graph.js';
import { type Builder, builder } from '../ops/builder.js';
import { load } from '../ops/load.js';
import { nodeRuntime } from '../runtime/node.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { noiseFeeds } from '../train/noise.js';
import { constant } from '../train/schedule.js';
import { compileStep } from '../train/step.js';
import { train } from '../train/train.js';
import { batchNormalization } from './normalization.js';
import { sgd } from './optimizer.js';
import { trainingForm } from './training-form.js';

const { momentum, epsilon, shape } = fixture;
const runtime = await nodeRuntime();
const sum = (b: Builder, value: Value): Value => b.ReduceSum(value, null, { keepdims: 0 });

/** Batch normalization with the fixture's weights, in the form of inference; its batch is free. */
function normalized() {
  const b = builder();
  const x = b.input('x', 'float32', ['batch', ...shape.slice(1)]);
  b.output(batchNormalization(b, x, 'bn', { epsilon, momentum }), 'y');
  const graph = b.build();
  const weights = {
    'bn.weight': tensor('float32', [3], fixture.scale),
    'bn.bias': tensor('float32', [3], fixture.bias),
  };
  return { ...graph, initializers: new Map([...graph.initializers, ...Object.entries(weights)]) };
}

function expectClose(actual: Tensor | undefined, wanted: readonly number[] | undefined): void {
  expect(actual?.data).toHaveLength(wanted?.length ?? -1);
  wanted?.forEach((value, i) => {
    expect(Number(actual?.data[i])).toBeCloseTo(value, 4);
  });
}

it('batch normalization in training is that of PyTorch, gradients included', async () => {
  const [first] = fixture.steps;
  const { b, state } = trainingForm(normalized(), {
    batchNormalization: 'live',
    dimensions: { batch: 4 },
    trainable: (name) => name === 'bn.weight' || name === 'bn.bias',
  });
  const dy = b.input('dy', 'float32', shape);
  const wrt = ['x', 'bn.weight', 'bn.bias'].map((name) => b.value(name));
  const gradients = backward(b, sum(b, b.Mul(b.value('y'), dy)), wrt);
  for (const [i, name] of ['dx', 'dscale', 'dbias'].entries())
    b.output(gradients[i] as Value, name);
  const session = await runtime.load(model(b.build()));
  const results = await session.run({
    x: tensor('float32', shape, first?.x ?? []),
    dy: tensor('float32', shape, first?.dy ?? []),
    ...Object.fromEntries(state.map(({ value, initial }) => [value.name, initial])),
  });
  for (const name of ['y', 'dx', 'dscale', 'dbias'] as const)
    expectClose(results[name], first?.[name]);
});

it('running statistics are carried from step to step', async () => {
  const { b, state } = trainingForm(normalized(), {
    batchNormalization: 'live',
    dimensions: { batch: 4 },
    trainable: (name) => name === 'bn.weight',
  });
  const step = compileStep(b, { loss: sum(b, b.value('y')), optimizer: sgd(), state });
  expect(step.carried).toEqual(['bn.running_mean', 'bn.running_var']);
  expect(step.batch.map(({ name }) => name)).toEqual(['x']);
  const { parameters } = await train({
    runtime,
    step,
    batch: (k) => ({ x: tensor('float32', shape, fixture.steps[k]?.x ?? []) }),
    steps: 3,
    stepsPerEpoch: 3,
    learningRate: 0,
    schedule: constant,
    seed: 1,
  });
  expectClose(parameters.get('bn.running_mean'), fixture.steps[2]?.mean);
  expectClose(parameters.get('bn.running_var'), fixture.steps[2]?.variance);
});

it('frozen statistics stay in the graph as they were', () => {
  const { b, state } = trainingForm(normalized(), { batchNormalization: 'frozen' });
  expect(state).toEqual([]);
  expect(b.nodes.map(({ op }) => op)).toEqual(['BatchNormalization', 'Identity']);
  expect(b.initializers.has('bn.running_mean')).toBe(true);
});

it('two nodes with the same statistics go on one from the other', () => {
  const b = builder();
  const x = b.input('x', 'float32', [2, 3]);
  const [c, mean, variance] = ['c', 'mean', 'var'].map((name) =>
    b.initializer(name, tensor('float32', [3], [1, 1, 1])),
  ) as [Value, Value, Value];
  const once = b.BatchNormalization(x, c, c, mean, variance);
  b.output(b.BatchNormalization(once, c, c, mean, variance), 'y');
  const form = trainingForm(b.build(), { batchNormalization: 'live' });
  expect(form.state.map(({ value }) => value.name)).toEqual(['mean', 'var']);
  const last = form.b.producer(form.state[0]?.next as Value);
  const kept = form.b.producer(form.b.value(last?.inputs[0] ?? ''));
  expect(form.b.producer(form.b.value(kept?.inputs[0] ?? ''))?.op).toBe('Add');
});

it('Dropout takes its mask from a stochastic input, with its gradient', async () => {
  const inference = builder();
  const x = inference.input('x', 'float32', [64, 8]);
  inference.node('Dropout', [x, 0.25], {}, { outputs: ['y', 'mask'] });
  inference.output(inference.value('y'));
  inference.output(inference.value('mask'));
  const { b } = trainingForm(inference.build(), { batchNormalization: 'live' });
  expect(b.stochastic).toMatchObject([{ distribution: 'bernoulli', scale: 0.75 }]);
  const [dx] = backward(b, sum(b, b.value('y')), [b.value('x')]);
  b.output(dx as Value, 'dx');
  const session = await runtime.load(model(b.build()));
  const ones = tensor('float32', [64, 8], new Float32Array(512).fill(1));
  const results = await session.run({ x: ones, ...noiseFeeds(b.stochastic, 3, 0) });
  const y = Array.from(results['y']?.data ?? [], Number);
  expect(new Set(y)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
  expect(y.reduce((a, c) => a + c, 0) / 512).toBeCloseTo(1, 1);
  expect(Array.from(results['dx']?.data ?? [], Number)).toEqual(y);
  expect(Array.from(results['mask']?.data ?? [], Number)).toEqual(
    y.map((value) => Math.sign(value)),
  );
});

it('Dropout that is off, or drops nothing, passes its input on', () => {
  const b = builder();
  const x = b.input('x', 'float32', ['n', 2]);
  b.output(b.Dropout(x), 'y');
  const off = trainingForm(b.build(), { batchNormalization: 'frozen', dropout: 'off' });
  expect(off.b.stochastic).toEqual([]);
  const never = builder();
  never.output(never.Dropout(never.input('x', 'float32', [2]), 0), 'y');
  const form = trainingForm(never.build(), { batchNormalization: 'frozen' });
  expect(form.b.nodes.map(({ op }) => op)).toEqual(['Identity', 'Identity']);
});

it('what a file says in training mode is as in inference where it is frozen or off', async () => {
  const exported = builder();
  const x = exported.input('x', 'float32', [2, 3]);
  const ones = exported.initializer('ones', tensor('float32', [3], [1, 1, 1]));
  const halves = exported.initializer('halves', tensor('float32', [3], [0.5, 0.5, 0.5]));
  const yes = exported.constant(tensor('bool', [], [1]));
  const [y, mean] = exported.node(
    'BatchNormalization',
    [x, ones, ones, halves, ones],
    { training_mode: 1, epsilon: 0 },
    { count: 3 },
  ) as [Value, Value, Value];
  exported.node('Dropout', [y, 0.5, yes], {}, { outputs: ['dropped'] });
  exported.output(exported.value('dropped'));
  exported.output(mean, 'mean');
  const { b } = trainingForm(exported.build(), {
    ...{ batchNormalization: 'frozen', dropout: 'off' },
  });
  const [dx] = backward(b, sum(b, b.value('dropped')), [b.value('x')]);
  b.output(dx as Value, 'dx');
  const session = await runtime.load(model(b.build()));
  const results = await session.run({ x: tensor('float32', [2, 3], [1, 2, 3, 4, 5, 6]) });
  expectClose(results['dropped'], [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]);
  expectClose(results['mean'], [0.5, 0.5, 0.5]);
  expectClose(results['dx'], [1, 1, 1, 1, 1, 1]);
});

it('says what it needs to know before the run', () => {
  const b = builder();
  const x = b.input('x', 'float32', ['n', 2]);
  b.output(b.Dropout(x), 'y');
  expect(() => trainingForm(b.build(), { batchNormalization: 'live' })).toThrow(
    /Dropout at node "Dropout": its ratio and the shape of its input must be known/,
  );
  const computed = builder();
  const c = computed.input('c', 'float32', [2]);
  computed.output(computed.BatchNormalization(computed.input('z', 'float32', [3, 2]), c, c, c, c));
  expect(() => trainingForm(computed.build(), { batchNormalization: 'live' })).toThrow(
    /its running statistics "c" must be an initializer/,
  );
});

it('a pool of a Relu has the Relu behind it, with the same numbers and gradients', async () => {
  const b = builder();
  const dims = [2, 3, 7, 8];
  const relu = b.Relu(b.input('x', 'float32', dims));
  const attributes = { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 };
  b.output(b.MaxPool(relu, attributes), 'y');
  const graph = b.build();
  // Small whole numbers, so that windows have ties, above and below 0.
  const x = tensor(
    'float32',
    dims,
    Array.from({ length: 2 * 3 * 7 * 8 }, (_, i) => ((7 * i + (i % 11)) % 6) - 3),
  );
  const results = [];
  for (const form of [load(graph), trainingForm(graph, { batchNormalization: 'frozen' }).b]) {
    const [y, own] = [form.value('y'), form.value('x')];
    const [dx] = backward(form, sum(form, form.Mul(y, y)), [own]);
    form.output(dx as Value, 'dx');
    expect(form.nodes.some(({ inputs: [of], op }) => op === 'MaxPool' && of === 'x')).toBe(
      results.length === 1,
    );
    expect(form.value(relu.name).shape).toEqual(dims);
    results.push(await (await runtime.load(model(form.build()))).run({ x }));
  }
  expect(results[1]?.['y']?.data).toEqual(results[0]?.['y']?.data);
  expect(results[1]?.['dx']?.data).toEqual(results[0]?.['dx']?.data);
});
