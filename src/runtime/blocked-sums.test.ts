import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Model, model } from '../graph/graph.js';
import { builder } from '../ops/builder.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import { scalar, type Tensor, zeros } from '../tensor/tensor.js';
import { blockSize } from './block-size.js';
import { blockedDomain, withBlockedConvolutions } from './blocked.js';
import { nodeRuntime } from './node.js';
import type { Feeds, Runtime } from './runtime.js';

let runtime: Runtime;
let block: number | null;
beforeAll(async () => {
  runtime = await nodeRuntime();
  block = await blockSize((each) => runtime.load(each, { blocked: false }));
});

const drawn = fc.record({
  batch: fc.integer({ min: 1, max: 5 }),
  size: fc.constantFrom([10, 12], [14, 10], [1, 110], [33, 31]),
  blocks: fc.integer({ min: 1, max: 3 }),
  op: fc.constantFrom('ReduceSum', 'ReduceMean'),
  keepdims: fc.constantFrom(0, 1),
  way: fc.constantFrom('square', 'two convolutions', 'an input'),
});
type Drawn = typeof drawn extends fc.Arbitrary<infer T> ? T : never;

/** Two convolutions of one tap high, the product of two maps, and its sum; `maps` are the factors as outputs. */
function productSum({ batch, size, blocks, op, keepdims, way }: Drawn) {
  const b = builder();
  const feeds: Record<string, Tensor> = {};
  const input = (name: string, dims: readonly number[]) => {
    const made = zeros('float32', dims);
    fillUniform(made.data, streamKey(6, 0, name));
    feeds[name] = made;
    return b.input(name, 'float32', dims);
  };
  const channels = 16 * blocks;
  const image = input('image', [batch, 3, ...size]);
  const conv = (name: string) =>
    b.Sub(b.Conv(image, input(name, [channels, 3, 1, 3]), null, { pads: [0, 1, 0, 1] }), 1);
  const x = conv('x');
  const others = {
    square: () => x,
    'two convolutions': () => conv('y'),
    'an input': () => input('y', [batch, channels, ...size]),
  };
  const y = others[way]();
  const [sums] = b.node(op, [b.Mul(x, y), [0, 2, 3]], { keepdims });
  if (sums) b.output(sums, 'sums');
  b.output(b.Identity(x), 'left');
  b.output(b.Identity(y), 'right');
  return { plain: model(b.build()), feeds };
}

const run = async (each: Model, feeds: Feeds): Promise<Feeds> =>
  await (await runtime.load(each, { blocked: false, threads: 1 })).run(feeds);

describe('sums of products over batch and positions', () => {
  it('are those in double precision, nearer than the plain ones or nearly so', async (context) => {
    if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
    const by = block;
    await fc.assert(
      fc.asyncProperty(drawn, async (each) => {
        const { plain, feeds } = productSum(each);
        const blocked = withBlockedConvolutions(plain, by);
        const [wanted, got] = [await run(plain, feeds), await run(blocked, feeds)];
        expect(got['sums']?.dims).toEqual(wanted['sums']?.dims);
        const [left, right] = [wanted['left'], wanted['right']].map(
          (map) => map?.data as Float32Array,
        ) as [Float32Array, Float32Array];
        const channels = 16 * each.blocks;
        const positions = left.length / each.batch / channels;
        const exact = new Float64Array(channels);
        left.forEach((value, i) => {
          const channel = Math.floor(i / positions) % channels;
          exact[channel] = (exact[channel] ?? 0) + value * (right[i] ?? Number.NaN);
        });
        const count = each.op === 'ReduceMean' ? each.batch * positions : 1;
        const largest = Math.max(...exact.map(Math.abs)) / count;
        const apart = (numbers: Feeds): number =>
          Math.max(
            ...Array.from(exact, (sum, i) =>
              Math.abs(sum / count - Number(numbers['sums']?.data[i])),
            ),
          ) / largest;
        expect(apart(got)).toBeLessThan(Math.max(2e-6, 2 * apart(wanted)));
      }),
      { seed: 4, numRuns: 30 },
    );
  });

  it('write no product unless something else reads it', () => {
    const shape = { batch: 2, size: [10, 12], blocks: 1, keepdims: 0 } as const;
    const { plain } = productSum({ ...shape, size: [10, 12], op: 'ReduceMean', way: 'square' });
    const ops = ({ graph }: Model) =>
      graph.nodes.map(({ op, domain }) => (domain === blockedDomain ? `blocked ${op}` : op));
    const laidOut = ops(withBlockedConvolutions(plain, 16));
    expect(laidOut).not.toContain('Mul');
    expect(laidOut).not.toContain('blocked GlobalAveragePool');
    expect(laidOut.filter((op) => op === 'blocked Conv')).toHaveLength(2);
    const b = builder();
    const image = b.input('image', 'float32', [2, 3, 10, 12]);
    const x = b.Conv(image, b.input('w', 'float32', [16, 3, 3, 3]));
    const square = b.Mul(x, x);
    b.output(b.ReduceSum(square, [0, 2, 3], { keepdims: 0 }), 'sums');
    b.output(b.Conv(square, b.input('v', 'float32', [16, 16, 3, 3])), 'y');
    b.output(b.Mul(b.constant(scalar('float32', 2)), x), 'z');
    expect(ops(withBlockedConvolutions(model(b.build()), 16))).toContain(
      'blocked GlobalAveragePool',
    );
  });
});
