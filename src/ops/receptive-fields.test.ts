import { describe, expect, it } from 'vitest';
import type { Value } from '../graph/graph.js';
import { tensor, zeros } from '../tensor/tensor.js';
import { type Builder, builder } from './builder.js';
import { macsOf } from './cost.js';
import { type Field, positionsOn } from './receptive-field.js';
import { imageAxes, imageInput, receptiveFields } from './receptive-fields.js';

/** What is seen along both axes, of the value that `build` makes of an image. */
function seen(
  dims: readonly (number | string)[],
  build: (b: Builder, image: Value) => Value,
): Field | 'unknown' | undefined {
  const b = builder();
  const image = b.input('image', 'float32', dims);
  const value = build(b, image);
  return receptiveFields(b, image).get(value.name);
}

const image = [1, 3, 8, 6];
/** Differences of neighbours along the height: a window of 2 made of slices. */
const neighbours = (b: Builder, x: Value): Value =>
  b.Sub(b.Slice(x, [1], [99], [2]), b.Slice(x, [0], [-1], [2]));
/** Every second row. */
const halved = (b: Builder, x: Value): Value => b.Slice(x, [0], [99], [2], [2]);

describe('receptive fields of graphs', () => {
  it.each<[string, (b: Builder, x: Value) => Value, object | 'unknown']>([
    ['an activation', (b, x) => b.Relu(x), { size: 1, stride: 1, offset: 0, axis: 2, count: 8 }],
    ['a window of slices', neighbours, { size: 2, stride: 1, offset: 0, count: 7 }],
    ['steps', halved, { size: 1, stride: 2, offset: 0, count: 4 }],
    ['steps, then a window', (b, x) => neighbours(b, halved(b, x)), { size: 3, stride: 2 }],
    ['backwards', (b, x) => b.Slice(x, [-1], [-99], [2], [-1]), { stride: -1, offset: 7 }],
    ['padding', (b, x) => b.Pad(x, [0, 0, 2, 0, 0, 0, 0, 0]), { size: 1, offset: -2, count: 10 }],
    ['a bias', (b, x) => b.Add(x, b.initializer('c', zeros('float32', [3, 1, 1]))), { size: 1 }],
    [
      'channels joined',
      (b, x) => b.Concat(x, neighbours(b, b.Pad(x, [0, 0, 1, 0, 0, 0, 0, 0])), { axis: 1 }),
      { size: 2, offset: -1 },
    ],
    ['rows joined', (b, x) => b.Concat(x, x, { axis: 2 }), 'unknown'],
    ['strides that differ', (b, x) => b.Add(b.Slice(x, [0], [4], [2]), halved(b, x)), 'unknown'],
    ['the mean of a row', (b, x) => b.ReduceMean(x, [3], { keepdims: 0 }), { axis: 2, size: 1 }],
    ['the mean of a column', (b, x) => b.ReduceMean(x, [2]), { axis: 2, size: 8, count: 1 }],
    [
      'the mean of all, halved',
      (b, x) => b.ReduceMean(halved(b, x), [2, 3], { keepdims: 0 }),
      { axis: null, size: 7, stride: 2 },
    ],
    [
      'another order of axes',
      (b, x) => b.Transpose(x, { perm: [0, 2, 3, 1] }),
      { axis: 1, count: 8 },
    ],
    ['pixels flattened', (b, x) => b.Flatten(x), { axis: 1, merged: true, size: 1 }],
    ['groups of channels', (b, x) => b.Reshape(x, [1, 3, 1, 8, 6]), { axis: 3, merged: false }],
    [
      'one channel picked',
      (b, x) => b.Gather(x, b.constant(tensor('int64', [], [1])), { axis: 1 }),
      { axis: 1, count: 8 },
    ],
    ['softmax over channels', (b, x) => b.Softmax(x, { axis: 1 }), { size: 1, exact: true }],
    ['softmax over rows', (b, x) => b.Softmax(x, { axis: 2 }), { size: 15, exact: false }],
    [
      'a squeeze that excites',
      (b, x) => b.Mul(x, b.ReduceMean(x, [2, 3])),
      { size: 15, offset: -7, stride: 1, count: 8, exact: false },
    ],
    ['copies', (b, x) => b.Tile(x, [1, 2, 1, 1]), { size: 1, count: 8 }],
    ['copies of rows', (b, x) => b.Tile(x, [1, 1, 2, 1]), 'unknown'],
    [
      'elements by index',
      (b, x) => b.GatherElements(x, b.constant(zeros('int64', [1, 3, 8, 6]))),
      'unknown',
    ],
    ['attention', (b, x) => b.MatMul(x, b.Transpose(x, { perm: [0, 1, 3, 2] })), 'unknown'],
    [
      'a map of columns',
      (b, x) => b.MatMul(x, b.initializer('w', zeros('float32', [6, 2]))),
      { axis: 2, size: 1 },
    ],
    [
      'a map of rows',
      (b, x) => b.MatMul(b.initializer('w', zeros('float32', [5, 8])), x),
      { axis: null, size: 8, count: 1 },
    ],
  ])('%s', (_, build, expected) => {
    const field = seen(image, build);
    if (expected === 'unknown') expect(field).toBe('unknown');
    else expect(field === 'unknown' ? field : field?.[0]).toMatchObject(expected);
  });

  it('see a fully connected layer as one filter', () => {
    const field = seen(image, (b, x) => {
      const rows = b.Flatten(halved(b, x));
      return b.Gemm(rows, b.initializer('w', zeros('float32', [72, 10])));
    });
    expect(field).toMatchObject([
      { size: 7, stride: 2, count: 1, axis: null },
      { size: 6, stride: 1, count: 1, axis: null },
    ]);
    expect(field && field !== 'unknown' && field[0] && positionsOn(9, field[0])).toBe(2);
  });

  it('leave out what does not depend on the image', () => {
    const b = builder();
    const x = b.input('image', 'float32', ['batch', 3, 8, 6]);
    const other = b.input('other', 'float32', [3]);
    const noise = b.Exp(other);
    const shape = b.Shape(x);
    const fields = receptiveFields(b, x);
    expect([...fields.keys()]).toEqual(['image']);
    expect([noise.name, shape.name].some((name) => fields.has(name))).toBe(false);
    expect(imageInput(b)?.name).toBe('image');
  });

  it('with symbolic sizes keep size and stride, but are no filter', () => {
    const dims = ['batch', 3, 'height', 'width'];
    expect(seen(dims, (b, x) => b.Add(x, b.Relu(x)))).toMatchObject([{ size: 1 }, { size: 1 }]);
    expect(seen(dims, (b, x) => b.ReduceMean(x, [2, 3]))).toBe('unknown');
  });

  it('find the spatial axes of an input', () => {
    expect(imageAxes(['batch', 3, 224, 224])).toEqual([2, 3]);
    expect(imageAxes([1, 224, 224, 3])).toEqual([1, 2]);
    expect(imageAxes([1, 1, 28, 28])).toEqual([2, 3]);
    expect(imageAxes([1, 2, 100])).toEqual([2]);
    expect(imageAxes([1, 1, 8, 8, 8])).toEqual([2, 3, 4]);
  });
});

describe('receptive fields of normalizations', () => {
  const perChannel = (b: Builder, name: string) => b.initializer(name, zeros('float32', [3]));
  const normalized = (b: Builder, x: Value, training: number) =>
    b.BatchNormalization(
      x,
      ...(['scale', 'B', 'mean', 'var'].map((name) => perChannel(b, name)) as [
        ...[Value, Value, Value, Value],
      ]),
      { training_mode: training },
    );

  it.each<[string, (b: Builder, x: Value) => Value, object]>([
    ['fixed statistics', (b, x) => normalized(b, x, 0), { size: 1, exact: true }],
    ['those of the batch', (b, x) => normalized(b, x, 1), { size: 15, exact: false }],
    ['over channels', (b, x) => b.LRN(x, { size: 3 }), { size: 1, exact: true }],
    [
      'over the image',
      (b, x) => b.InstanceNormalization(x, perChannel(b, 's'), perChannel(b, 'b')),
      { size: 15 },
    ],
    ['dropout', (b, x) => b.Dropout(x), { size: 1, exact: true }],
  ])('%s', (_, build, expected) => {
    const field = seen(image, build);
    expect(field === 'unknown' ? field : field?.[0]).toMatchObject(expected);
  });
});

describe('multiply-adds', () => {
  const costOf = (build: (b: Builder) => void): number | null => {
    const b = builder();
    build(b);
    const node = b.nodes.at(-1);
    return node ? macsOf(b, node) : Number.NaN;
  };

  it('of products', () => {
    expect(
      costOf((b) => b.MatMul(b.input('a', 'float32', [5, 2, 3]), b.input('w', 'float32', [3, 4]))),
    ).toBe(120);
    expect(
      costOf((b) =>
        b.Gemm(b.input('a', 'float32', [3, 2]), b.input('w', 'float32', [4, 3]), null, {
          transA: 1,
          transB: 1,
        }),
      ),
    ).toBe(24);
  });

  it('of sums over labels', () => {
    const cost = costOf((b) =>
      b.Einsum(b.input('q', 'float32', [2, 5, 3]), b.input('k', 'float32', [2, 7, 3]), {
        equation: 'bid,bjd->bij',
      }),
    );
    expect(cost).toBe(2 * 5 * 7 * 3);
  });

  it('of others are none, and unknown where a size is', () => {
    expect(costOf((b) => b.Relu(b.input('a', 'float32', [5])))).toBe(0);
    expect(
      costOf((b) => b.MatMul(b.input('a', 'float32', ['n', 3]), b.input('w', 'float32', [3, 4]))),
    ).toBeNull();
  });
});

describe('multiply-adds of convolutions', () => {
  const filled = (b: Builder, dims: readonly number[]) =>
    b.initializer('w', zeros('float32', dims));

  it('count each output of each group', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2, 4, 8, 8]);
    b.Conv(x, filled(b, [6, 2, 3, 3]), null, { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] });
    const [conv] = b.nodes;
    expect(conv && macsOf(b, conv)).toBe(2 * 6 * 4 * 4 * 2 * 9);
  });

  it('count each input of a transposed one', () => {
    const b = builder();
    const x = b.input('x', 'float32', [1, 4, 5, 5]);
    b.ConvTranspose(x, filled(b, [4, 3, 2, 2]), null, { strides: [2, 2] });
    const [conv] = b.nodes;
    expect(conv && macsOf(b, conv)).toBe(4 * 25 * 3 * 4);
  });
});
