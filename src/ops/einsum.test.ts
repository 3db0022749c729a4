import { describe, expect, it } from 'vitest';
import { builder } from './builder.js';

describe('Einsum', () => {
  const b = builder();
  const x = b.input('x', 'float32', ['batch', 2, 3]);
  const w = b.input('w', 'float32', [3, 4]);
  const shapeOf = (equation: string, ...operands: (typeof x)[]) =>
    b.Einsum(...operands, { equation }).shape;

  it('keeps symbolic dimensions, and orders letters where there is no arrow', () => {
    expect(shapeOf('...ij,jk->...ik', x, w)).toEqual(['batch', 2, 4]);
    expect(shapeOf('bij,jk', x, w)).toEqual(['batch', 2, 4]);
    expect(shapeOf('ba', w)).toEqual([4, 3]);
    expect(shapeOf('b...->...b', x)).toEqual([2, 3, 'batch']);
  });

  it.each([
    ['ij,jk->ik', /operand 0 of rank 3 is not "ij"/],
    ['bij->ij', /has 1 operands, got 2/],
    ['bij,jk->il', /no operand has "l"/],
    ['bij,ik->jk', /sizes of "i" differ: 2 against 3/],
    ['bij,j1->i', /invalid equation/],
    ['bij,jk->i->k', /invalid equation/],
  ])('refuses %s', (equation, message) => {
    expect(() => b.Einsum(x, w, { equation })).toThrow(message);
  });
});
