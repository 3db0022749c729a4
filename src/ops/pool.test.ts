import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGradient } from '../autodiff/check.js';
import { differentiate } from '../autodiff/differentiate.js';
import { ShapeError } from '../errors.js';
import { type Graph, model } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import { builder } from './builder.js';
import { type Window, windowOf } from './window.js';

const runtime = await nodeRuntime();

type PoolName = 'MaxPool' | 'AveragePool' | 'LpPool' | 'GlobalMaxPool';

/** `loss`: the output times 1, 2, 3 ... or other weights, summed up. */
function poolGraph(
  op: PoolName,
  dims: readonly number[],
  attributes: Record<string, unknown>,
  weight = (i: number): number => i + 1,
) {
  const b = builder();
  const x = b.input('x', 'float32', dims);
  const [y] = b.node(op, [x], attributes);
  if (!y) throw new Error('no output');
  const shape = y.shape as readonly number[];
  const weights = Array.from({ length: sizeOf(shape) }, (_, i) => weight(i));
  b.output(y, 'y');
  const weighted = b.Mul(y, b.constant(tensor('float32', shape, weights)));
  b.output(b.ReduceSum(weighted, null, { keepdims: 0 }), 'loss');
  return { graph: b.build(op), shape };
}

async function gradientOf(graph: Graph, x: Tensor): Promise<number[]> {
  const { graph: differentiated, gradients } = differentiate(graph, { loss: 'loss', with: ['x'] });
  const session = await runtime.load(model(differentiated), { threads: 1 });
  const out = await session.run({ x });
  return toNumbers(out[gradients['x'] ?? ''] as Tensor);
}

/** Distinct numbers in disorder, away from 0: no maximum changes and no norm has a kink within a small step. */
function distinct(dims: readonly number[], seed: number): Tensor {
  const size = sizeOf(dims);
  const order = Array.from({ length: size }, (_, i) => ({ i, key: Math.sin(seed + i * 12.9898) }))
    .sort((a, b) => a.key - b.key)
    .map(({ i }) => i);
  return tensor(
    'float32',
    dims,
    order.map((rank) => (0.2 + (1.3 * rank) / size) * (rank % 2 ? 1 : -1)),
  );
}

/** A pool of one to three axes and an input that it fits. */
const drawn = fc
  .record({
    op: fc.constantFrom('MaxPool' as const, 'AveragePool' as const, 'LpPool' as const),
    axes: fc.array(
      fc.record({
        size: fc.integer({ min: 1, max: 7 }),
        kernel: fc.integer({ min: 1, max: 4 }),
        stride: fc.integer({ min: 1, max: 3 }),
        dilation: fc.integer({ min: 1, max: 2 }),
        before: fc.nat(3),
        after: fc.nat(3),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    channels: fc.integer({ min: 1, max: 2 }),
    ceil_mode: fc.nat(1),
    auto_pad: fc.constantFrom('NOTSET', 'NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'),
    count_include_pad: fc.nat(1),
    p: fc.integer({ min: 1, max: 3 }),
    seed: fc.nat(1000),
  })
  .map(({ op, axes, channels, auto_pad, ceil_mode, count_include_pad, p, seed }) => {
    const list = (of: (axis: (typeof axes)[number]) => number) => axes.map(of);
    const pads = [
      // The runtime refuses pads of a kernel's size.
      ...list(({ before, kernel }) => Math.min(before, kernel - 1)),
      ...list(({ after, kernel }) => Math.min(after, kernel - 1)),
    ];
    const window = {
      kernel_shape: list(({ kernel }) => kernel),
      strides: list(({ stride }) => stride),
      dilations: list(({ dilation }) => dilation),
      pads: auto_pad === 'NOTSET' ? pads : undefined,
      auto_pad,
      ceil_mode,
    };
    return {
      op,
      dims: [1, channels, ...list(({ size }) => size)],
      window,
      attributes: {
        ...window,
        ...(op === 'AveragePool' && { count_include_pad }),
        ...(op === 'LpPool' && { p }),
      },
      seed,
    };
  })
  .filter(({ dims, window }) => {
    try {
      const found = windowOf(window, dims.slice(2));
      return isUndisputed(window, found, dims.slice(2));
    } catch (error) {
      if (error instanceof ShapeError) return false;
      throw error;
    }
  });

/**
 * Whether the runtime's shape inference counts as many windows as its kernels. It does not leave out the last one of
 * ceil_mode where that starts behind the input, and takes SAME at its word for dilated windows; then any graph around
 * the pool is refused, whatever shape it states. A SAME that skips the last element it refuses for MaxPool.
 */
function isUndisputed(
  { auto_pad, ceil_mode }: { readonly auto_pad: string; readonly ceil_mode: number },
  { begin, end, extents, strides, counts }: Window,
  spatial: readonly number[],
): boolean {
  return spatial.every((size, i) => {
    const stride = strides[i] ?? 1;
    const span = size + (begin[i] ?? 0) + (end[i] ?? 0) - (extents[i] ?? 1);
    const windows = 1 + (ceil_mode ? Math.ceil(span / stride) : Math.floor(span / stride));
    const stated = auto_pad.startsWith('SAME') ? Math.ceil(size / stride) : windows;
    return counts[i] === stated && (end[i] ?? 0) >= 0;
  });
}

/** Whether each window holds an element of the input: else the runtime divides by 0, or gives its least number. */
const holdsSomething = (y: Tensor): boolean =>
  toNumbers(y).every((value) => Math.abs(value) < 1000);

describe('pools drawn at random', () => {
  it('have the shape that the runtime computes and the gradient of finite differences', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async ({ op, dims, attributes, seed }) => {
        const { graph, shape } = poolGraph(op, dims, attributes, Math.cos);
        const x = distinct(dims, seed);
        const session = await runtime.load(model(graph), { threads: 1 });
        const { y } = await session.run({ x });
        expect(y?.dims).toEqual(shape);
        fc.pre(y !== undefined && holdsSomething(y));
        await checkGradient(runtime, graph, { loss: 'loss', with: ['x'], feeds: { x } });
      }),
      { numRuns: 250, seed: 1 },
    );
  }, 120_000);
});

describe('the gradient of a maximum', () => {
  const ties = (dims: readonly number[]): Tensor =>
    tensor(
      'float32',
      dims,
      Array.from({ length: sizeOf(dims) }, (_, i) => Math.max(0, Math.round(2 * Math.sin(i * i)))),
    );

  it.each<[string, readonly number[], Record<string, unknown>]>([
    ['2x2, stride 2', [2, 2, 4, 6], { kernel_shape: [2, 2], strides: [2, 2] }],
    ['3x3, stride 2', [1, 2, 7, 7], { kernel_shape: [3, 3], strides: [2, 2] }],
    ['3x3, padded', [1, 2, 5, 6], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
    ['5x5', [1, 1, 8, 8], { kernel_shape: [5, 5], ceil_mode: 1, strides: [3, 2] }],
    ['dilated', [1, 1, 8, 9], { kernel_shape: [3, 3], dilations: [2, 3], strides: [1, 2] }],
    ['of volumes', [1, 2, 4, 5, 4], { kernel_shape: [2, 3, 2], pads: [1, 1, 0, 0, 1, 1] }],
  ])('goes to the first of equal elements, as Indices say: %s', async (_, dims, attributes) => {
    const x = ties(dims);
    const { graph, shape } = poolGraph('MaxPool', dims, attributes);
    const b = builder();
    const outputs = b.node('MaxPool', [b.input('x', 'float32', dims)], attributes, { count: 2 });
    for (const [i, output] of outputs.entries()) b.output(output, ['y', 'at'][i]);
    const session = await runtime.load(model(b.build('indices')), { threads: 1 });
    const { at } = await session.run({ x });
    const expected = new Array<number>(sizeOf(dims)).fill(0);
    toNumbers(at as Tensor).forEach((place, i) => {
      expected[place] = (expected[place] ?? 0) + i + 1;
    });
    expect(at?.dims).toEqual(shape);
    expect(await gradientOf(graph, x)).toEqual(expected);
  });

  it('goes to the first of equal elements of a channel', async () => {
    const x = tensor('float32', [2, 1, 2, 3], [0, 2, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0]);
    const { graph } = poolGraph('GlobalMaxPool', [2, 1, 2, 3], {});
    expect(await gradientOf(graph, x)).toEqual([0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]);
  });

  it('passes by padding and what windows leave out', async () => {
    const x = tensor('float32', [1, 1, 5], [-3, -1, -2, -5, -4]);
    const given = { kernel_shape: [2], strides: [3], pads: [1, 0] };
    const { graph } = poolGraph('MaxPool', [1, 1, 5], given);
    expect(await gradientOf(graph, x)).toEqual([1, 0, 2, 0, 0]);
  });
});

describe('pools of symbolic sizes', () => {
  it('name their output by the input', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 'c', 'h', 'w']);
    const halves = b.MaxPool(x, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
    expect(halves.shape).toEqual(['batch', 'c', 'ceil(h/2)', 'ceil(w/2)']);
    expect(b.GlobalAveragePool(x).shape).toEqual(['batch', 'c', 1, 1]);
  });

  it('tell of an input without spatial axes and of a window that does not fit', () => {
    const b = builder();
    const flat = b.input('flat', 'float32', ['batch', 3]);
    expect(() => b.GlobalMaxPool(flat)).toThrow(/GlobalMaxPool at node .*X must be \(batch, chan/);
    expect(() => b.AveragePool(flat, { kernel_shape: [] })).toThrow(ShapeError);
    const x = b.input('x', 'float32', [1, 1, 2, 2]);
    expect(() => b.MaxPool(x, { kernel_shape: [3, 3] })).toThrow(
      /no window fits on spatial axis 0/,
    );
    expect(() => b.MaxPool(b.input('mask', 'bool', [1, 1, 2]), { kernel_shape: [2] })).toThrow(
      /dtype must be a number, got bool/,
    );
  });
});
