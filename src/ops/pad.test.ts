import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.js';
import type { Dim } from '../tensor/shape.js';
import { builder } from './builder.js';

const pad = (shape: Dim[], pads: number[], axes: number[] | null = null, mode = 'constant') => {
  const b = builder();
  return b.Pad(b.input('x', 'float32', shape), pads, null, axes, { mode }).shape;
};

describe('Pad', () => {
  it('adds on both sides, and cuts where negative', () => {
    expect(pad([2, 3], [0, 1, 2, -1])).toEqual([4, 3]);
    expect(pad(['batch', 'h'], [0, 1, 0, 1])).toEqual(['batch', 'h + 2']);
    expect(pad([2, 3], [1, 1], [-1])).toEqual([2, 5]);
    expect(pad([3], [-2, -1])).toEqual([0]);
  });

  it('mirrors no more than is there', () => {
    expect(pad([3], [2, 2], null, 'reflect')).toEqual([7]);
    expect(pad([4], [-1, 2], null, 'reflect')).toEqual([5]);
    expect(() => pad([3], [3, 0], null, 'reflect')).toThrow(
      'axis 0 of size 3 cannot be padded by 3 and 0 in mode reflect',
    );
    expect(() => pad([4], [-2, 2], null, 'reflect')).toThrow(ShapeError);
    expect(pad([3], [9, 9], null, 'edge')).toEqual([21]);
  });

  it('refuses pads of the wrong length, cutting more than all, copies of nothing, unknown modes', () => {
    expect(() => pad([2, 3], [1, 1])).toThrow('pads must hold 4 numbers, two for each axis');
    expect(() => pad([3], [-4, 3])).toThrow(ShapeError);
    expect(() => pad([0], [1, 1], null, 'edge')).toThrow(ShapeError);
    expect(() => pad([3], [1, 1], null, 'symmetric')).toThrow('unknown mode "symmetric"');
    expect(() => pad([3], [1, 1], null, 'constructor')).toThrow('unknown mode "constructor"');
  });

  it('keeps the rank where pads are computed', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2, 3]);
    expect(b.Pad(x, b.input('pads', 'int64', [4])).shape).toEqual([
      'pad(x, pads)[0]',
      'pad(x, pads)[1]',
    ]);
  });
});
