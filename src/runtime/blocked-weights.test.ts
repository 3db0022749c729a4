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
import { hasBlockedGradient } from './blocked-weights.js';
import { nodeRuntime } from './node.js';
import { blockedDomain } from './node-maker.js';
import type { Feeds, Runtime } from './runtime.js';

let runtime: Runtime;
let block: number | null;
beforeAll(async () => {
  runtime = await nodeRuntime();
  block = await blockSize((each) => runtime.load(each, { blocked: false }));
});

interface Case {
  readonly batch: number;
  readonly channels: number;
  readonly made: number;
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
}

/** The gradient of Σ r · Conv(x, w) by w, for numbers r of no pattern. */
function weightGradientOf({ batch, channels, made, size, kernel, ...attributes }: Case): {
  model: Model;
  feeds: Feeds;
} {
  const [b, feeds] = [builder(), {} as Record<string, Tensor>];
  const drawn = (name: string, dims: readonly number[]): Value => {
    const data = zeros('float32', dims);
    fillUniform(data.data, streamKey(3, 0, name));
    data.data.forEach((value, i) => {
      data.data[i] = value - 0.5;
    });
    feeds[name] = data;
    return b.input(name, 'float32', dims);
  };
  const [x, w] = [drawn('x', [batch, channels, ...size]), drawn('w', [made, channels, ...kernel])];
  const y = b.Conv(x, w, null, attributes);
  const loss = b.ReduceSum(b.Mul(y, drawn('r', y.shape as number[])), null, { keepdims: 0 });
  b.output(backward(b, loss, [w])[0] as Value, 'dw');
  return { model: model(optimize(b.build())), feeds };
}

/** How many convolutions of a model are by blocks of images. */
const byImages = ({ graph }: Model, images: number): number =>
  graph.nodes.filter(
    ({ op, domain, attributes: { group } }) =>
      op === 'Conv' && domain === blockedDomain && group?.type === 'int' && group.value === images,
  ).length;

const small = fc.integer({ min: 1, max: 3 });
const drawn: fc.Arbitrary<Case> = fc.record({
  batch: fc.constantFrom(16, 32),
  channels: fc.integer({ min: 16, max: 19 }),
  made: fc.constantFrom(32, 48),
  size: fc.tuple(fc.integer({ min: 8, max: 12 }), fc.integer({ min: 8, max: 12 })),
  kernel: fc.tuple(small, fc.integer({ min: 2, max: 4 })),
  strides: fc.tuple(small, small),
  dilations: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
  pads: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 }),
});

describe('the gradient of a convolution by its weights, in blocks', () => {
  it('is what the plain one is, for every stride, dilation and padding', async (context) => {
    if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
    const size = block;
    let inBlocks = 0;
    await fc.assert(
      fc.asyncProperty(drawn, async (each) => {
        const { model: plain, feeds } = weightGradientOf(each);
        const blocked = withBlockedConvolutions(plain, size);
        inBlocks += byImages(blocked, each.batch / size) > 0 ? 1 : 0;
        const [wanted, got] = [await run(plain, feeds), await run(blocked, feeds)];
        const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
        wanted.forEach((value, i) => {
          expect(Math.abs(value - (got[i] ?? Number.NaN)) / scale).toBeLessThan(1e-5);
        });
      }),
      { seed: 5, numRuns: 24 },
    );
    expect(inBlocks).toBeGreaterThan(12);
  });

  it('takes the place of all nodes that made it plainly', () => {
    const { model: plain } = weightGradientOf(large);
    const { graph } = withBlockedConvolutions(plain, 16);
    expect(graph.nodes.some(({ op }) => op === 'MatMul' || op === 'Pad')).toBe(false);
    expect(graph.outputs).toEqual(plain.graph.outputs);
    const { gradients: _, ...unmarked } = plain.graph;
    const model = { ...plain, graph: unmarked };
    expect(withBlockedConvolutions(model, 16).graph.nodes.some(({ op }) => op === 'MatMul')).toBe(
      true,
    );
  });

  it('is left plain where images or channels fill no blocks, or there is little to do', () => {
    const gradient = {
      of: 'weights' as const,
      image: 'x',
      windows: 'dy',
      kernel: [3, 3],
      strides: [1, 1],
      dilations: [1, 1],
      before: [1, 1],
      after: [1, 1],
    };
    const fits = (batch: number, channels: number, made: number, kernel = 3, pad = 1): boolean =>
      hasBlockedGradient(
        {
          image: [batch, channels, 8, 8],
          windows: [batch, made, 8, 8],
          kernel: [kernel, kernel],
        },
        { ...gradient, before: [pad, pad] },
        16,
      );
    expect(fits(64, 32, 32)).toBe(true);
    expect(fits(8, 32, 32)).toBe(false);
    expect(fits(64, 32, 40)).toBe(false);
    expect(fits(64, 32, 16)).toBe(false);
    expect(fits(64, 3, 32)).toBe(false);
    expect(fits(64, 32, 32, 1, 0)).toBe(false);
    expect(fits(64, 32, 32, 12)).toBe(false);
    expect(fits(64, 32, 32, 3, -1)).toBe(false);
  });
});

const large: Case = {
  batch: 32,
  channels: 16,
  made: 32,
  size: [12, 12],
  kernel: [3, 3],
  strides: [1, 1],
  dilations: [1, 1],
  pads: [1, 1, 1, 1],
};

async function run(what: Model, feeds: Feeds): Promise<number[]> {
  const needed = Object.fromEntries(
    what.graph.inputs.map(({ name }) => [name, feeds[name] as Tensor]),
  );
  const session = await runtime.load(what, { blocked: false, threads: 1 });
  return Array.from((await session.run(needed))['dw']?.data as Float32Array);
}
