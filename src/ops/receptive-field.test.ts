import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AxisField,
  asOneFilter,
  everywhere,
  type FieldWindow,
  pixelField,
  positionsOn,
  throughTransposedWindow,
  throughWindow,
  union,
} from './receptive-field.js';

const conv = (kernel: number, stride = 1, before = 0, dilation = 1): FieldWindow => ({
  ...{ kernel, stride, before, dilation },
});
/** The field after windows on an axis of `pixels`, with the positions counted. */
const stack = (pixels: number, ...windows: FieldWindow[]): AxisField =>
  windows.reduce(
    (field, window) => {
      const span = (window.kernel - 1) * window.dilation + 1;
      const count = Math.floor(((field.count ?? 0) + 2 * window.before - span) / window.stride) + 1;
      return { ...throughWindow(field, window), count };
    },
    pixelField(2, pixels),
  );

describe('receptive fields', () => {
  it('of the textbook: convolution, pool and a fully connected layer are one filter of 23 with stride 4', () => {
    const map = stack(25, conv(3, 2), conv(3, 2));
    expect(map).toMatchObject({ size: 7, stride: 4, offset: 0, count: 5 });
    const filter = asOneFilter(map);
    expect(filter).toMatchObject({ size: 23, stride: 4, offset: 0, count: 1 });
    expect(filter && positionsOn(25, filter)).toBe(1);
    expect(filter && positionsOn(50, filter)).toBe(7);
    expect(filter && positionsOn(22, filter)).toBe(0);
  });

  it('with padding begin before the image', () => {
    expect(stack(32, conv(3, 1, 1), conv(3, 2, 1), conv(3, 1, 1))).toMatchObject({
      ...{ size: 9, stride: 2, offset: -4, count: 16 },
    });
  });

  it('of VGG16 at pool5 and fc6, as Long, Shelhamer and Darrell count them', () => {
    const block = (convolutions: number) => [
      ...Array.from({ length: convolutions }, () => conv(3, 1, 1)),
      conv(2, 2),
    ];
    const pool5 = stack(224, ...[2, 2, 3, 3, 3].flatMap(block));
    expect(pool5).toMatchObject({ size: 212, stride: 32, count: 7 });
    expect(asOneFilter(pool5)).toMatchObject({ size: 404, stride: 32 });
  });

  it('union of branches is their hull; strides must agree', () => {
    const one = stack(9, conv(1));
    const three = stack(9, conv(3, 1, 1));
    expect(union(one, three)).toMatchObject({ size: 3, offset: -1, stride: 1, exact: true });
    expect(union(stack(9, conv(1, 2)), stack(5, conv(1)))).toBeNull();
    expect(union(stack(8, conv(3, 1, 1)), { ...three, count: null })).toBeNull();
  });

  it('of a global branch beside a map holds the whole image at each position', () => {
    const map = stack(9, conv(3, 1, 1));
    const pooled = asOneFilter(map);
    const both = pooled && union(map, pooled);
    for (const position of [0, 8]) {
      const start = (both?.offset ?? 0) + position;
      expect(start).toBeLessThanOrEqual(-1);
      expect(start + (both?.size ?? 0)).toBeGreaterThanOrEqual(10);
    }
    expect(both).toMatchObject({ stride: 1, exact: false, count: 9 });
    expect(everywhere(map)).toMatchObject({ stride: 1, exact: false });
  });

  it('of two filters moves by whole steps of both', () => {
    const single = (stride: number) => ({ ...pixelField(2, 1), stride });
    expect(union(single(8), single(4))?.stride).toBe(8);
    expect(union(single(2), single(3))).toBeNull();
  });

  it('of transposed windows hold every position that is read', () => {
    const window = fc.record({
      kernel: fc.integer({ min: 1, max: 5 }),
      stride: fc.integer({ min: 1, max: 4 }),
      dilation: fc.integer({ min: 1, max: 3 }),
      before: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(window, fc.integer({ min: 0, max: 30 }), (w, position) => {
        const field = throughTransposedWindow(pixelField(2, 12), w);
        const start = field.offset + field.stride * position;
        for (let k = 0; k < w.kernel; k++) {
          const read = (position + w.before - k * w.dilation) / w.stride;
          if (!Number.isInteger(read)) continue;
          expect(read).toBeGreaterThanOrEqual(start - 1e-9);
          expect(read).toBeLessThanOrEqual(start + field.size - 1 + 1e-9);
        }
      }),
      { seed: 5 },
    );
  });
});
