import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { ShapeError } from '../errors.js';
import type { Dim } from '../tensor/shape.js';
import { builder } from './builder.js';

function product(a: Dim[], w: Dim[]): readonly Dim[] {
  const b = builder();
  return b.MatMul(b.input('a', 'float32', a), b.input('w', 'float32', w)).shape;
}

describe('MatMul', () => {
  it.each<[Dim[], Dim[], Dim[]]>([
    [[3], [3], []],
    [[3], [3, 4], [4]],
    [[2, 3], [3], [2]],
    [
      ['batch', 3],
      [3, 4],
      ['batch', 4],
    ],
    [
      [2, 1, 5, 3],
      [7, 3, 4],
      [2, 7, 5, 4],
    ],
    [
      ['batch', 5, 'k'],
      ['k', 4],
      ['batch', 5, 4],
    ],
    [[3], [2, 3, 4], [2, 4]],
  ])('%j times %j is %j', (a, w, expected) => {
    expect(product(a, w)).toEqual(expected);
  });

  it('refuses inner dimensions that differ, batches that do not broadcast, and scalars', () => {
    expect(() => product([2, 3], [4, 5])).toThrow(
      'MatMul at node "MatMul": inner dimensions differ: 3 against 4 (inputs: a float32[2, 3], w float32[4, 5])',
    );
    expect(() => product([2, 2, 3], [3, 3, 5])).toThrow(ShapeError);
    expect(() => product([], [3])).toThrow('at least one dimension');
  });

  const operators = (a: number[], w: number[]): string[] => {
    const b = builder();
    const inputs = [b.input('a', 'float32', a), b.input('w', 'float32', w)] as const;
    const y = b.MatMul(...inputs);
    const before = b.nodes.length;
    backward(b, y, inputs, { seed: b.input('seed', 'float32', y.shape) });
    return b.nodes.slice(before).map(({ op }) => op);
  };

  it('differentiates matrices by Gemm alone', () => {
    expect(operators([2, 3], [3, 4])).toEqual(['Gemm', 'Gemm']);
  });

  it('takes the gradient of one weight for many batches as one product', () => {
    const emitted = operators([5, 2, 3], [3, 4]);
    expect(emitted.filter((op) => op !== 'Reshape')).toEqual(['Gemm', 'Gemm']);
  });
});

function gemm(a: Dim[], w: Dim[], c: Dim[] | null, attributes = {}): readonly Dim[] {
  const b = builder();
  const bias = c && b.input('c', 'float32', c);
  return b.Gemm(b.input('a', 'float32', a), b.input('w', 'float32', w), bias, attributes).shape;
}

describe('Gemm', () => {
  it('reads its factors transposed', () => {
    expect(gemm(['batch', 3], [4, 3], [4], { transB: 1 })).toEqual(['batch', 4]);
    expect(gemm([3, 'batch'], [3, 4], null, { transA: 1 })).toEqual(['batch', 4]);
  });

  it('broadcasts C one way only', () => {
    for (const c of [[], [4], [1], [2, 1], [1, 4], [2, 4]])
      expect(gemm([2, 3], [3, 4], c)).toEqual([2, 4]);
    for (const c of [[2], [3, 4], [1, 2, 4]])
      expect(() => gemm([2, 3], [3, 4], c)).toThrow('does not broadcast to the product [2, 4]');
    expect(() => gemm([1, 3], [3, 4], [2, 4])).toThrow(ShapeError);
  });

  it('refuses batches and dtypes that differ', () => {
    expect(() => gemm([2, 2, 3], [3, 4], null)).toThrow('MatMul takes batches');
    const b = builder();
    expect(() => b.Gemm(b.input('a', 'float32', [2, 3]), b.input('w', 'int64', [3, 4]))).toThrow(
      'inputs must share a dtype, got float32 and int64',
    );
  });
});
