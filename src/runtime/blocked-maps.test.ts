import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Model, model, type Value } from '../graph/graph.js';
import { type Builder, builder } from '../ops/builder.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import { scalar, type Tensor, tensor, zeros } from '../tensor/tensor.js';
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

/** A graph under construction, whose inputs are random. */
class Graphs {
  readonly b: Builder = builder();
  readonly feeds: Record<string, Tensor> = {};

  /** Numbers from `low` on, a range of 1. */
  input(name: string, dims: readonly number[], low = -0.5): Value {
    const made = zeros('float32', dims);
    fillUniform(made.data, streamKey(5, 0, name));
    this.feeds[name] = tensor(
      'float32',
      dims,
      made.data.map((value) => value + low),
    );
    return this.b.input(name, 'float32', dims);
  }

  conv(name: string, x: Value, channels: number): Value {
    const w = this.input(name, [channels, x.shape[1] as number, 3, 3]);
    return this.b.Conv(x, w, null, { pads: [1, 1, 1, 1] });
  }

  model(): Model {
    return model(this.b.build());
  }
}

const opsOf = ({ graph }: Model): string[] =>
  graph.nodes.map(({ op, domain }) => (domain === blockedDomain ? `blocked ${op}` : op));

/** Largest difference of all outputs, in parts of the largest number. */
async function apart(plain: Model, blocked: Model, feeds: Feeds): Promise<number> {
  const run = async (each: Model): Promise<Feeds> =>
    await (await runtime.load(each, { blocked: false, threads: 1 })).run(feeds);
  const [wanted, got] = [await run(plain), await run(blocked)];
  return Math.max(
    ...Object.entries(wanted).map(([name, { data }]) => {
      const other = got[name]?.data as Float32Array;
      const [numbers, others] = [Array.from(data as Float32Array), Array.from(other)];
      const largest = numbers.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
      return numbers.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (others[i] ?? Number.NaN)) / largest),
        others.length === numbers.length ? 0 : Number.POSITIVE_INFINITY,
      );
    }),
  );
}

const drawn = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  size: fc.tuple(fc.integer({ min: 10, max: 14 }), fc.integer({ min: 10, max: 14 })),
  image: fc.constantFrom(3, 16, 32),
  blocks: fc.integer({ min: 1, max: 3 }),
  steps: fc.array(
    fc.constantFrom(
      'normalize',
      'normalized already',
      'scale',
      'scale the other way',
      'add a convolution',
      'add an input',
      'relu',
      'mask',
      'negate',
      'halve',
      'square',
      'convolve',
    ),
    { minLength: 1, maxLength: 6 },
  ),
});

/** A convolution and what is done with it, step after step; every result's sums are read, the last one whole. */
function chain(g: Graphs, each: typeof drawn extends fc.Arbitrary<infer T> ? T : never): void {
  const { b } = g;
  const channels = 16 * each.blocks;
  const dims = [each.batch, channels, ...each.size];
  const image = g.input('image', [each.batch, each.image, ...each.size]);
  let x = g.conv('first', image, channels);
  each.steps.forEach((step, i) => {
    const by = (name: string, low?: number): Value => g.input(`${name} ${i}`, [channels], low);
    const of = (value: number): Value =>
      b.constant(tensor('float32', [channels], new Array(channels).fill(value)));
    const normalize = (mean: Value, variance: Value, epsilon: number): Value =>
      b.BatchNormalization(x, by('scale'), by('bias'), mean, variance, { epsilon });
    const ways: Record<typeof step, () => Value> = {
      normalize: () => normalize(by('mean'), by('variance', 0.5), 1e-3),
      'normalized already': () => normalize(of(0), of(1), 0),
      scale: () => b.Mul(x, g.input(`factor ${i}`, [channels, 1, 1])),
      'scale the other way': () => b.Mul(g.input(`factor ${i}`, [1, channels, 1, 1]), x),
      'add a convolution': () => b.Add(x, g.conv(`added ${i}`, image, channels)),
      'add an input': () => b.Add(g.input(`added ${i}`, dims), x),
      relu: () => b.Relu(x),
      mask: () => b.Mul(b.HardSigmoid(x, { alpha: 3e38, beta: 0 }), g.input(`masked ${i}`, dims)),
      negate: () => b.Neg(x),
      halve: () => b.Mul(b.constant(scalar('float32', 0.5)), x),
      square: () => b.Mul(x, x),
      convolve: () => g.conv(`next ${i}`, x, channels),
    };
    x = ways[step]();
    b.output(b.ReduceSum(x, [0, 2, 3], { keepdims: i % 2 }), `sum of ${i}`);
    b.output(b.ReduceMean(x, [0, 2, -1], { keepdims: 0 }), `mean of ${i}`);
  });
  b.output(b.Neg(b.Neg(x)), 'last');
}

describe('what is done with maps in blocks', () => {
  it('gives what it gives on plain maps', async (context) => {
    if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
    const size = block;
    await fc.assert(
      fc.asyncProperty(drawn, async (each) => {
        const g = new Graphs();
        chain(g, each);
        const plain = g.model();
        expect(await apart(plain, withBlockedConvolutions(plain, size), g.feeds)).toBeLessThan(
          1e-4,
        );
      }),
      { seed: 3, numRuns: 40 },
    );
  });

  it('leaves nothing plain between convolutions, and takes a sum and a Relu into the one before', () => {
    const g = new Graphs();
    const { b } = g;
    const image = g.input('image', [4, 3, 12, 12]);
    const by = (name: string): Value => g.input(name, [16]);
    const unit = (name: string, x: Value): Value =>
      b.BatchNormalization(
        g.conv(name, x, 16),
        by(`${name} scale`),
        by(`${name} bias`),
        by(`${name} mean`),
        by(`${name} variance`),
      );
    const x = b.Relu(unit('a', image));
    const y = b.Relu(b.Add(unit('b', x), x));
    b.output(b.ReduceMean(y, [0, 2, 3]), 'means');
    const ops = opsOf(withBlockedConvolutions(g.model(), 16));
    expect(ops.filter((op) => /blocked (?!ReorderInput)/.test(op))).toEqual([
      'blocked Conv',
      'blocked Conv',
      'blocked Conv',
      'blocked Conv',
      'blocked GlobalAveragePool',
    ]);
    expect(
      ops.filter((op) => /^(Add|Relu|BatchNormalization|ReduceMean|MatMul)$/.test(op)),
    ).toEqual(['Add', 'Add', 'MatMul']);
  });

  it('takes the sum with a plain convolution into one in blocks, whichever comes first', async (context) => {
    if (block === null) return context.skip('this build of ONNX Runtime has no blocked layout');
    for (const isFirst of [true, false]) {
      const g = new Graphs();
      const { b } = g;
      const image = g.input('image', [4, 16, 12, 12]);
      const oneTap = (): Value => b.Conv(image, g.input('b', [32, 16, 1, 1]));
      const early = isFirst ? oneTap() : null;
      const several = g.conv('a', image, 32);
      const plain = early ?? oneTap();
      b.output(b.Relu(b.Add(several, plain)), 'y');
      b.output(b.Neg(plain), 'other');
      const blocked = withBlockedConvolutions(g.model(), block);
      expect(opsOf(blocked).filter((op) => /Add|Relu$/.test(op))).toEqual([]);
      expect(await apart(g.model(), blocked, g.feeds)).toBeLessThan(1e-5);
    }
  });

  it('stays plain beside plain values where nothing is made in blocks', () => {
    const g = new Graphs();
    const { b } = g;
    const x = g.input('x', [4, 16, 12, 12]);
    b.output(b.Mul(b.Relu(x), x), 'product');
    b.output(b.ReduceMean(g.conv('w', x, 16), [1]), 'means');
    const ops = opsOf(withBlockedConvolutions(g.model(), 16));
    expect(ops.filter((op) => !op.startsWith('blocked Reorder'))).toEqual(
      expect.arrayContaining(['Relu', 'Mul', 'ReduceMean']),
    );
    expect(ops.filter((op) => op === 'blocked ReorderOutput')).toHaveLength(1);
  });
});
