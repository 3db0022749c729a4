import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { type Model, model, type Value } from '../graph/graph.js';
import { builder } from '../ops/builder.js';
import { optimize } from '../ops/rewrite/optimize.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import { type Tensor, zeros } from '../tensor/tensor.js';
import { blockSize } from './block-size.js';
import { withBlockedConvolutions } from './blocked.js';
import { hasBlockedPool } from './blocked-pools.js';
import { nodeRuntime } from './node.js';
import { blockedDomain } from './node-maker.js';
import type { Feeds, Runtime } from './runtime.js';

let runtime: Runtime;
let block: number | null;
beforeAll(async () => {
  runtime = await nodeRuntime();
  block = await blockSize((each) => runtime.load(each, { blocked: false }));
});

const width = fc.integer({ min: 2, max: 3 });
const drawn = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  channels: fc.constantFrom(16, 48),
  size: fc.tuple(fc.integer({ min: 3, max: 9 }), fc.integer({ min: 3, max: 9 })),
  kernel_shape: fc.tuple(width, width),
  after: fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 1 })),
  ceil_mode: fc.integer({ min: 0, max: 1 }),
  /** Numbers of so few values that many are equal; 0: none are. */
  values: fc.constantFrom(0, 2, 5),
});
type Case = typeof drawn extends fc.Arbitrary<infer T> ? T : never;

/** Gradients of Σ r · pool(x) by x, of numbers r of no pattern, as it is, times numbers, and summed for each channel. */
function gradientOf({ batch, channels, size, values, after, ...attributes }: Case) {
  const [b, feeds] = [builder(), {} as Record<string, Tensor>];
  const random = (name: string, dims: readonly number[], steps = 0): Value => {
    const data = zeros('float32', dims);
    fillUniform(data.data, streamKey(3, 0, name));
    data.data.forEach((value, i) => {
      data.data[i] = steps === 0 ? value - 0.5 : Math.floor(steps * value) - 1;
    });
    feeds[name] = data;
    return b.input(name, 'float32', dims);
  };
  const x = random('x', [batch, channels, ...size], values);
  const y = b.MaxPool(x, { ...attributes, strides: [2, 2], pads: [0, 0, ...after] });
  const loss = b.ReduceSum(b.Mul(y, random('r', y.shape as number[])), null, { keepdims: 0 });
  const [dx] = backward(b, loss, [x]) as [Value];
  b.output(dx, 'dx');
  b.output(b.Mul(b.Relu(dx), random('s', x.shape as number[])), 'scaled');
  b.output(b.ReduceSum(dx, [0, 2, 3], { keepdims: 0 }), 'sums');
  b.output(y, 'y');
  return { plain: model(optimize(b.build())), feeds };
}

const masks = ({ graph }: Model): number =>
  graph.nodes.filter(
    ({ domain, attributes: { activation } }) =>
      domain === blockedDomain && activation?.type === 'string',
  ).length;

describe('the gradient of a max-pool in blocks', () => {
  it('is what the plain one is, for kernels of 2 and 3, sizes, ends and ties', async (context) => {
    if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
    const laidOut = block;
    let inBlocks = 0;
    await fc.assert(
      fc.asyncProperty(drawn, async (each) => {
        const { plain, feeds } = gradientOf(each);
        const blocked = withBlockedConvolutions(plain, laidOut);
        inBlocks += masks(blocked) > 0 ? 1 : 0;
        const [wanted, got] = [await run(plain, feeds), await run(blocked, feeds)];
        for (const name of ['y', 'dx', 'scaled', 'sums'])
          expect(difference(wanted[name], got[name]), name).toBeLessThan(1e-5);
      }),
      { seed: 5, numRuns: 60 },
    );
    expect(inBlocks).toBeGreaterThan(30);
  });

  it('needs nothing of the plain form, and sums over positions what comes in', () => {
    const { plain } = gradientOf({
      ...{ batch: 2, channels: 16, size: [9, 9], kernel_shape: [3, 3], after: [0, 0] },
      ...{ ceil_mode: 0, values: 0 },
    });
    const { graph } = withBlockedConvolutions(plain, 16);
    expect(graph.nodes.some(({ op }) => op === 'GreaterOrEqual' || op === 'Slice')).toBe(false);
    const pooled = graph.nodes.find(({ op }) => op === 'GlobalAveragePool')?.inputs[0];
    expect(graph.nodes.find(({ outputs }) => outputs[0] === pooled)?.op).toBe('ReorderInput');
    const { gradients: _, ...unmarked } = plain.graph;
    expect(masks(withBlockedConvolutions({ ...plain, graph: unmarked }, 16))).toBe(0);
  });

  it('has convolutions of one tap in blocks before it, where others take the same image', async (context) => {
    if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
    const b = builder();
    const dims = { x: [2, 16, 9, 9], one: [32, 16, 1, 1], three: [32, 16, 3, 3] };
    const [x, one, three] = Object.entries(dims).map(([name, each]) =>
      b.input(name, 'float32', each),
    ) as [Value, Value, Value];
    const pool = (y: Value): Value => b.MaxPool(y, { kernel_shape: [3, 3], strides: [2, 2] });
    const maps = [b.Conv(x, one), b.Conv(x, three, null, { pads: [1, 1, 1, 1] })].map(pool);
    const loss = b.ReduceSum(b.Mul(...(maps as [Value, Value])), null, { keepdims: 0 });
    const wrt = [x, one, three];
    for (const [i, dx] of backward(b, loss, wrt).entries()) b.output(dx, `d${wrt[i]?.name}`);
    const plain = model(optimize(b.build()));
    const blocked = withBlockedConvolutions(plain, block);
    const inBlocks = blocked.graph.nodes.filter(
      ({ op, domain, inputs }) =>
        op === 'Conv' && domain === blockedDomain && inputs[1] === 'one/blocked',
    );
    expect(inBlocks).toHaveLength(1);
    const feeds = Object.fromEntries(
      Object.entries(dims).map(([name, each]) => {
        const data = zeros('float32', each);
        fillUniform(data.data, streamKey(4, 0, name));
        return [name, data];
      }),
    );
    const [wanted, got] = [await run(plain, feeds), await run(blocked, feeds)];
    for (const { name } of wrt) {
      const all = Array.from(wanted[`d${name}`]?.data as Float32Array, Math.abs);
      expect(difference(wanted[`d${name}`], got[`d${name}`]) / Math.max(...all), name).toBeLessThan(
        1e-4,
      );
    }
  });

  it('is left plain where channels fill no blocks, or windows are of another kind', () => {
    const note = { of: 'max-pool' as const, image: 'x', windows: 'dy', kernel: [3, 3] };
    const fits = (channels: number, kernel = 3, stride = 2, before = 0, count = 4, dilation = 1) =>
      hasBlockedPool(
        {
          image: [2, channels, 9, 9],
          windows: [2, channels, count, count],
          kernel: [kernel, kernel],
        },
        {
          ...note,
          strides: [stride, stride],
          dilations: [dilation, dilation],
          before: [before, before],
          after: [0, 0],
        },
        16,
      );
    expect(fits(16)).toBe(true);
    expect(fits(16, 2)).toBe(true);
    expect(fits(8)).toBe(false);
    expect(fits(16, 4)).toBe(false);
    expect(fits(16, 3, 1)).toBe(false);
    expect(fits(16, 3, 2, 1)).toBe(false);
    expect(fits(16, 3, 2, 0, 5)).toBe(false);
    expect(fits(16, 3, 2, 0, 3, 2)).toBe(false);
  });
});

/** The largest difference of two tensors' numbers. */
function difference(wanted: Tensor | undefined, got: Tensor | undefined): number {
  const [a, b] = [wanted, got].map((each) => Array.from(each?.data as Float32Array));
  return Math.max(...(a ?? []).map((value, i) => Math.abs(value - (b?.[i] ?? Number.NaN))));
}

async function run(what: Model, feeds: Feeds): Promise<Feeds> {
  const session = await runtime.load(what, { blocked: false, threads: 1 });
  return await session.run(feeds);
}
