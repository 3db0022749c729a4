import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { type Model, model, type Value } from '../graph/graph.js';
import { type Builder, builder } from '../ops/builder.js';
import { optimize } from '../ops/rewrite/optimize.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import { type Tensor, zeros } from '../tensor/tensor.js';
import { blockSize } from './block-size.js';
import { withBlockedConvolutions } from './blocked.js';
import { nodeRuntime } from './node.js';
import { blockedDomain } from './node-maker.js';
import type { Feeds, Runtime } from './runtime.js';

let runtime: Runtime;
let block: number | null;
beforeAll(async () => {
  runtime = await nodeRuntime();
  block = await blockSize((each) => runtime.load(each, { blocked: false }));
});

/** A graph under construction, whose inputs are random. */
class Graphs {
  readonly b: Builder = builder();
  readonly feeds: Record<string, Tensor> = {};

  input(name: string, dims: readonly number[]): Value {
    const data = zeros('float32', dims);
    fillUniform(data.data, streamKey(5, 0, name));
    data.data.forEach((value, i) => {
      data.data[i] = value - 0.5;
    });
    this.feeds[name] = data;
    return this.b.input(name, 'float32', dims);
  }

  /** A value that is made in blocks. */
  convolved(name: string, dims: readonly number[]): Value {
    const [batch = 1, channels = 1, ...size] = dims;
    const image = this.input(`${name} image`, [batch, 3, ...size]);
    const w = this.input(`${name} weights`, [channels, 3, 3, 3]);
    return this.b.Conv(image, w, null, { pads: [1, 1, 1, 1] });
  }

  /** A convolution of what came before, so that its gradient is made in blocks. */
  next(x: Value): Value {
    const channels = x.shape[1] as number;
    const w = this.input('next', [channels, channels, 3, 3]);
    return this.b.Conv(x, w, null, { pads: [1, 1, 1, 1] });
  }

  model(): Model {
    return model(optimize(this.b.build()));
  }
}

/** Largest difference of all outputs, in parts of the largest number. */
async function apart(plain: Model, blocked: Model, feeds: Feeds): Promise<number> {
  const run = async (each: Model): Promise<Feeds> =>
    await (await runtime.load(each, { blocked: false, threads: 1 })).run(feeds);
  const [wanted, got] = [await run(plain), await run(blocked)];
  let most = 0;
  for (const [name, { data, dims }] of Object.entries(wanted)) {
    expect(got[name]?.dims).toEqual(dims);
    const [numbers, others] = [data as Float32Array, got[name]?.data as Float32Array];
    const largest = numbers.reduce((far, value) => Math.max(far, Math.abs(value)), 1e-30);
    numbers.forEach((value, i) => {
      const difference = Math.abs(value - (others[i] ?? Number.NaN)) / largest;
      most = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(most, difference);
    });
  }
  return most;
}

const opsOf = ({ graph }: Model): string[] =>
  graph.nodes.map(({ op, domain }) => (domain === blockedDomain ? `blocked ${op}` : op));

const size = fc.integer({ min: 5, max: 8 });
const small = fc.integer({ min: 1, max: 3 });
const transposed = fc.record({
  given: fc.constantFrom(16, 32),
  made: fc.constantFrom(16, 32, 48),
  size: fc.tuple(size, size),
  kernel: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
  strides: fc.constantFrom([2, 2], [2, 2], [1, 2], [2, 1], [4, 1], [1, 3]),
  dilations: fc.tuple(fc.integer({ min: 1, max: 2 }), small),
  pads: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }),
  divides: fc.constantFrom(true, true, true, false),
  bias: fc.boolean(),
  inBlocks: fc.boolean(),
});

const ways = fc.record({
  half: fc.tuple(size, size),
  blocks: fc.integer({ min: 1, max: 2 }),
  more: fc.integer({ min: 0, max: 2 }),
  kernel: fc.constantFrom(1, 3, 5),
  past: fc.constantFrom('cut' as const, 'cut' as const, 'convolution' as const, 'none' as const),
  before: fc.boolean(),
  steps: fc.constantFrom<[number, number]>([2, 2], [2, 2], [3, 1], [1, 2]),
});

describe('what strides leave apart, in blocks', () => {
  it('is what a plain transposed convolution gives, for every kernel, stride and padding', async (context) => {
    if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
    const channels = block;
    let inBlocks = 0;
    await fc.assert(
      fc.asyncProperty(transposed, async (each) => {
        const { strides, dilations, pads } = each;
        const [g, dims] = [new Graphs(), [3, each.given, ...each.size]];
        const x = each.inBlocks ? g.convolved('x', dims) : g.input('x', dims);
        const w = g.input('w', [each.given, each.made, ...each.kernel]);
        const bias = each.bias ? g.input('bias', [each.made]) : null;
        const sized = each.size.map((count, i) => {
          const reach = ((each.kernel[i] ?? 1) - 1) * (dilations[i] ?? 1) + 1;
          return (count - 1) * (strides[i] ?? 1) + reach - (pads[i] ?? 0) - (pads[i + 2] ?? 0);
        });
        fc.pre(sized.every((count) => count > 0));
        const output_padding = sized.map((count, i) =>
          each.divides ? (count * ((strides[i] ?? 1) - 1)) % (strides[i] ?? 1) : 0,
        );
        const y = g.b.ConvTranspose(x, w, bias, { strides, dilations, pads, output_padding });
        g.b.output(y, 'y');
        const plain = g.model();
        const blocked = withBlockedConvolutions(plain, channels);
        if (!opsOf(blocked).includes('ConvTranspose')) inBlocks++;
        expect(await apart(plain, blocked, g.feeds)).toBeLessThan(1e-5);
      }),
      { seed: 6, numRuns: 60 },
    );
    expect(inBlocks).toBeGreaterThan(15);
  });

  it('is what gradients of strided ways and of ways past them are, and leaves nothing of them plain', async (context) => {
    if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
    const channels = block;
    await fc.assert(
      fc.asyncProperty(ways, async ({ half, blocks, more, kernel, past, before, steps }) => {
        const g = new Graphs();
        const made = 16 * (blocks + more);
        const [down, right] = steps;
        const dims = [4, 16 * blocks, half[0] * down, half[1] * right];
        const x = g.b.Relu(g.convolved('x', dims));
        const pad = (kernel - 1) / 2;
        const w = g.input('w', [made, 16 * blocks, kernel, kernel]);
        const y = g.b.Conv(x, w, null, { strides: steps, pads: [pad, pad, pad, pad] });
        const v = g.input('v', [made, 16 * blocks, 1, 1]);
        const ends = [2 ** 31 - 1, 2 ** 31 - 1];
        const cut = (): Value => {
          const taken = g.b.Slice(x, [0, 0], ends, [2, 3], steps);
          const pads = [0, before ? 16 * more : 0, 0, 0, 0, before ? 0 : 16 * more, 0, 0];
          return more > 0 ? g.b.Pad(taken, pads) : taken;
        };
        const ways = {
          cut,
          convolution: () => g.b.Conv(x, v, null, { strides: steps }),
          none: () => y,
        };
        const sum = g.b.Add(y, ways[past]());
        g.b.output(sum, 'sum');
        const loss = g.b.ReduceSum(g.next(g.b.Relu(sum)), null, { keepdims: 0 });
        g.b.output(g.b.Mul(backward(g.b, loss, [x])[0] as Value, x), 'product');
        const plain = g.model();
        const blocked = withBlockedConvolutions(plain, channels);
        const plainly = opsOf(blocked).filter((op) => /^(ConvTranspose|Pad)$/.test(op));
        // A plain convolution of one tap leaves what follows plain; of other strides not all is known.
        if (kernel > 1 && down === 2) expect(plainly).toEqual([]);
        expect(await apart(plain, blocked, g.feeds)).toBeLessThan(1e-5);
      }),
      { seed: 7, numRuns: 30 },
    );
  });

  it('takes the gradient of the way past it into the convolution of the first place', () => {
    const g = new Graphs();
    const { b } = g;
    const x = g.convolved('x', [4, 16, 16, 16]);
    const w = g.input('w', [32, 16, 3, 3]);
    const y = b.Conv(x, w, null, { strides: [2, 2], pads: [1, 1, 1, 1] });
    const taken = b.Slice(x, [0, 0], [100, 100], [2, 3], [2, 2]);
    const sum = b.Add(y, b.Pad(taken, [0, 0, 0, 0, 0, 16, 0, 0]));
    const loss = b.ReduceSum(g.next(b.Relu(sum)), null, { keepdims: 0 });
    b.output(backward(b, loss, [x])[0] as Value, 'dx');
    const { graph } = withBlockedConvolutions(g.model(), 16);
    const convolutions = graph.nodes.filter(({ op }) => op === 'Conv');
    // The image, one of each way, the gradient of the next, two places of rows; two of them add something.
    expect(convolutions).toHaveLength(6);
    expect(convolutions.filter(({ inputs }) => inputs.length === 4)).toHaveLength(2);
  });

  it('stays plain where strides do not divide, channels fill no blocks, or cuts begin elsewhere', () => {
    const g = new Graphs();
    const { b } = g;
    const transposed = (name: string, x: Value, channels: number, strides: number[]): Value =>
      b.output(
        b.ConvTranspose(x, g.input(name, [x.shape[1] as number, channels, 3, 3]), null, {
          strides,
        }),
        `y of ${name}`,
      );
    const x = g.convolved('x', [4, 16, 8, 8]);
    transposed('odd', x, 16, [2, 2]);
    transposed('few', x, 8, [1, 2]);
    transposed('many', g.convolved('x of many', [4, 16, 8, 8]), 16, [4, 4]);
    b.output(b.Slice(x, [1], [8], [2], [2]), 'from 1');
    b.output(b.Slice(x, [0], [7], [1], [2]), 'channels');
    b.output(b.Pad(x, [0, 8, 0, 0, 0, 8, 0, 0]), 'half');
    const ops = opsOf(withBlockedConvolutions(g.model(), 16));
    const count = (wanted: string): number => ops.filter((op) => op === wanted).length;
    expect([count('ConvTranspose'), count('Slice'), count('Pad')]).toEqual([3, 2, 1]);
  });
});
