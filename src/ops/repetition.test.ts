import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { GradientError } from '../errors.js';
import { builder } from './builder.js';

describe('Expand', () => {
  it('broadcasts both ways', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 1, 3]);
    expect(b.Expand(x, [4, 1]).shape).toEqual(['batch', 4, 3]);
    expect(b.Expand(x, [2, 1, 1, 1]).shape).toEqual([2, 'batch', 1, 3]);
    expect(() => b.Expand(x, [2])).toThrow('do not broadcast: 3 against 2');
  });

  it('has the right rank where the shape is computed', () => {
    const b = builder();
    const x = b.input('x', 'float32', [3, 1]);
    expect(b.Expand(x, b.input('shape', 'int64', [3])).shape).toHaveLength(3);
    expect(b.Expand(x, b.input('short', 'int64', [1])).shape).toHaveLength(2);
  });
});

describe('Tile', () => {
  it('multiplies dimensions', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3]);
    expect(b.Tile(x, [2, 2]).shape).toEqual(['2*batch', 6]);
    expect(() => b.Tile(x, [2])).toThrow('repeats must hold 2 numbers, got 1');
    expect(b.Tile(x, b.input('repeats', 'int64', [2])).shape).toHaveLength(2);
  });

  it('says that its gradient needs the repeats', () => {
    const b = builder();
    const x = b.input('x', 'float32', [3]);
    const y = b.Tile(x, b.input('repeats', 'int64', [1]));
    const loss = b.ReduceSum(y, null, { keepdims: 0 });
    expect(() => backward(b, loss, [x])).toThrow(GradientError);
  });
});
