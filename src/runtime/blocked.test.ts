import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelError } from '../errors.js';
import { type Model, model, type Value } from '../graph/graph.js';
import { fromScratchDefaults } from '../methods/classifier/config.js';
import { classifierNetwork } from '../methods/classifier/network.js';
import { classifierStep, labelsName } from '../methods/classifier/step.js';
import { buildModel } from '../nn/models/build-model.js';
import { type Builder, builder } from '../ops/builder.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import { scalar, type Tensor, tensor, zeros } from '../tensor/tensor.js';
import { noiseFeeds } from '../train/noise.js';
import { scalarName } from '../train/step.js';
import { blockSize } from './block-size.js';
import { blockedDomain, withBlockedConvolutions } from './blocked.js';
import { blockedForm } from './blocked-form.js';
import { nodeRuntime } from './node.js';
import type { Feeds, Runtime } from './runtime.js';

let runtime: Runtime;
let block: number | null;
beforeAll(async () => {
  runtime = await nodeRuntime();
  block = await blockSize((each) => runtime.load(each, { blocked: false }));
});

const random = (name: string, dims: readonly number[]): Tensor => {
  const made = zeros('float32', dims);
  fillUniform(made.data, streamKey(5, 0, name));
  made.data.forEach((value, i) => {
    made.data[i] = value - 0.5;
  });
  return made;
};

/** A model of what `build` makes, whose inputs are random, and the feeds for it. */
function made(
  build: (b: Builder, input: (name: string, dims: readonly number[]) => Value) => Value,
): { model: Model; feeds: Feeds } {
  const [b, feeds]: [Builder, Record<string, Tensor>] = [builder(), {}];
  const y = build(b, (name, dims) => {
    feeds[name] = random(name, dims);
    return b.input(name, 'float32', dims);
  });
  b.output(y, 'out');
  return { model: model(b.build()), feeds };
}

const opsOf = ({ graph }: Model): string[] =>
  graph.nodes.map(({ op, domain }) => (domain === blockedDomain ? `blocked ${op}` : op));

/** Largest difference, in parts of the largest number, of each output. */
function differences(wanted: Feeds, got: Feeds): [string, number][] {
  return Object.entries(wanted).map(([name, { data }]) => {
    const other = got[name]?.data ?? [];
    let [largest, apart] = [1e-30, other.length === data.length ? 0 : Infinity];
    data.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(Number(value)));
      apart = Math.max(apart, Math.abs(Number(value) - Number(other[i])));
    });
    return [name, apart / largest];
  });
}

const drawn = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    size: fc.tuple(fc.integer({ min: 9, max: 16 }), fc.integer({ min: 9, max: 16 })),
    kind: fc.constantFrom<'dense' | 'grouped' | 'depthwise'>('dense', 'grouped', 'depthwise'),
    blocks: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    kernel: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 2, max: 5 })),
    strides: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 })),
    dilations: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
    pads: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }),
    bias: fc.boolean(),
    relu: fc.boolean(),
    pool: fc.constantFrom(null, 2, 3),
  })
  .map((each) => ({
    ...each,
    group: each.kind === 'dense' ? 1 : each.kind === 'grouped' ? 2 : 16 * each.blocks[0],
  }));
type Drawn = typeof drawn extends fc.Arbitrary<infer T> ? T : never;

/** A convolution, its Relu and a pool, whose result a second convolution takes; all four results are read. */
function chain(each: Drawn, b: Builder, input: (name: string, dims: readonly number[]) => Value) {
  const { batch, size, kind, blocks, kernel, strides, dilations, pads, group } = each;
  const channels = 16 * blocks[0] * (kind === 'grouped' ? 2 : 1);
  const produced = kind === 'depthwise' ? channels : 16 * blocks[1] * group;
  const w = input('w', [produced, channels / group, ...kernel]);
  const conv = b.Conv(
    input('x', [batch, channels, ...size]),
    w,
    each.bias ? input('bias', [produced]) : null,
    { strides, dilations, pads, group },
  );
  const activated = each.relu ? b.Relu(conv) : conv;
  const { pool } = each;
  const pooled = pool
    ? (b.node('MaxPool', [activated], {
        kernel_shape: [pool, pool],
        strides: [2, 2],
        pads: [1, 1, 1, 1],
      })[0] as Value)
    : activated;
  const second = b.Conv(pooled, input('v', [16, produced, 3, 3]), null, { pads: [2, 2, 2, 2] });
  return b.Add(
    b.ReduceMean(second, [1, 2, 3]),
    b.ReduceMean(b.Mul(activated, activated), [1, 2, 3]),
  );
}

describe('a convolution in blocks', () => {
  it('gives what the plain one gives, in every shape that is blocked', async (context) => {
    if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
    const size = block;
    let blockedCount = 0;
    await fc.assert(
      fc.asyncProperty(drawn, async (each) => {
        const { model: plain, feeds } = made((b, input) => chain(each, b, input));
        const blocked = withBlockedConvolutions(plain, size);
        blockedCount += opsOf(blocked).filter((op) => op === 'blocked Conv').length;
        const load = async (what: Model) =>
          await (await runtime.load(what, { blocked: false, threads: 1 })).run(feeds);
        for (const [name, apart] of differences(await load(plain), await load(blocked)))
          expect(apart, name).toBeLessThan(1e-5);
      }),
      { seed: 11, numRuns: 80 },
    );
    expect(blockedCount).toBeGreaterThan(80);
  });

  it('keeps a Relu and a pool in blocks, and lays an input out once', () => {
    const { model: plain } = made((b, input) => {
      const x = input('x', [4, 16, 12, 12]);
      const first = b.Relu(b.Conv(x, input('w', [16, 16, 3, 3]), null, {}));
      const pool = b.node('MaxPool', [first], {
        kernel_shape: [2, 2],
        strides: [1, 1],
      })[0] as Value;
      const second = b.Conv(pool, input('v', [32, 16, 3, 3]), null, {});
      return b.Concat(b.Conv(x, input('u', [32, 16, 6, 6]), null, {}), second, { axis: 0 });
    });
    const blocked = withBlockedConvolutions(plain, 16);
    const ops = opsOf(blocked);
    const weightsOnce = 3 * 2;
    expect(ops.filter((op) => op.startsWith('blocked Reorder')).sort()).toEqual([
      ...new Array(weightsOnce + 1).fill('blocked ReorderInput'),
      ...new Array(2).fill('blocked ReorderOutput'),
    ]);
    expect(blocked.graph.nodes.filter(({ inputs: [of] }) => of === 'x').length).toBe(1);
    expect(ops.filter((op) => /Conv|Pool|Relu/.test(op))).toEqual([
      'blocked Conv',
      'blocked MaxPool',
      'blocked Conv',
      'blocked Conv',
    ]);
  });

  it('is none where weights are constant, channels do not fill blocks or it is small', () => {
    const constant = made((b, input) =>
      b.Conv(input('x', [8, 16, 12, 12]), b.constant(random('w', [16, 16, 3, 3])), null, {}),
    ).model;
    expect(withBlockedConvolutions(constant, 16)).toBe(constant);
    const twice = made((b, input) => {
      const y = b.Conv(input('x', [8, 16, 12, 12]), input('w', [16, 16, 3, 3]), null, {});
      return b.Add(b.Relu(y), b.Neg(y));
    }).model;
    expect(opsOf(withBlockedConvolutions(twice, 16))).toContain('Relu');
    const large = [64, 32, 28, 28];
    expect(blockedForm([32, 16, 3, 3], large, 1, 16)).toBe('both');
    expect(blockedForm([32, 16, 3, 3], null, 1, 16)).toBe('both');
    expect(blockedForm([32, 16, 3, 3], ['batch', 32, 28, 28], 2, 16)).toBe('both');
    expect(blockedForm([32, 1, 3, 3], large, 32, 16)).toBe('outputs');
    expect(blockedForm([32, 3, 3, 3], large, 1, 16)).toBe('image');
    expect(blockedForm([32, 24, 3, 3], large, 1, 16)).toBe(null);
    expect(blockedForm([32, 24, 3, 3], large, 1, 8)).toBe('both');
    expect(blockedForm([24, 16, 3, 3], large, 1, 16)).toBe(null);
    expect(blockedForm([32, 8, 3, 3], large, 2, 16)).toBe(null);
    expect(blockedForm([32, 16, 1, 1], large, 1, 16)).toBe(null);
    expect(blockedForm([32, 16, 3], [64, 32, 28], 1, 16)).toBe(null);
    expect(blockedForm([512, 512, 3, 3], [1, 512, 7, 7], 1, 16)).toBe(null);
  });
});

describe('blockSize', () => {
  it('is none where the runtime has no such operators, or gives other numbers', async () => {
    expect(await blockSize(() => Promise.reject(new ModelError('no such domain')))).toBe(null);
    const load: Runtime['load'] = async (each) => {
      const session = await runtime.load(each, { blocked: false });
      const { graph } = each as Model;
      const lies = graph.nodes.some(({ op, domain }) => op === 'Conv' && domain === blockedDomain);
      return {
        ...session,
        run: async (feeds) =>
          Object.fromEntries(
            Object.entries(await session.run(feeds)).map(([name, result]) => [
              name,
              lies ? zeros('float32', result.dims) : result,
            ]),
          ),
      };
    };
    expect(await blockSize(load)).toBe(null);
  });
});

describe('a step of training', () => {
  it('has the losses and gradients of the plain step', async () => {
    const { step, feeds } = smallStep();
    const [plain, blocked] = [
      await runtime.load(step.model, { blocked: false, threads: 1 }),
      await runtime.load(step.model, { threads: 1 }),
    ];
    expect(blocked.inputs).toEqual(plain.inputs);
    const results = [await plain.run(feeds), await blocked.run(feeds)] as const;
    for (const [name, apart] of differences(...results)) expect(apart, name).toBeLessThan(1e-4);
    expect(Number(results[0]['losses/loss']?.data[0])).toBeGreaterThan(1);
    if (block === null) return;
    expect(opsOf(withBlockedConvolutions(step.model, block))).toContain('blocked Conv');
  });
});

/** A step of a network with convolutions, batch normalization, a pool and a shortcut, and what it takes. */
function smallStep() {
  const input = [16, 12, 12] as const;
  const architecture = {
    title: 'small',
    input,
    classes: 4,
    build(
      net: Parameters<Parameters<typeof buildModel>[0]['build']>[0],
      image: Value,
      classes: number,
    ) {
      const conv = (name: string, x: Value, channels: number, stride = 1) =>
        net.b.Relu(net.conv(name, x, channels, { kernel: 3, pad: 1, stride }));
      const x = conv('first', image, 16);
      const sum = net.b.Add(x, conv('second', x, 16));
      return net.linear(
        'top',
        net.b.Flatten(conv('third', net.maxPool(sum, { kernel: 2 }), 32, 2)),
        classes,
      );
    },
  };
  const built = buildModel(architecture, { seed: 1 });
  const network = classifierNetwork(built, { classes: 4, head: 'keep', seed: 1 });
  const step = classifierStep(network, { ...fromScratchDefaults, batchSize: 8 });
  const { optimizer } = step;
  const scalars = optimizer.scalars(1, 0.1);
  const feeds: Record<string, Tensor> = {
    [network.input.name]: random('images', [8, ...input]),
    [labelsName]: tensor('int64', [8], [0, 1, 2, 3, 0, 1, 2, 3]),
    ...noiseFeeds(step.stochastic, 1, 0),
    ...Object.fromEntries(step.initial),
    ...Object.fromEntries(
      optimizer.inputs.map((name, i) => [
        scalarName(optimizer, name),
        scalar('float32', scalars[i] ?? 0),
      ]),
    ),
  };
  return { step, feeds };
}
