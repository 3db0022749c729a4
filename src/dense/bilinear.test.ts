/** Upsampling against the definition of interpolation, and against the crops that the paper's networks have. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelError } from '../errors.js';
import { model } from '../graph/graph.js';
import { normal } from '../nn/init.js';
import { builder } from '../ops/builder.js';
import { load } from '../ops/load.js';
import { nodeRuntime } from '../runtime/node.js';
import type { Runtime } from '../runtime/runtime.js';
import type { Tensor } from '../tensor/tensor.js';
import { phaseOf, upsample } from './bilinear.js';
import { cutGrid, type Grid } from './grid.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

const image: Grid = { stride: 1, offset: 0 };

/** Value at `at` (in cells) between the numbers of a row. */
function between(row: readonly number[], at: number, edges: 'replicate' | 'zeros'): number {
  const place = edges === 'replicate' ? Math.min(Math.max(at, 0), row.length - 1) : at;
  return row.reduce((sum, x, i) => sum + x * Math.max(0, 1 - Math.abs(place - i)), 0);
}

interface Case {
  readonly from: Grid;
  readonly to: Grid;
  readonly coarse: number;
  readonly fine: number;
  readonly edges: 'replicate' | 'zeros';
}

/** Rows of a map with one column more than the axis asks for, upsampled along its rows and columns alike. */
async function run({ from, to, coarse, fine, edges }: Case, symbolic: boolean) {
  const b = builder();
  const x = b.input('x', 'float32', ['batch', 2, symbolic ? 'rows' : coarse, 'columns']);
  const like = b.input('like', 'float32', ['batch', 1, symbolic ? 'height' : fine, 'width']);
  const grids = { from: [from, from], to: [to, to] } as const;
  b.output(upsample(b, x, { ...grids, like, edges, kernel: 'kernel' }), 'y');
  const graph = b.build();
  expect(graph.outputs[0]?.shape?.slice(0, 2)).toEqual(['batch', 2]);
  expect(graph.outputs[0]?.shape?.[3]).toBe('width');
  const data = normal(1, 'x', [1, 2, coarse, coarse + 1], 1) as Tensor<'float32'>;
  const seen = normal(1, 'like', [1, 1, fine, fine + 2], 1);
  const session = await runtime.load(model(graph), { threads: 1 });
  const { y } = await session.run({ x: data, like: seen });
  return { data, y: y as Tensor<'float32'> };
}

const cases = fc.record({
  factor: fc.integer({ min: 1, max: 5 }),
  stride: fc.constantFrom(1, 2),
  from: fc.integer({ min: -20, max: 20 }),
  to: fc.integer({ min: -20, max: 20 }),
  coarse: fc.integer({ min: 1, max: 4 }),
  fine: fc.integer({ min: 1, max: 9 }),
  edges: fc.constantFrom('replicate' as const, 'zeros' as const),
});

describe('upsample', () => {
  it('interpolates between the cells at any phase, beyond them and where sizes are free', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.boolean(), async (drawn, symbolic) => {
        const { factor, stride, coarse, fine, edges } = drawn;
        const from = { stride: factor * stride, offset: drawn.from / 2 };
        const to = { stride, offset: drawn.to / 2 };
        const { data, y } = await run({ from, to, coarse, fine, edges }, symbolic);
        const at = (j: number) => (to.offset + j * stride - from.offset) / from.stride;
        const width = fine + 2;
        for (let channel = 0; channel < 2; channel++)
          for (let row = 0; row < fine; row++)
            for (let column = 0; column < width; column++) {
              const columns = Array.from({ length: coarse }, (_, i) => {
                const start = (channel * coarse + i) * (coarse + 1);
                const line = [...data.data.subarray(start, start + coarse + 1)];
                return between(line, at(column), edges);
              });
              const found = y.data[(channel * fine + row) * width + column];
              expect(found).toBeCloseTo(between(columns, at(row), edges), 4);
            }
      }),
      { numRuns: 40, seed: 4 },
    );
  });

  it('pads by constant amounts once sizes are bound', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 2, 'height', 'width']);
    const coarse = b.MaxPool(x, { kernel_shape: [4, 4], strides: [4, 4] });
    const grid = { stride: 4, offset: 1.5 };
    const options = { from: [grid, grid], to: [image, image], like: x, kernel: 'k' } as const;
    const y = b.output(upsample(b, coarse, options), 'y');
    expect(y.shape).toEqual(['batch', 2, 'height', 'width']);
    const bound = load(b.build(), { dimensions: { batch: 1, height: 10, width: 12 } });
    expect(bound.value('y').shape).toEqual([1, 2, 10, 12]);
    const pads = bound.nodes.find(({ op }) => op === 'Pad')?.inputs[1] ?? '';
    // Two cells of height 10: pixels 8 and 9 lie beyond the second's centre.
    expect(Array.from(bound.known(pads)?.data ?? [], Number)).toEqual([1, 1, 1, 1]);
  });

  it('refuses strides that do not divide', () => {
    expect(() => phaseOf({ stride: 5, offset: 0 }, { stride: 2, offset: 0 })).toThrow(ModelError);
    expect(() => phaseOf(image, { stride: 2, offset: 0 })).toThrow(/whole number/);
  });
});

describe('the crops of the paper', () => {
  /** Centre of cell 0 behind the layers given, as (kernel, stride, padding before). */
  const grid = (...windows: (readonly [number, number, number])[]): Grid =>
    windows.reduce<Grid>(
      ({ stride, offset }, [kernel, step, pad]) => ({
        stride: stride * step,
        offset: offset + ((kernel - 1) / 2 - pad) * stride,
      }),
      image,
    );
  const conv = [3, 1, 1] as const;
  const pool = [2, 2, 0] as const;
  const block = (n: number) => [...Array<typeof conv>(n).fill(conv), pool];
  const first = [[3, 1, 100], conv, pool] as const;
  const toPool3 = [...first, ...block(2), ...block(3)];
  const pool3 = grid(...toPool3);
  const pool4 = grid(...toPool3, ...block(3));
  const score = grid(...toPool3, ...block(3), ...block(3), [7, 1, 0]);

  it('are 19 for FCN-32s of VGG16, 18 for AlexNet with its odd kernel', () => {
    expect(phaseOf(score, image)).toEqual({ factor: 32, centre: 31.5, size: 64, first: 19 });
    const pooling = [3, 2, 0] as const;
    const convs = [conv, conv, conv] as const;
    const features = [[11, 4, 100], pooling, [5, 1, 2], pooling, ...convs, pooling] as const;
    const alexNet = grid(...features, [6, 1, 0]);
    expect(phaseOf(alexNet, image)).toEqual({ factor: 32, centre: 31, size: 63, first: 18 });
  });

  it('are 5 and 27 for FCN-16s, 9 and 31 for FCN-8s', () => {
    expect(phaseOf(score, pool4)).toMatchObject({ factor: 2, size: 4, first: -5 });
    const fused16 = cutGrid(pool4, 5);
    expect(phaseOf(fused16, image)).toMatchObject({ factor: 16, size: 32, first: 27 });
    expect(phaseOf(fused16, pool3)).toMatchObject({ factor: 2, size: 4, first: -9 });
    expect(phaseOf(cutGrid(pool3, 9), image)).toMatchObject({ factor: 8, size: 16, first: 31 });
  });
});
