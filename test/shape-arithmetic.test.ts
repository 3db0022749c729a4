/** What the builder computes on the host, and the shapes it infers, against ONNX Runtime on random calls. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { model, type Value } from '../src/graph/graph.js';
import { type Builder, builder } from '../src/ops/builder.js';
import { nodeRuntime } from '../src/runtime/node.js';
import { sizeOf } from '../src/tensor/shape.js';
import { scalar, type Tensor, tensor } from '../src/tensor/tensor.js';

const runtime = await nodeRuntime();

/** 0, 1, 2, … so that every element is told from the others. */
const counting = (dims: readonly number[]): Tensor =>
  tensor('int64', dims, [...Array(sizeOf(dims)).keys()]);

const dims = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 });

/** Slice bounds, beyond both ends of what is drawn. */
const bounds = fc.integer({ min: -6, max: 6 });
const step = bounds.filter((value) => value !== 0);

type Call = (b: Builder, x: Value) => Value;

const calls: Record<string, (shape: number[]) => fc.Arbitrary<Call>> = {
  Slice: (shape) =>
    fc.tuple(...shape.map(() => fc.tuple(bounds, bounds, step))).map((list) => (b, x) => {
      const column = (i: number) => list.map((row) => row[i] ?? 0);
      return b.Slice(x, column(0), column(1), [...shape.keys()], column(2));
    }),
  Gather: (shape) =>
    fc
      .tuple(fc.nat(shape.length - 1), fc.array(fc.nat(99), { minLength: 1, maxLength: 4 }))
      .map(([axis, picks]) => (b, x) => {
        const size = shape[axis] ?? 1;
        const indices = picks.map((pick) => (pick % (2 * size)) - size);
        return b.Gather(x, b.constant(tensor('int64', [1, picks.length], indices)), { axis });
      }),
  Transpose: (shape) =>
    fc
      .shuffledSubarray([...shape.keys()], { minLength: shape.length })
      .map((perm) => (b, x) => b.Transpose(x, { perm })),
  Tile: (shape) =>
    fc
      .tuple(...shape.map(() => fc.integer({ min: 1, max: 3 })))
      .map((counts) => (b, x) => b.Tile(x, counts)),
  Expand: (shape) =>
    fc.integer({ min: 1, max: 3 }).map((outer) => (b, x) => b.Expand(x, [outer, ...shape])),
  Reshape: (shape) =>
    fc
      .nat(shape.length - 1)
      .map((open) => (b, x) => b.Reshape(x, shape.toReversed().with(open, -1))),
  Concat: (shape) =>
    fc.nat(shape.length - 1).map((axis) => (b, x) => b.Concat(x, b.Add(x, x), x, { axis })),
  'Unsqueeze, Squeeze': (shape) =>
    fc.nat(shape.length).map((axis) => (b, x) => b.Squeeze(b.Unsqueeze(x, [axis, -1]), [axis])),
  'Shape, Size': () =>
    fc.constant((b, x) => b.Concat(b.Shape(x), b.Unsqueeze(b.Size(x), [0]), { axis: 0 })),
  Range: (shape) =>
    fc.tuple(bounds, step).map(([start, delta]) => (b) => {
      const [from, to, by] = [start, sizeOf(shape), delta].map((n) =>
        b.constant(scalar('int64', n)),
      );
      return b.Range(from ?? 0, to ?? 0, by ?? 0);
    }),
};

describe.each(Object.entries(calls))('%s', (_, call) => {
  it('gives what the runtime gives', async () => {
    const drawn = dims.chain((shape) => fc.tuple(fc.constant(shape), call(shape)));
    const b = builder();
    // One session for all: making it takes far longer than running it.
    const results = fc
      .sample(drawn, { numRuns: 25, seed: 7 })
      .map(([shape, build]) => build(b, b.constant(counting(shape))));
    for (const [i, y] of results.entries()) b.output(y, `y${i}`);
    const computed = await (await runtime.load(model(b.build()))).run({});
    for (const [i, y] of results.entries()) {
      const { dtype, dims: shape, data } = computed[`y${i}`] as Tensor;
      expect(y).toMatchObject({ dtype, shape });
      expect(b.known(y.name)).toEqual({ dtype, dims: shape, data });
    }
  });
});

describe('shapes computed by the graph', () => {
  it('are known while building: Shape, Gather, Unsqueeze, Concat, Reshape', () => {
    const b = builder();
    const x = b.input('x', 'float32', [8, 3, 4, 4]);
    const batch = b.Gather(b.Shape(x), b.constant(tensor('int64', [], [0])), { axis: 0 });
    const shape = b.Concat(b.Unsqueeze(batch, [0]), [-1], { axis: 0 });
    expect(b.Reshape(x, shape).shape).toEqual([8, 48]);
  });

  it('keep their rank where the batch is not known', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3, 4, 4]);
    const batch = b.Gather(b.Shape(x), b.constant(tensor('int64', [], [0])), { axis: 0 });
    const shape = b.Concat(b.Unsqueeze(batch, [0]), [-1], { axis: 0 });
    const y = b.Reshape(x, shape);
    expect(y.shape).toHaveLength(2);
    expect(y.shape.every((dim) => typeof dim === 'string')).toBe(true);
  });
});
