import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.js';
import { builder } from './builder.js';

describe('DepthToSpace and SpaceToDepth', () => {
  it('name symbolic sizes', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 12, 'h', 'w']);
    const wide = b.DepthToSpace(x, { blocksize: 2, mode: 'CRD' });
    expect(wide.shape).toEqual(['batch', 3, '2*h', '2*w']);
    expect(b.SpaceToDepth(wide, { blocksize: 2 }).shape).toEqual(['batch', 12, 'h', 'w']);
  });

  it.each<[string, readonly number[], Record<string, unknown>, RegExp]>([
    [
      'channels that do not divide',
      [1, 6, 2, 2],
      { blocksize: 2 },
      /channels must be a multiple of 4, got 6/,
    ],
    [
      'an unknown mode',
      [1, 4, 2, 2],
      { blocksize: 2, mode: 'RCD' },
      /unknown mode "RCD". Use DCR or CRD/,
    ],
    ['a volume', [1, 4, 2, 2, 2], { blocksize: 2 }, /must be \(batch, channels, height, width\)/],
    ['no block', [1, 4, 2, 2], { blocksize: 0 }, /blocksize must be 1 or more, got 0/],
  ])('tell of %s', (_, dims, attributes, message) => {
    const b = builder();
    const x = b.input('x', 'float32', dims);
    const attempt = () => b.node('DepthToSpace', [x], attributes);
    expect(attempt).toThrow(ShapeError);
    expect(attempt).toThrow(message);
  });

  it('tell of a height that does not divide', () => {
    const b = builder();
    const x = b.input('x', 'float32', [1, 1, 5, 4]);
    expect(() => b.SpaceToDepth(x, { blocksize: 2 })).toThrow(
      'height must be a multiple of 2, got 5',
    );
  });
});
