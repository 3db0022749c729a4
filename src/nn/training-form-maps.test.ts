import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { type Graph, model, type Value } from '../graph/graph.js';
import { type Builder, builder } from '../ops/builder.js';
import { load } from '../ops/load.js';
import { optimize } from '../ops/rewrite/optimize.js';
import { nodeRuntime } from '../runtime/node.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { buildModel } from './models/build-model.js';
import { models } from './models/table.js';
import { trainingForm } from './training-form.js';

const runtime = await nodeRuntime();

/** Small whole numbers of no pattern, so that windows have ties and sums are exact in any order. */
const whole = (dims: readonly number[], salt: number, most: number): Tensor => {
  let state = (salt * 2654435761 + 12345) >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 16) % (2 * most + 1);
  };
  return tensor(
    'float32',
    dims,
    Array.from({ length: sizeOf(dims) }, () => next() - most),
  );
};

interface Part {
  readonly channels: number;
  readonly form: 'relu' | 'read relu' | 'conv' | 'image';
}

interface Case {
  readonly parts: readonly Part[];
  readonly pool: {
    kernel_shape: number[];
    strides: number[];
    pads?: number[];
    ceil_mode: number;
  } | null;
  readonly readTwice: boolean;
  readonly bias: boolean;
  readonly kernel: number;
  readonly strides: number[];
  readonly axis: number;
}

/** Maps side by side, pooled or not, and a convolution of them. */
function joined(each: Case): Graph {
  const b = builder();
  const x = b.input('x', 'float32', [2, 16, 4, 5]);
  const weights = (name: string, dims: readonly number[]): Value =>
    b.initializer(name, whole(dims, name.length + sizeOf(dims), 1));
  const parts = each.parts.map(({ channels, form }, i) => {
    if (form === 'image') return x;
    const made = b.Conv(x, weights(`w${i}`, [channels, 16, 1, 1]), weights(`b${i}`, [channels]));
    const relu = form === 'conv' ? made : b.Relu(made);
    if (form === 'read relu') b.output(b.Neg(relu));
    return relu;
  });
  const maps = b.Concat(...parts, { axis: each.axis });
  const pooled = each.pool ? b.MaxPool(maps, each.pool) : maps;
  if (each.readTwice) b.output(b.Neg(pooled));
  const w = weights('w', [4, pooled.shape[1] as number, each.kernel, each.kernel]);
  const bias = each.bias ? weights('b', [4]) : null;
  const y = b.Conv(pooled, w, bias, {
    strides: each.strides,
    pads: Array.from({ length: 4 }, () => each.kernel >> 1),
  });
  b.output(b.Relu(y));
  return b.build();
}

/** Outputs, and the gradients of their squares' sum by input and weights. */
async function numbersOf(b: Builder): Promise<Readonly<Record<string, Tensor>>> {
  const total = b.outputs
    .map((y) => b.ReduceSum(b.Mul(y, y), null, { keepdims: 0 }))
    .reduce((sum, next) => b.Add(sum, next));
  const names = ['x', ...b.parameters.keys()];
  const gradients = backward(
    b,
    total,
    names.map((name) => b.value(name)),
  );
  for (const [i, dx] of gradients.entries()) b.output(dx, `d${names[i]}`);
  const session = await runtime.load(model(optimize(b.build())), { blocked: false, threads: 1 });
  return session.run({ x: whole([2, 16, 4, 5], 7, 3) });
}

const some = fc.constantFrom;
const drawn: fc.Arbitrary<Case> = fc.record({
  parts: fc.array(
    fc.record({
      channels: some(16, 17, 16, 17, 16, 8),
      form: some('relu', 'relu', 'relu', 'read relu', 'conv', 'image'),
    }),
    { minLength: 2, maxLength: 4 },
  ),
  pool: some(
    null,
    { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 0 },
    { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
    { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], ceil_mode: 0 },
  ),
  readTwice: some(false, false, false, true),
  bias: fc.boolean(),
  kernel: some(1, 1, 1, 1, 3),
  strides: some([1, 1], [2, 1]),
  axis: some(1, -3),
});

const trainable = { trainable: () => true };
const options = { ...trainable, batchNormalization: 'frozen' } as const;
const operators = ({ nodes }: Graph, op: string): number =>
  nodes.filter((node) => node.op === op).length;

describe('the forms of maps in training', () => {
  it('give the outputs and gradients of the graph as it is', async () => {
    let apart = 0;
    await fc.assert(
      fc.asyncProperty(drawn, async (each) => {
        const graph = joined(each);
        const form = trainingForm(graph, options).b;
        apart += operators(form.build(), 'Split');
        const [wanted, got] = [await numbersOf(load(graph, trainable)), await numbersOf(form)];
        expect(Object.keys(got)).toEqual(Object.keys(wanted));
        for (const [name, { data }] of Object.entries(wanted))
          expect([name, ...Array.from(got[name]?.data ?? [], Number)]).toEqual([
            name,
            ...Array.from(data, Number),
          ]);
      }),
      { seed: 8, numRuns: 16 },
    );
    expect(apart).toBeGreaterThan(3);
  });

  it('keep every name and parameter', () => {
    const graph = joined(squeeze);
    const { b } = trainingForm(graph, options);
    expect([...b.parameters]).toEqual([...load(graph, trainable).parameters]);
    for (const name of graph.values.keys()) expect(b.values.has(name)).toBe(true);
  });

  it('leave maps that several nodes read, small parts and large kernels together', () => {
    const splits = (change: Partial<Case>): number =>
      operators(trainingForm(joined({ ...squeeze, ...change }), options).b.build(), 'Split');
    const part = { channels: 16, form: 'relu' } as const;
    expect(splits({})).toBe(1);
    expect(splits({ parts: [part, part, part, part] })).toBe(1);
    expect(splits({ parts: [part, part, part, part, part] })).toBe(0);
    expect(splits({ parts: [part] })).toBe(0);
    expect(splits({ parts: [part, { ...part, channels: 15 }] })).toBe(0);
    expect(splits({ readTwice: true })).toBe(0);
    expect(splits({ kernel: 3 })).toBe(0);
  });

  it('take the fire modules of SqueezeNet apart, and the pools alone of inception modules', () => {
    const formOf = (name: 'squeezenet' | 'googlenet'): Graph => {
      const { graph } = buildModel(models[name], { seed: 1 });
      const { b } = trainingForm(graph, { ...options, dimensions: { batch: 2 }, dropout: 'off' });
      return optimize(b.build());
    };
    const fire = formOf('squeezenet');
    // What the last module gives is dropped from, and so joined.
    expect(operators(fire, 'Concat')).toBe(1);
    expect(operators(fire, 'Split')).toBe(7);
    const inception = formOf('googlenet');
    expect(operators(inception, 'Concat')).toBe(9);
    expect(operators(inception, 'Split')).toBe(0);
    expect(operators(inception, 'MaxPool')).toBe(13 + 2 * 3);
  });
});

const squeeze: Case = {
  parts: [
    { channels: 16, form: 'relu' },
    { channels: 32, form: 'relu' },
  ],
  pool: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
  readTwice: false,
  bias: true,
  kernel: 1,
  strides: [1, 1],
  axis: 1,
};
