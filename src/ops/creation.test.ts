import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.js';
import { scalar, tensor, toNumbers } from '../tensor/tensor.js';
import { builder } from './builder.js';

describe('Shape', () => {
  it('clamps start and end like a slice, and is known where the dimensions are', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2, 3, 4]);
    const known = (attributes: { start?: number; end?: number }) => {
      const data = b.known(b.Shape(x, attributes).name);
      return data && toNumbers(data);
    };
    expect(known({})).toEqual([2, 3, 4]);
    expect(known({ start: -2, end: 9 })).toEqual([3, 4]);
    expect(known({ start: -9, end: -1 })).toEqual([2, 3]);
    expect(known({ start: 5 })).toEqual([]);
  });

  it('has a known length where the dimensions are not', () => {
    const b = builder();
    const y = b.Shape(b.input('x', 'float32', ['batch', 3]));
    expect(y).toMatchObject({ dtype: 'int64', shape: [2] });
    expect(b.known(y.name)).toBeNull();
  });
});

describe('Constant', () => {
  it('states one value', () => {
    const b = builder();
    expect(b.Constant({ value_ints: [3, 4] })).toMatchObject({ dtype: 'int64', shape: [2] });
    expect(b.Constant({ value_float: 0.5 })).toMatchObject({ dtype: 'float32', shape: [] });
    expect(() => b.Constant()).toThrow('got 0');
    expect(() => b.Constant({ value_int: 1, value_float: 1 })).toThrow('got 2');
  });
});

describe('ConstantOfShape', () => {
  it('has the dtype of its value and the shape that is listed', () => {
    const b = builder();
    expect(b.ConstantOfShape([2, 3])).toMatchObject({ dtype: 'float32', shape: [2, 3] });
    const value = tensor('int64', [1], [7]);
    const filled = b.ConstantOfShape([2], { value });
    expect(b.known(filled.name)).toEqual(tensor('int64', [2], [7, 7]));
  });

  it('names its dimensions by a shape that is computed', () => {
    const b = builder();
    expect(b.ConstantOfShape(b.input('s', 'int64', [2])).shape).toEqual(['s[0]', 's[1]']);
  });

  it('refuses negative sizes and more than one value', () => {
    const b = builder();
    expect(() => b.ConstantOfShape([-1])).toThrow('asks for a dimension of -1');
    expect(() => b.ConstantOfShape([2], { value: tensor('float32', [2], [1, 2]) })).toThrow(
      ShapeError,
    );
  });
});

describe('Range', () => {
  const range = (start: number, limit: number, delta: number) => {
    const b = builder();
    const [from, to, by] = [start, limit, delta].map((x) => b.constant(scalar('int64', x)));
    const y = b.Range(from ?? 0, to ?? 0, by ?? 0);
    const data = b.known(y.name);
    return { shape: y.shape, values: data && toNumbers(data) };
  };

  it('counts up and down to its limit, not with it', () => {
    expect(range(2, 9, 3)).toEqual({ shape: [3], values: [2, 5, 8] });
    expect(range(5, 1, -2)).toEqual({ shape: [2], values: [5, 3] });
    expect(range(5, 1, 1)).toEqual({ shape: [0], values: [] });
    expect(() => range(0, 3, 0)).toThrow('delta not 0');
  });

  it('names its length where it is computed', () => {
    const b = builder();
    const limit = b.input('n', 'int64', []);
    expect(b.Range(b.constant(scalar('int64', 0)), limit, 1).shape[0]).toContain('n');
  });
});
