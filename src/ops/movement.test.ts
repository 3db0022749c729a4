import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.js';
import type { Dim } from '../tensor/shape.js';
import { builder } from './builder.js';

const on = (shape: Dim[]) => {
  const b = builder();
  return { b, x: b.input('x', 'float32', shape) };
};

describe('Reshape', () => {
  const reshape = (shape: Dim[], wanted: number[], allowzero = 0) => {
    const { b, x } = on(shape);
    return b.Reshape(x, wanted, { allowzero }).shape;
  };

  it.each<[Dim[], number[], Dim[]]>([
    [
      [2, 3, 4],
      [0, -1],
      [2, 12],
    ],
    [
      ['batch', 3, 4],
      [0, -1],
      ['batch', 12],
    ],
    [
      ['batch', 3, 4],
      [-1, 12],
      ['batch', 12],
    ],
    [['batch', 3, 4], [-1], ['12*batch']],
    [
      ['batch', 3, 4],
      [-1, 4],
      ['3*batch', 4],
    ],
    [
      ['batch', 'h', 4],
      [0, 0, 2, -1],
      ['batch', 'h', 2, 2],
    ],
    [['12*batch'], [-1, 12], ['batch', 12]],
    [[1], [], []],
    [
      ['batch', 4],
      [1, 4],
      [1, 4],
    ],
  ])('%j to %j is %j', (shape, wanted, expected) => {
    expect(reshape(shape, wanted)).toEqual(expected);
  });

  it('keeps a zero where asked', () => {
    expect(reshape([0, 3], [3, 0], 1)).toEqual([3, 0]);
    expect(() => reshape([2, 3], [3, 0], 1)).toThrow('the number of elements differs');
  });

  it('refuses what does not fit', () => {
    expect(() => reshape([2, 3], [4, -1])).toThrow(
      'Reshape at node "Reshape": [2, 3] cannot become [4, -1]: the number of elements differs',
    );
    expect(() => reshape([2, 3], [-1, -1])).toThrow('one dimension may be -1');
    expect(() => reshape([2, 3], [2, 3, 0])).toThrow('0 copies dimension 2, which is not there');
    expect(() => reshape([0, 3], [0, -1])).toThrow('nothing tells what -1 is');
  });

  it('has the right rank, and names of its own, where the shape is computed', () => {
    const { b, x } = on(['batch', 12]);
    const shape = b.input('shape', 'int64', [3]);
    const y = b.Reshape(x, shape);
    expect(y.shape).toEqual([
      'reshape(x, shape)[0]',
      'reshape(x, shape)[1]',
      'reshape(x, shape)[2]',
    ]);
    expect(b.Add(y, b.Reshape(x, shape)).shape).toEqual(y.shape);
    expect(() => b.Reshape(x, b.input('any', 'int64', ['n']))).toThrow(
      'shape must be known before the run, or at least how many elements it has',
    );
  });
});

describe('Flatten', () => {
  it.each<[Dim[], number, Dim[]]>([
    [['batch', 3, 4], 1, ['batch', 12]],
    [['batch', 512, 1, 1], 1, ['batch', 512]],
    [['batch', 3, 4], 2, ['3*batch', 4]],
    [[2, 3, 4], 0, [1, 24]],
    [[2, 3, 4], 3, [24, 1]],
    [[2, 3, 4], -1, [6, 4]],
    [[], 0, [1, 1]],
  ])('%j at axis %d is %j', (shape, axis, expected) => {
    const { b, x } = on(shape);
    expect(b.Flatten(x, { axis }).shape).toEqual(expected);
  });

  it('refuses an axis outside the rank', () => {
    const { b, x } = on([2, 3]);
    expect(() => b.Flatten(x, { axis: 3 })).toThrow(ShapeError);
  });
});

describe('Transpose', () => {
  it('reverses the axes unless told', () => {
    const { b, x } = on(['batch', 3, 4]);
    expect(b.Transpose(x).shape).toEqual([4, 3, 'batch']);
    expect(b.Transpose(x, { perm: [0, 2, 1] }).shape).toEqual(['batch', 4, 3]);
  });

  it.each([[[0, 1]], [[0, 0, 1]], [[0, 1, 3]]])('refuses perm %j for three axes', (perm) => {
    const { b, x } = on([2, 3, 4]);
    expect(() => b.Transpose(x, { perm })).toThrow('is no order of 3 axes');
  });
});

describe('Squeeze and Unsqueeze', () => {
  it('take axes as an input, or as the attribute of old files', () => {
    const { b, x } = on([1, 'batch', 1]);
    expect(b.Squeeze(x, [0, -1]).shape).toEqual(['batch']);
    expect(b.Squeeze(x, null, { axes: [0] }).shape).toEqual(['batch', 1]);
    expect(b.Unsqueeze(x, [1, -1]).shape).toEqual([1, 1, 'batch', 1, 1]);
    expect(b.Unsqueeze(x, null, { axes: [0] }).shape).toEqual([1, 1, 'batch', 1]);
  });

  it('squeezes every one where no axes are given, if all sizes are known', () => {
    const { b, x } = on([1, 3, 1]);
    expect(b.Squeeze(x).shape).toEqual([3]);
    // As ONNX Runtime has it.
    expect(b.Squeeze(x, []).shape).toEqual([3]);
    const named = on([1, 'batch']);
    expect(() => named.b.Squeeze(named.x)).toThrow('the size of batch is not known. Give axes');
  });

  it('refuse axes that are not 1, repeated, outside or missing', () => {
    const { b, x } = on([1, 3]);
    expect(() => b.Squeeze(x, [1])).toThrow('dimension 1 of [1, 3] is 3, not 1');
    expect(() => b.Squeeze(x, [0, -2])).toThrow('axis 0 is given twice');
    expect(() => b.Unsqueeze(x, [3])).toThrow(ShapeError);
    expect(() => b.Unsqueeze(x, null)).toThrow('missing axes');
  });
});
