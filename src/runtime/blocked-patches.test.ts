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
import { hasPatches } from './blocked-patches.js';
import { nodeRuntime } from './node.js';
import type { Feeds, Runtime } from './runtime.js';

let runtime: Runtime;
let block: number | null;
beforeAll(async () => {
  runtime = await nodeRuntime();
  block = await blockSize((each) => runtime.load(each, { blocked: false }));
});

const small = fc.integer({ min: 1, max: 2 });
const drawn = fc.record({
  batch: fc.integer({ min: 2, max: 3 }),
  channels: fc.integer({ min: 1, max: 4 }),
  made: fc.constantFrom(16, 32),
  size: fc.tuple(fc.integer({ min: 9, max: 16 }), fc.integer({ min: 9, max: 16 })),
  kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 4 })),
  strides: fc.tuple(small, small),
  dilation: small,
  pads: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }),
  pool: fc.integer({ min: 2, max: 3 }),
});
type Case = typeof drawn extends fc.Arbitrary<infer T> ? T : never;

/** The gradients of Σ r · pool(Conv(image, w) + bias) by w and bias, for numbers r of no pattern. */
function gradientsOf({ batch, channels, made, size, kernel, strides, dilation, pads, pool }: Case) {
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
  const image = random('image', [batch, channels, ...size]);
  const [w, bias] = [random('w', [made, channels, ...kernel]), random('bias', [made])];
  const map = b.Conv(image, w, bias, { strides, dilations: [dilation, 1], pads });
  const y = b.MaxPool(map, { kernel_shape: [pool, pool], strides: [2, 2] });
  const loss = b.ReduceSum(b.Mul(y, random('r', y.shape as number[])), null, { keepdims: 0 });
  const [dw, db] = backward(b, loss, [w, bias]) as [Value, Value];
  b.output(dw, 'dw');
  b.output(db, 'db');
  return { plain: model(optimize(b.build())), feeds };
}

/** Whether columns are put side by side, in blocks or plainly. */
const joins = ({ graph }: Model, rows: number): boolean =>
  graph.nodes.filter(({ op }) => op === 'Concat').length > rows;

it('gives the plain gradient, for every kernel, stride and padding', async (context) => {
  if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
  const size = block;
  let inParts = 0;
  await fc.assert(
    fc.asyncProperty(drawn, async (each) => {
      const { plain, feeds } = gradientsOf(each);
      const blocked = withBlockedConvolutions(plain, size);
      // The rows alone are.
      inParts += joins(blocked, 1) ? 0 : 1;
      const [wanted, got] = [await run(plain, feeds), await run(blocked, feeds)];
      for (const name of ['dw', 'db']) {
        const [a, b] = [wanted, got].map((found) => Array.from(found[name]?.data as Float32Array));
        const scale = Math.max(...(a ?? []).map(Math.abs), 1e-9);
        const apart = (a ?? []).map((value, i) => Math.abs(value - (b?.[i] ?? Number.NaN)) / scale);
        expect(Math.max(...apart), name).toBeLessThan(1e-5);
      }
    }),
    { seed: 7, numRuns: 30 },
  );
  expect(inParts).toBe(30);
});

it('is for images of few channels, kernels of few taps, and columns side by side', () => {
  const note = {
    of: 'weights' as const,
    image: 'x',
    windows: 'dy',
    strides: [2, 2],
    after: [0, 0],
  };
  const fits = (channels: number, kernel = 3, dilation = 1, before = 0) =>
    hasPatches(
      {
        image: [8, channels, 32, 32],
        windows: [8, 16, 15, 15],
        kernel: [kernel, kernel],
      },
      {
        ...note,
        kernel: [kernel, kernel],
        dilations: [dilation, dilation],
        before: [before, before],
      },
    );
  expect(fits(3)).toBe(true);
  expect(fits(5)).toBe(false);
  expect(fits(3, 7)).toBe(false);
  expect(fits(3, 3, 2)).toBe(false);
  expect(fits(3, 3, 1, -1)).toBe(false);
});

async function run(what: Model, feeds: Feeds): Promise<Feeds> {
  const session = await runtime.load(what, { blocked: false, threads: 1 });
  return await session.run(feeds);
}
