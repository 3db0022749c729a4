import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attribute } from '../graph/graph.js';
import type { Shape } from '../tensor/shape.js';
import { tensor } from '../tensor/tensor.js';
import { builder } from './builder.js';

const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });

/** The shape of `op` over x [2, 3] as a graph of operator set `opset` has it. */
function added(
  opset: number,
  op: string,
  inputs: readonly string[],
  axes?: readonly number[],
): Shape | undefined {
  const attributes: Record<string, Attribute> = axes ? { axes: { type: 'ints', value: axes } } : {};
  const b = builder(opset);
  b.input('x', 'float32', [2, 3]);
  b.initializer('axes', tensor('int64', [1], [1]));
  const node = { name: op, op, domain: '', inputs, outputs: ['y'], attributes };
  return b.add(node)[0]?.shape;
}

describe('the shape of a reduction', () => {
  it('keeps the rank with keepdims, and loses an axis for each reduced one without', () => {
    fc.assert(
      fc.property(shapes, fc.nat(15), (shape, chosen) => {
        const b = builder();
        const x = b.input('x', 'float32', shape);
        const axes = shape.map((_, axis) => axis).filter((axis) => chosen & (1 << axis));
        fc.pre(axes.length > 0);
        const negative = axes.map((axis) => axis - shape.length);
        const kept = b.ReduceSum(x, axes, { keepdims: 1 }).shape;
        expect(b.ReduceMax(x, negative, { keepdims: 1 }).shape).toEqual(kept);
        expect(kept).toEqual(shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)));
        expect(b.ReduceMean(x, axes, { keepdims: 0 }).shape).toEqual(
          shape.filter((_, axis) => !axes.includes(axis)),
        );
      }),
    );
  });

  it('keeps symbolic dimensions by name', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3, 'width']);
    expect(b.ReduceSum(x, [1]).shape).toEqual(['batch', 1, 'width']);
    expect(b.ArgMax(x, { axis: -1, keepdims: 0 })).toMatchObject({
      dtype: 'int64',
      shape: ['batch', 3],
    });
  });

  it('reduces all axes where none are given, unless told not to', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2, 3]);
    const none = b.constant(tensor('int64', [0], []));
    expect(b.ReduceSum(x, null, { keepdims: 0 }).shape).toEqual([]);
    expect(b.ReduceSum(x, none, { keepdims: 0 }).shape).toEqual([]);
    expect(b.ReduceSum(x, none, { noop_with_empty_axes: 1 }).shape).toEqual([2, 3]);
  });

  it('takes axes as an attribute in old operator sets and as an input in new ones', () => {
    expect(added(13, 'ReduceSum', ['x', 'axes'])).toEqual([2, 1]);
    expect(added(13, 'ReduceMean', ['x'], [1])).toEqual([2, 1]);
    expect(added(18, 'ReduceMean', ['x', 'axes'])).toEqual([2, 1]);
    expect(() => added(13, 'ReduceMean', ['x', 'axes'])).toThrow(/must be an attribute/);
    expect(() => added(18, 'ReduceMean', ['x'], [1])).toThrow(/must be an input/);
    expect(() => added(13, 'ReduceSum', ['x'], [1])).toThrow(/must be an input/);
  });

  it('refuses axes outside the rank, twice given or unknown, and booleans', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2, 3]);
    expect(() => b.ReduceSum(x, [2])).toThrow(/axis 2 is outside \[-2, 1\]/);
    expect(() => b.ReduceSum(x, [1, -1])).toThrow(/axis 1 is given twice/);
    expect(() => b.ReduceSum(x, b.input('axes', 'int64', [1]))).toThrow(/known before the run/);
    expect(() => b.ReduceSum(b.Greater(x, 0))).toThrow(/must be a number, got bool/);
    expect(() => b.ArgMax(x, { axis: 2 })).toThrow(/axis 2 is outside/);
  });
});
