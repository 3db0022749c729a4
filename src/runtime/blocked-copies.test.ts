import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { type Model, model, type Value } from '../graph/graph.js';
import { builder } from '../ops/builder.js';
import { optimize } from '../ops/rewrite/optimize.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import { type Tensor, zeros } from '../tensor/tensor.js';
import { blockSize } from './block-size.js';
import { withBlockedConvolutions } from './blocked.js';
import { hasCopies } from './blocked-copies.js';
import { nodeRuntime } from './node.js';
import { blockedDomain } from './node-maker.js';
import type { Feeds, Runtime } from './runtime.js';

let runtime: Runtime;
let block: number | null;
beforeAll(async () => {
  runtime = await nodeRuntime();
  block = await blockSize((each) => runtime.load(each, { blocked: false }));
});

const drawn = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  blocks: fc.integer({ min: 2, max: 4 }),
  // Of dy.
  size: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 40, max: 49 })),
  kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 3 })),
  dilations: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
  pads: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }),
});
type Case = typeof drawn extends fc.Arbitrary<infer T> ? T : never;

/** The gradient by w of Σ r · Conv(x, w). */
function weightGradientOf({ batch, blocks, size, kernel, ...attributes }: Case, block: number) {
  const [b, feeds] = [builder(), {} as Record<string, Tensor>];
  const random = (name: string, dims: readonly number[]): Value => {
    const data = zeros('float32', dims);
    fillUniform(data.data, streamKey(3, 0, name));
    data.data.forEach((value, i) => {
      data.data[i] = value - 0.5;
    });
    feeds[name] = data;
    return b.input(name, 'float32', dims);
  };
  const { dilations, pads } = attributes;
  const spatial = size.map((count, i) => {
    const reach = ((kernel[i] ?? 1) - 1) * (dilations[i] ?? 1);
    return Math.max(1, count + reach - (pads[i] ?? 0) - (pads[i + 2] ?? 0));
  });
  const w = random('w', [blocks * block, block, ...kernel]);
  const y = b.Conv(random('x', [batch, block, ...spatial]), w, null, attributes);
  const loss = b.ReduceSum(b.Mul(y, random('r', y.shape as number[])), null, { keepdims: 0 });
  b.output(backward(b, loss, [w])[0] as Value, 'dw');
  return { plain: model(optimize(b.build())), feeds };
}

/** Whether a model copies the columns of the kernel out of the image. */
const inColumns = ({ graph }: Model): boolean =>
  graph.nodes.some(
    ({ op, domain, name }) =>
      op === 'Conv' && domain === blockedDomain && name.includes('/image/copied'),
  );

it('gives the plain gradient, for every kernel, dilation and padding', async (context) => {
  if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
  const size = block;
  let inBlocks = 0;
  await fc.assert(
    fc.asyncProperty(drawn, async (each) => {
      const { plain, feeds } = weightGradientOf(each, size);
      const blocked = withBlockedConvolutions(plain, size);
      inBlocks += inColumns(blocked) ? 1 : 0;
      const [wanted, got] = [await run(plain, feeds), await run(blocked, feeds)];
      const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
      wanted.forEach((value, i) => {
        expect(Math.abs(value - (got[i] ?? Number.NaN)) / scale).toBeLessThan(1e-5);
      });
    }),
    { seed: 7, numRuns: 24 },
  );
  expect(inBlocks).toBeGreaterThan(12);
});

it('is for one block of channels to several, long rows and windows side by side', () => {
  const note = {
    of: 'weights' as const,
    image: 'x',
    windows: 'dy',
    kernel: [3, 3],
    dilations: [1, 1],
    after: [1, 1],
  };
  const fits = (channels: number, made: number, wide: number, kernel = 3, stride = 1, pad = 1) =>
    hasCopies(
      {
        image: [8, channels, wide, wide],
        windows: [8, made, wide, wide],
        kernel: [kernel, kernel],
      },
      { ...note, strides: [stride, stride], before: [pad, pad] },
      16,
    );
  expect(fits(16, 64, 56)).toBe(true);
  expect(fits(16, 48, 64)).toBe(true);
  expect(fits(16, 32, 64)).toBe(false);
  expect(fits(16, 72, 64)).toBe(false);
  expect(fits(32, 128, 64)).toBe(false);
  expect(fits(16, 64, 28)).toBe(false);
  expect(fits(16, 64, 49)).toBe(false);
  expect(fits(16, 64, 56, 1)).toBe(false);
  expect(fits(16, 64, 56, 3, 2)).toBe(false);
  expect(fits(16, 64, 56, 3, 1, -1)).toBe(false);
});

async function run(what: Model, feeds: Feeds): Promise<number[]> {
  const needed = Object.fromEntries(
    what.graph.inputs.map(({ name }) => [name, feeds[name] as Tensor]),
  );
  const session = await runtime.load(what, { blocked: false, threads: 1 });
  return Array.from((await session.run(needed))['dw']?.data as Float32Array);
}
