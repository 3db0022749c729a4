import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { GradientError, ShapeError } from '../errors.js';
import type { Dim } from '../tensor/shape.js';
import { tensor } from '../tensor/tensor.js';
import { builder } from './builder.js';

const on = (shape: Dim[], at: Dim[]) => {
  const b = builder();
  return { b, x: b.input('x', 'float32', shape), at: b.input('at', 'int64', at) };
};

describe('Gather', () => {
  it('puts the indices where the axis was', () => {
    const { b, x, at } = on(['batch', 10, 3], ['n', 2]);
    expect(b.Gather(x, at, { axis: 1 }).shape).toEqual(['batch', 'n', 2, 3]);
    expect(b.Gather(x, b.constant(tensor('int64', [], [-1])), { axis: -1 }).shape).toEqual([
      'batch',
      10,
    ]);
  });

  it('refuses indices that are floats, or known to be outside', () => {
    const { b, x } = on([2, 3], [1]);
    expect(() => b.Gather(x, x)).toThrow('indices must be int64 or int32, got float32. Cast them');
    expect(() => b.Gather(x, [-3])).toThrow('index -3 is outside [-2, 1]');
  });

  it('gives one known slice back by padding', () => {
    const { b, x } = on([2, 5, 3], [1]);
    const y = b.Gather(x, b.constant(tensor('int64', [], [-2])), { axis: 1 });
    const before = b.nodes.length;
    backward(b, y, [x], { seed: b.input('seed', 'float32', y.shape) });
    expect(b.nodes.slice(before).map(({ op }) => op)).toEqual(['Reshape', 'Pad']);
  });
});

describe('GatherElements and ScatterElements', () => {
  it('take the shape of the indices, and of the data', () => {
    const { b, x, at } = on([4, 3], ['n', 2]);
    expect(b.GatherElements(x, at).shape).toEqual(['n', 2]);
    expect(b.ScatterElements(x, at, b.input('u', 'float32', ['n', 2])).shape).toEqual([4, 3]);
  });

  it('refuse indices that do not fit', () => {
    const { b, x, at } = on([4, 3], [2, 4]);
    expect(() => b.GatherElements(x, at)).toThrow('no larger on the other axes');
    expect(() => b.GatherElements(x, b.input('flat', 'int64', [2]))).toThrow(ShapeError);
    const fits = b.input('fits', 'int64', [2, 2]);
    const updates = b.input('u', 'float32', [2, 3]);
    expect(() => b.ScatterElements(x, fits, updates)).toThrow(
      'dimensions 1 of indices and updates differ: 2 against 3',
    );
    expect(() =>
      b.ScatterElements(x, fits, b.Slice(updates, [0], [2], [1]), { reduction: 'mean' }),
    ).toThrow('unknown reduction "mean"');
  });

  const differentiate = (reduction: string, indices: number[] | null, by: 'x' | 'u') => {
    const b = builder();
    const x = b.input('x', 'float32', [4]);
    const u = b.input('u', 'float32', [2]);
    const y = b.ScatterElements(x, indices ?? b.input('at', 'int64', [2]), u, { reduction });
    return backward(b, b.ReduceSum(y, null, { keepdims: 0 }), [by === 'x' ? x : u]);
  };

  it('name the reduction that has no gradient', () => {
    expect(() => differentiate('max', [0, 1], 'x')).toThrow(GradientError);
    expect(() => differentiate('min', [0, 1], 'u')).toThrow('the gradient of reduction "min"');
  });

  it('multiply: by the data always, by the updates where indices are known and distinct', () => {
    expect(differentiate('mul', [1, 1], 'x')).toHaveLength(1);
    expect(differentiate('mul', [1, -4], 'u')).toHaveLength(1);
    expect(() => differentiate('mul', [1, 1], 'u')).toThrow('some occur twice');
    expect(() => differentiate('mul', [1, -3], 'u')).toThrow('some occur twice');
    expect(() => differentiate('mul', null, 'u')).toThrow('but they are computed');
  });
});

describe('OneHot', () => {
  it('adds an axis of the depth', () => {
    const { b, at } = on([1], ['batch', 2]);
    const values = b.constant(tensor('float32', [2], [0, 1]));
    expect(b.OneHot(at, [5], values).shape).toEqual(['batch', 2, 5]);
    expect(b.OneHot(at, [5], values, { axis: 0 }).shape).toEqual([5, 'batch', 2]);
    expect(b.OneHot(at, b.input('depth', 'int64', [1]), values).shape).toEqual([
      'batch',
      2,
      'depth',
    ]);
  });

  it('refuses other than two values, and scalar indices', () => {
    const { b, x, at } = on([3], [2]);
    expect(() => b.OneHot(at, [5], x)).toThrow('sizes of values differ: 2 against 3');
    const scalar = b.input('scalar', 'int64', []);
    expect(() => b.OneHot(scalar, [5], b.input('v', 'float32', [2]))).toThrow('Unsqueeze them');
  });
});
