import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../autodiff/differentiate.js';
import { GradientError, ShapeError } from '../errors.js';
import { model } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import { type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import { builder } from './builder.js';
import { type AxisMatrix, axisMatrix, backAlong } from './resize-axis.js';
import { type ResizeAttributes, resizedAxes, transformations } from './resize-geometry.js';
import { resizeMatrix, roundings } from './resize-weights.js';

const runtime = await nodeRuntime();

const plain: ResizeAttributes = {
  antialias: 0,
  axes: undefined,
  coordinate_transformation_mode: 'half_pixel',
  cubic_coeff_a: -0.75,
  exclude_outside: 0,
  extrapolation_value: 0,
  keep_aspect_ratio_policy: 'stretch',
  mode: 'nearest',
  nearest_mode: 'round_prefer_floor',
};

function times({ dims: [rows = 0, columns = 0], data }: AxisMatrix, x: readonly number[]) {
  return Array.from({ length: rows }, (_, row) =>
    x.reduce((sum, value, i) => sum + value * (data[row * columns + i] ?? 0), 0),
  );
}

const isCrop = (names: Pick<ResizeAttributes, 'coordinate_transformation_mode'>): boolean =>
  names.coordinate_transformation_mode === 'tf_crop_and_resize';

const drawn = fc
  .record({
    size: fc.integer({ min: 1, max: 12 }),
    by: fc.oneof(
      fc.record({ length: fc.integer({ min: 1, max: 25 }) }),
      fc.record({ scale: fc.integer({ min: 2, max: 30 }).map((tenths) => tenths / 10) }),
    ),
    mode: fc.constantFrom('nearest', 'linear', 'cubic'),
    coordinate_transformation_mode: fc.constantFrom(...Object.keys(transformations)),
    nearest_mode: fc.constantFrom(...Object.keys(roundings)),
    cubic_coeff_a: fc.constantFrom(-0.5, -0.75),
    excludes: fc.nat(1),
    antialias: fc.nat(1),
    roi: fc.tuple(fc.integer({ min: -2, max: 4 }), fc.integer({ min: 5, max: 12 })),
  })
  .map(({ size, by, excludes, antialias, roi, ...names }) => ({
    size,
    by,
    roi: roi.map((tenths) => tenths / 10),
    attributes: {
      ...plain,
      ...names,
      exclude_outside: names.mode === 'cubic' ? excludes : 0,
      // The runtime stops on antialiased crops that reach outside.
      antialias: names.mode === 'nearest' || isCrop(names) ? 0 : antialias,
    },
  }))
  .filter(({ size, by }) => !('scale' in by) || Math.floor(size * by.scale) >= 1);

describe('resizeMatrix', () => {
  it('does what the runtime does, in every mode', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async ({ size, by, roi: [start = 0, end = 1], attributes }) => {
        const b = builder();
        const x = Array.from({ length: size }, (_, i) => Math.cos(3 * i) + (i % 3));
        const roi = b.constant(tensor('float32', [8], [0, 0, 0, start, 1, 1, 1, end]));
        const scales =
          'scale' in by ? b.constant(tensor('float32', [4], [1, 1, 1, by.scale])) : null;
        const sizes = 'length' in by ? [1, 1, 2, by.length] : null;
        const input = b.input('x', 'float32', [1, 1, 2, size]);
        const y = b.Resize(input, roi, scales, sizes, attributes);
        b.output(y, 'y');
        const session = await runtime.load(model(b.build('resize')), { threads: 1 });
        const ran = (await session.run({ x: tensor('float32', [1, 1, 2, size], [...x, ...x]) }))[
          'y'
        ];
        expect(ran?.dims).toEqual(y.shape);
        const target = {
          roi: [0, 0, 0, start, 1, 1, 1, end],
          scales: 'scale' in by ? [1, 1, 1, by.scale] : null,
        };
        const output = y.shape as readonly number[];
        const axis = resizedAxes([1, 1, 2, size], attributes, target, output)[3];
        const changes = axis && axis.length !== size;
        const expected = changes ? times(resizeMatrix(axis, attributes), x) : x;
        const found = toNumbers(ran as Tensor).slice(0, expected.length);
        found.forEach((value, i) => {
          expect(value, `at ${i}`).toBeCloseTo(expected[i] ?? NaN, 4);
        });
      }),
      { numRuns: 250, seed: 1 },
    );
  }, 60_000);
});

describe('backAlong', () => {
  it('applies a matrix of equal blocks block by block, with the same result', async () => {
    const pairs = Array.from({ length: 32 }, (_, i) => [i, 1] as const);
    const halves = axisMatrix(
      16,
      32,
      pairs.map(([i, weight]) => [Math.floor(i / 2), i, weight]),
    );
    const b = builder();
    const dy = b.input('dy', 'float32', [2, 16, 16]);
    b.output(backAlong(b, backAlong(b, dy, 2, halves), 1, halves), 'dx');
    const weights = [...b.initializers.values()].filter(({ dtype }) => dtype === 'float32');
    expect(weights.map(({ dims }) => dims)).toEqual([
      [8, 16],
      [16, 8],
    ]);
    const data = Array.from({ length: 512 }, (_, i) => i);
    const session = await runtime.load(model(b.build('blocks')), { threads: 1 });
    const { dx } = await session.run({ dy: tensor('float32', [2, 16, 16], data) });
    const at = (n: number, row: number, column: number) =>
      data[n * 256 + Math.floor(row / 2) * 16 + Math.floor(column / 2)];
    const expected = Array.from({ length: 2048 }, (_, i) =>
      at(Math.floor(i / 1024), Math.floor(i / 32) % 32, i % 32),
    );
    expect(toNumbers(dx as Tensor)).toEqual(expected);
  });
});

describe('Resize', () => {
  it('names symbolic sizes', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3, 'h', 'w']);
    const scaled = (...scales: number[]) =>
      b.Resize(x, null, b.constant(tensor('float32', [4], scales))).shape;
    expect(scaled(1, 1, 2, 0.5)).toEqual(['batch', 3, '2*h', 'floor(w/2)']);
    expect(scaled(1, 1, 1.5, 1)).toEqual(['batch', 3, 'floor(1.5*h)', 'w']);
    expect(b.Resize(x, null, null, [1, 3, 8, 8]).shape).toEqual([1, 3, 8, 8]);
    const sizes = b.input('sizes', 'int64', [4]);
    expect(b.Resize(x, null, null, sizes).shape[3]).toBe('resize(x, sizes)[3]');
  });

  it.each<[string, Partial<ResizeAttributes>, RegExp]>([
    ['an unknown mode', { mode: 'lanczos' }, /unknown mode "lanczos". Use nearest, linear, cubic/],
    ['an unknown rounding', { nearest_mode: 'up' }, /unknown nearest_mode "up"/],
    ['too many sizes', { axes: [2] }, /sizes must hold 1 numbers, 1 for each axis/],
    [
      'axes that the runtime misreads',
      { axes: [-2, -1], keep_aspect_ratio_policy: 'not_larger' },
      /axes \[-2, -1\] count from the end/,
    ],
  ])('tells of %s', (_, attributes, message) => {
    const b = builder();
    const x = b.input('x', 'float32', [1, 1, 4, 4]);
    const attempt = () => b.Resize(x, null, null, [2, 2], attributes);
    expect(attempt).toThrow(ShapeError);
    expect(attempt).toThrow(message);
  });

  it('tells of scales and sizes together, and of neither', () => {
    const b = builder();
    const x = b.input('x', 'float32', [1, 4]);
    const scales = b.constant(tensor('float32', [2], [1, 2]));
    expect(() => b.Resize(x, null, scales, [1, 8])).toThrow('give either scales or sizes');
    expect(() => b.Resize(x)).toThrow('give either scales or sizes');
  });

  it('has no gradient by a region that the graph computes', () => {
    const b = builder();
    const x = b.input('x', 'float32', [1, 1, 4, 4]);
    const roi = b.input('roi', 'float32', [8]);
    const crop = { mode: 'linear', coordinate_transformation_mode: 'tf_crop_and_resize' };
    b.output(
      b.ReduceSum(b.Resize(x, roi, null, [1, 1, 2, 2], crop), null, { keepdims: 0 }),
      'loss',
    );
    const attempt = () => differentiate(b.build('crop'), { loss: 'loss', with: ['x'] });
    expect(attempt).toThrow(GradientError);
    expect(attempt).toThrow(/Resize at node .* needs roi before the run/);
  });
});
