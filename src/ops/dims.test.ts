import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.js';
import { addDims, divideDims, equalDims, multiplyDims } from './dims.js';

describe('multiplyDims', () => {
  it('names a product by its expression, numbers first', () => {
    expect(multiplyDims(['width', 3, 'batch', 4])).toBe('12*batch*width');
    expect(multiplyDims(['batch', 1])).toBe('batch');
    expect(multiplyDims(['h + 2', 'w'])).toBe('(h + 2)*w');
    expect(multiplyDims([])).toBe(1);
    expect(multiplyDims(['batch', 0])).toBe(0);
  });
});

describe('divideDims', () => {
  it('cancels what is on both sides', () => {
    expect(divideDims(['batch', 3, 4], ['batch', 2])).toBe(6);
    expect(divideDims(['batch', 12], [12])).toBe('batch');
    expect(divideDims(['12*batch'], [4])).toBe('3*batch');
    expect(divideDims(['h + 2', 4], ['h + 2'])).toBe(4);
  });

  it('keeps a quotient that has no simpler form', () => {
    expect(divideDims(['batch', 12], [5])).toBe('12*batch/5');
    expect(divideDims([12], ['batch'])).toBe('12/(batch)');
  });

  it('is null where numbers do not divide', () => {
    expect(divideDims([6], [4])).toBeNull();
  });

  it('undoes multiplication', () => {
    const dims = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom('batch', 'h', 'w', 'h + 2')),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(dims, dims, (a, b) => {
        expect(divideDims([...a, ...b], b)).toBe(multiplyDims(a));
        expect(divideDims([multiplyDims(a)], [])).toBe(multiplyDims(a));
      }),
    );
  });
});

describe('addDims', () => {
  it('collects the numbers', () => {
    expect(addDims(['h'], 2)).toBe('h + 2');
    expect(addDims(['h + 2'], -2)).toBe('h');
    expect(addDims(['h - 3', 'w', 1])).toBe('h + w - 2');
    expect(addDims([3, 4], 1)).toBe(8);
  });
});

describe('equalDims', () => {
  it('takes the number where one is known', () => {
    expect(equalDims('batch', 3, 'sizes')).toBe(3);
    expect(equalDims(3, 'batch', 'sizes')).toBe(3);
    expect(equalDims('batch', 'n', 'sizes')).toBe('batch');
  });

  it('refuses two numbers', () => {
    expect(() => equalDims(2, 3, 'sizes')).toThrow(ShapeError);
    expect(() => equalDims(2, 3, 'sizes')).toThrow('sizes differ: 2 against 3');
  });
});
