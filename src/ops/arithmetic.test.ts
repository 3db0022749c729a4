import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Value } from '../graph/graph.js';
import { broadcastShapes, sizeOf } from '../tensor/shape.js';
import { scalar, type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import { type Builder, builder } from './builder.js';

/** What shape arithmetic makes of `value`. */
const folded = (b: Builder, value: Value): Tensor => {
  const known = b.known(value.name);
  if (!known) throw new Error(`${value.name} is not known`);
  return known;
};
const int64 = (...values: number[]): Tensor => tensor('int64', [values.length], values);
const float32 = (...values: number[]): Tensor => tensor('float32', [values.length], values);

describe('shapes', () => {
  it('broadcast, with symbolic dimensions', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3]);
    const y = b.input('y', 'float32', [4, 1, 1]);
    expect(b.Add(x, y).shape).toEqual([4, 'batch', 3]);
    expect(b.Max(x, y, 0).shape).toEqual([4, 'batch', 3]);
    expect(b.Pow(x, 2).shape).toEqual(['batch', 3]);
    expect(b.Where(b.Greater(x, 0), x, y).shape).toEqual([4, 'batch', 3]);
  });

  it('are refused where they do not broadcast, naming node, shapes and values', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2, 3]);
    const y = b.input('y', 'float32', [2]);
    expect(() => b.Mul(x, y)).toThrow(
      'Mul at node "Mul": shapes [2, 3] and [2] do not broadcast: 3 against 2 (inputs: x float32[2, 3], y float32[2])',
    );
  });
});

describe('dtypes', () => {
  it('integers and doubles pass', () => {
    const b = builder();
    for (const dtype of ['int64', 'int32', 'float64'] as const) {
      const x = b.input(dtype, dtype, [2]);
      expect(b.Add(x, 1).dtype).toBe(dtype);
      expect(b.Abs(x).dtype).toBe(dtype);
      expect(b.Max(x, 0).dtype).toBe(dtype);
      expect(b.Less(x, 2).dtype).toBe('bool');
    }
    expect(b.Pow(b.input('base', 'float32', [2]), b.input('e', 'int64', [])).dtype).toBe('float32');
  });

  it('that an operator does not take are refused', () => {
    const b = builder();
    const float = b.input('float', 'float32', [2]);
    const int = b.input('int', 'int64', [2]);
    const bool = b.input('bool', 'bool', [2]);
    expect(() => b.Add(float, int)).toThrow(/share a dtype, got float32 and int64/);
    expect(() => b.Add(bool, bool)).toThrow(/must be a number, got bool\. Cast it first/);
    expect(() => b.Exp(int)).toThrow(/must be a float, got int64/);
    expect(() => b.And(float, float)).toThrow(/must be bool, got float32/);
    expect(() => b.Where(float, float, float)).toThrow(/must be bool, got float32/);
    expect(() => b.Where(bool, float, int)).toThrow(/share a dtype/);
    expect(() => b.Cast(float, { to: 17 })).toThrow(/unsupported dtype FLOAT8E4M3FN/);
  });
});

describe('shape arithmetic on the host', () => {
  it('truncates integer division and leaves a division by zero to the run', () => {
    const b = builder();
    const seven = b.constant(int64(7, -7));
    expect(toNumbers(folded(b, b.Div(seven, 2)))).toEqual([3, -3]);
    expect(b.known(b.Div(seven, 0).name)).toBeNull();
  });

  it('rounds as float32 does', () => {
    const b = builder();
    const third = b.Div(b.constant(scalar('float32', 1)), 3);
    expect(toNumbers(folded(b, third))).toEqual([Math.fround(1 / 3)]);
  });

  it('casts, compares and chooses', () => {
    const b = builder();
    const x = b.constant(float32(-1.5, 0, 2.5));
    expect(toNumbers(folded(b, b.Cast(x, { to: 7 })))).toEqual([-1, 0, 2]);
    expect(toNumbers(folded(b, b.Cast(x, { to: 9 })))).toEqual([1, 0, 1]);
    expect(toNumbers(folded(b, b.Floor(x)))).toEqual([-2, 0, 2]);
    const isZero = b.Equal(x, 0);
    expect(folded(b, isZero)).toMatchObject({ dtype: 'bool', dims: [3] });
    expect(toNumbers(folded(b, b.Where(isZero, b.constant(float32(9)), x)))).toEqual([
      -1.5, 9, 2.5,
    ]);
    expect(b.known(b.Cast(b.constant(float32(Number.NaN)), { to: 7 }).name)).toBeNull();
  });

  it('broadcasts as the shape rule says, element by element', () => {
    const dims = fc.array(fc.constantFrom(1, 2), { maxLength: 3 });
    fc.assert(
      fc.property(dims, dims, (left, right) => {
        const b = builder();
        const counted = (shape: number[], from: number) =>
          b.constant(
            tensor(
              'int64',
              shape,
              Array.from({ length: sizeOf(shape) }, (_, i) => from + i),
            ),
          );
        const [x, y] = [counted(left, 1), counted(right, 100)];
        const sum = b.Add(x, y);
        const result = folded(b, sum);
        expect(result.dims).toEqual(sum.shape);
        expect(sum.shape).toEqual(broadcastShapes(left, right));
        // Both operands written out in full must give the same sum.
        const full = b.Add(b.Add(x, b.Mul(y, 0)), b.Add(b.Mul(x, 0), y));
        expect(toNumbers(folded(b, full))).toEqual(toNumbers(result));
      }),
    );
  });
});
