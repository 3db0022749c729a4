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

  const at = (b: Builder, x: Value, i: number) =>
    b.Gather(b.Shape(x), b.constant(scalar('int64', i)), { axis: 0 });

  it('keep the name of the batch: Shape, Gather, Unsqueeze, Concat, Reshape', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3, 4, 4]);
    const shape = b.Concat(b.Unsqueeze(at(b, x, 0), [0]), [-1], { axis: 0 });
    expect(b.Reshape(x, shape).shape).toEqual(['batch', 48]);
    expect(b.known(at(b, x, 1).name)).toEqual(scalar('int64', 3));
  });

  it('keep names through Slice, Cast, Identity, Squeeze, Reshape, Expand and ConstantOfShape', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3, 'height', 'width']);
    const image = b.Identity(b.Cast(b.Slice(b.Shape(x), [2], [9], [0]), { to: 7 }));
    const height = b.Squeeze(b.Slice(image, [0], [1]), [0]);
    const one = b.constant(tensor('float32', [1], [1]));
    expect(b.Expand(one, image).shape).toEqual(['height', 'width']);
    expect(b.ConstantOfShape(b.Reshape(height, [1])).shape).toEqual(['height']);
    expect(b.ConstantOfShape(b.Slice(b.Shape(x), [1], [2])).shape).toEqual([3]);
  });

  it('keep names through arithmetic with constants', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 4, 6]);
    const four = b.constant(scalar('int64', 4));
    const folded = b.Mul(at(b, x, 0), at(b, x, 1));
    const half = b.Div(at(b, x, 2), b.constant(scalar('int64', 2)));
    const list = (...values: Value[]) =>
      b.Concat(...values.map((value) => b.Unsqueeze(value, [0])), { axis: 0 });
    expect(
      b.Reshape(x, list(folded, half, b.Sub(four, b.constant(scalar('int64', 2))))).shape,
    ).toEqual(['4*batch', 3, 2]);
    const six = b.Mul(half, b.constant(scalar('int64', 2)));
    expect(b.Reshape(x, list(b.Div(folded, four), six, four)).shape).toEqual(['batch', 6, 4]);
    const padded = b.Add(at(b, x, 0), four);
    expect(b.ConstantOfShape(list(padded, b.Sub(padded, four))).shape).toEqual([
      'batch + 4',
      'batch',
    ]);
    expect(b.symbolic(padded.name)).toEqual(scalar('string', 'batch + 4'));
  });

  it('end where a name is compared or divides nothing known', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 'length']);
    const unknown = b.Where(b.Equal(at(b, x, 0), 1), 2, at(b, x, 0));
    expect(b.known(unknown.name)).toBeNull();
    expect(b.symbolic(unknown.name)).toBeNull();
    const y = b.Reshape(x, b.Concat(b.Unsqueeze(unknown, [0]), [-1], { axis: 0 }));
    expect(y.shape).toHaveLength(2);
  });

  it('survive a whole network, and mean what the runtime computes', async () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 2, 6]);
    const rows = b.Reshape(
      x,
      b.Concat(b.Unsqueeze(b.Mul(at(b, x, 0), at(b, x, 1)), [0]), [6], { axis: 0 }),
    );
    const y = b.Softmax(b.MatMul(rows, b.constant(tensor('float32', [6, 1], Array(6).fill(1)))));
    const back = b.Reshape(y, b.Concat(b.Unsqueeze(at(b, x, 0), [0]), [2], { axis: 0 }));
    b.output(back, 'y');
    expect(rows.shape).toEqual(['2*batch', 6]);
    expect(back.shape).toEqual(['batch', 2]);
    const feeds = { x: tensor('float32', [3, 2, 6], Array(36).fill(1)) };
    const { y: computed } = await (await runtime.load(model(b.build()))).run(feeds);
    expect(computed?.dims).toEqual([3, 2]);
  });
});
