/** Each form of interpolation against its definition. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { model } from '../graph/graph.js';
import { normal } from '../nn/init.js';
import { builder } from '../ops/builder.js';
import { load } from '../ops/load.js';
import { nodeRuntime } from '../runtime/node.js';
import type { Runtime } from '../runtime/runtime.js';
import type { Tensor } from '../tensor/tensor.js';
import { enlargementOf } from './enlarge.js';
import { type Grid, pixels } from './grid.js';
import { evenGrid, interpolate, interpolationWeights } from './interpolation.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

/** Value at `at` (in cells) of a row whose ends go on. */
function between(row: readonly number[], at: number): number {
  const place = Math.min(Math.max(at, 0), row.length - 1);
  return row.reduce((sum, x, i) => sum + x * Math.max(0, 1 - Math.abs(place - i)), 0);
}

const grid = fc.record({
  stride: fc.constantFrom(0.5, 1, 2, 3, 4, 1.6, 7),
  offset: fc.integer({ min: -24, max: 24 }).map((n) => n / 4),
});

const drawn = fc.record({
  from: fc.tuple(grid, grid),
  to: fc.tuple(grid, grid),
  cells: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
  count: fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })),
  sizes: fc.constantFrom('symbolic', 'known', 'fixed'),
});

describe('interpolate', () => {
  it('gives alpha of any two grids, whatever is known of their sizes', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async ({ from, to, cells, count, sizes }) => {
        const b = builder();
        const free = sizes === 'symbolic';
        const x = b.input('x', 'float32', [1, 2, ...(free ? ['h', 'w'] : cells)]);
        const like = b.input('like', 'float32', [1, 1, ...(free ? ['height', 'width'] : count)]);
        const size = sizes === 'fixed' ? count : like;
        const y = b.output(interpolate(b, x, from, { grids: to, size }), 'y');
        expect(y.shape).toEqual([1, 2, ...(free ? ['height', 'width'] : count)]);
        const data = normal(1, 'x', [1, 2, ...cells], 1) as Tensor<'float32'>;
        const session = await runtime.load(model(b.build(), {}, b.opset), { threads: 1 });
        const found = (await session.run({ x: data, like: normal(1, 'y', [1, 1, ...count], 1) }))[
          'y'
        ] as Tensor<'float32'>;
        const place = (axis: 0 | 1, i: number): number =>
          (to[axis].offset + i * to[axis].stride - from[axis].offset) / from[axis].stride;
        for (let i = 0; i < found.data.length; i++) {
          const [row, column] = [Math.floor(i / count[1]) % count[0], i % count[1]];
          const first = i < count[0] * count[1] ? 0 : cells[0] * cells[1];
          const lines = Array.from({ length: cells[0] }, (_, line) => {
            const start = first + line * cells[1];
            return between([...data.data.subarray(start, start + cells[1])], place(1, column));
          });
          expect(found.data[i]).toBeCloseTo(between(lines, place(0, row)), 4);
        }
      }),
      { numRuns: 80, seed: 7 },
    );
  });

  it('is a Resize at the phases that Resize has', () => {
    const at = (stride: number, offset: number) => {
      const each: Grid = { stride, offset };
      return enlargementOf([each, each], pixels)?.mode ?? null;
    };
    expect(at(16, 15)).toBe('asymmetric');
    expect(at(16, 7.5)).toBe('half_pixel');
    expect(at(3, -1)).toBe('asymmetric');
    expect([at(3, 0.5), at(2, 0.25), at(1.5, 0)]).toEqual([null, null, null]);
  });

  it('copies nothing that need not be copied once sizes are bound', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 2, 'height', 'width']);
    const coarse = b.MaxPool(x, { kernel_shape: [4, 4], strides: [4, 4] });
    const each = { stride: 4, offset: 1.5 };
    const y = b.output(interpolate(b, coarse, [each, each], { grids: pixels, size: x }), 'y');
    expect(y.shape).toEqual(['batch', 2, 'height', 'width']);
    const bound = load(b.build(), { dimensions: { batch: 1, height: 10, width: 12 } });
    expect(bound.value('y').shape).toEqual([1, 2, 10, 12]);
    const pads = bound.nodes.find(({ op }) => op === 'Pad')?.inputs[1] ?? '';
    // Resize repeats two pixels beyond the last middle itself, and two rows more are wanted.
    expect(Array.from(bound.known(pads)?.data ?? [], Number)).toEqual([0, 0, 1, 0]);
  });
});

describe('interpolationWeights', () => {
  it('are one or two a row, which sum to 1', () => {
    const { dims, data } = interpolationWeights({
      from: { stride: 4, offset: 1.5 },
      cells: 3,
      to: pixels[0],
      count: 13,
    });
    expect(dims).toEqual([13, 3]);
    const row = (i: number) => [...data.subarray(3 * i, 3 * i + 3)];
    expect(row(0)).toEqual([1, 0, 0]);
    expect(row(2)).toEqual([0.875, 0.125, 0]);
    expect(row(5)).toEqual([0.125, 0.875, 0]);
    expect(row(12)).toEqual([0, 0, 1]);
  });

  it('cover a box evenly by an even grid', () => {
    const each = evenGrid(227, 50);
    expect(each.offset - each.stride / 2).toBeCloseTo(-0.5, 12);
    expect(each.offset + 49.5 * each.stride).toBeCloseTo(226.5, 12);
  });
});
