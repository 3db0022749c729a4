import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.js';
import { model } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import { sizeOf, stridesOf } from '../tensor/shape.js';
import { type Tensor, zeros } from '../tensor/tensor.js';
import { builder } from './builder.js';
import type { Convolution } from './convolution-form.js';
import { byConvTranspose, byFlippedKernel } from './convolution-input.js';
import { weightFormulation, weightGradients } from './convolution-weight.js';
import { windowOf } from './window.js';

const runtime = await nodeRuntime();

interface Shapes {
  readonly batch: number;
  readonly channels: number;
  readonly made: number;
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads?: readonly number[];
  readonly group?: number;
}

function formOf({ size, kernel, strides, dilations, pads, group = 1 }: Shapes): Convolution {
  const attributes = { kernel_shape: undefined, strides, dilations, pads, auto_pad: 'NOTSET' };
  return { window: windowOf(attributes, size, kernel), spatial: size, group };
}

const dimsOf = (shapes: Shapes, form: Convolution) => ({
  x: [shapes.batch, shapes.channels, ...shapes.size],
  w: [shapes.made, shapes.channels / form.group, ...shapes.kernel],
  dy: [shapes.batch, shapes.made, ...form.window.counts],
});

/** Every index list of an array of these sizes. */
function* indicesOf(dims: readonly number[]): Generator<number[]> {
  const strides = stridesOf(dims);
  for (let flat = 0; flat < sizeOf(dims); flat++)
    yield dims.map((dim, i) => Math.floor(flat / (strides[i] ?? 1)) % dim);
}

const flat = (at: readonly number[], dims: readonly number[]): number =>
  stridesOf(dims).reduce((sum, stride, i) => sum + stride * (at[i] ?? 0), 0);

/** dx and dw as the definition of Conv has them: a sum over every output and every tap, in double precision. */
function byDefinition(shapes: Shapes, form: Convolution, data: Readonly<Record<string, Tensor>>) {
  const dims = dimsOf(shapes, form);
  const { begin, strides, dilations, kernel } = form.window;
  const each = shapes.channels / form.group;
  const [dx, dw] = [new Float64Array(sizeOf(dims.x)), new Float64Array(sizeOf(dims.w))];
  const element = (name: string, i: number) => Number(data[name]?.data[i]);
  for (const [n = 0, m = 0, ...position] of indicesOf(dims.dy))
    for (const [c = 0, ...tap] of indicesOf([each, ...kernel])) {
      const at = position.map(
        (p, i) => p * (strides[i] ?? 1) + (tap[i] ?? 0) * (dilations[i] ?? 1) - (begin[i] ?? 0),
      );
      if (at.some((value, i) => value < 0 || value >= (form.spatial[i] ?? 0))) continue;
      const group = Math.floor((m * form.group) / shapes.made);
      const iX = flat([n, group * each + c, ...at], dims.x);
      const iW = flat([m, c, ...tap], dims.w);
      const gradient = element('dy', flat([n, m, ...position], dims.dy));
      dx[iX] = (dx[iX] ?? 0) + gradient * element('w', iW);
      dw[iW] = (dw[iW] ?? 0) + gradient * element('x', iX);
    }
  return { dx, dw };
}

const table: readonly (readonly [string, Shapes])[] = [
  ['1-D', { batch: 2, channels: 3, made: 4, size: [7], kernel: [3], pads: [1, 0] }],
  [
    'with pads wider than the kernel',
    { batch: 2, channels: 2, made: 3, size: [4, 2], kernel: [2, 2], pads: [0, 3, 1, 4] },
  ],
  ['1x1', { batch: 2, channels: 3, made: 4, size: [4, 3], kernel: [1, 1] }],
  ['3x3', { batch: 2, channels: 5, made: 4, size: [6, 5], kernel: [3, 3], pads: [1, 1, 1, 1] }],
  [
    'strided, of a size that does not divide',
    { batch: 2, channels: 2, made: 3, size: [8, 9], kernel: [3, 2], strides: [3, 4] },
  ],
  [
    'dilated, strided and padded on one side',
    {
      batch: 1,
      channels: 2,
      made: 3,
      size: [9, 8],
      kernel: [3, 2],
      strides: [2, 3],
      dilations: [2, 3],
      pads: [0, 3, 1, 0],
    },
  ],
  [
    'grouped',
    { batch: 2, channels: 6, made: 4, size: [5, 4], kernel: [2, 3], group: 2, pads: [1, 1, 0, 1] },
  ],
  [
    'depthwise with two filters a channel',
    {
      batch: 2,
      channels: 3,
      made: 6,
      size: [5, 5],
      kernel: [3, 3],
      group: 3,
      strides: [2, 2],
      pads: [1, 1, 1, 1],
    },
  ],
  [
    'depthwise, dilated and padded on one side',
    {
      batch: 2,
      channels: 3,
      made: 6,
      size: [5, 6],
      kernel: [3, 2],
      group: 3,
      dilations: [1, 2],
      pads: [2, 0, 1, 3],
    },
  ],
  [
    '3-D',
    {
      batch: 1,
      channels: 2,
      made: 2,
      size: [3, 4, 3],
      kernel: [2, 3, 2],
      strides: [1, 2, 1],
      pads: [0, 1, 0, 1, 1, 1],
    },
  ],
];

describe('every formulation of a gradient', () => {
  it.each(table)('agrees with the definition: %s', async (_, shapes) => {
    const form = formOf(shapes);
    const b = builder();
    const feeds: Record<string, Tensor> = {};
    const input = (name: string, dims: readonly number[]) => {
      const data = zeros('float32', dims);
      fillUniform(data.data, streamKey(7, 0, name));
      feeds[name] = data;
      return b.input(name, 'float32', dims);
    };
    const dims = dimsOf(shapes, form);
    const [x, w, dy] = [input('x', dims.x), input('w', dims.w), input('dy', dims.dy)];
    for (const [name, formulation] of Object.entries(weightGradients))
      b.output(formulation(b, x, dy, form), `dw ${name}`);
    b.output(byConvTranspose(b, dy, w, form), 'dx transposed');
    if (form.window.strides.every((stride) => stride === 1))
      b.output(byFlippedKernel(b, dy, w, form), 'dx flipped');
    const results = await (await runtime.load(model(b.build()))).run(feeds);
    const expected = byDefinition(shapes, form, feeds);
    for (const [name, { data }] of Object.entries(results)) {
      const wanted = name.startsWith('dx') ? expected.dx : expected.dw;
      expect(data.length, name).toBe(wanted.length);
      const worst = wanted.reduce((most, v, i) => Math.max(most, Math.abs(v - Number(data[i]))), 0);
      expect(worst, name).toBeLessThan(1e-4);
    }
  });
});

describe('weightFormulation', () => {
  it.each<[string, Shapes]>([
    ['patches', { batch: 8, channels: 3, made: 32, size: [32, 32], kernel: [3, 3] }],
    ['conv', { batch: 8, channels: 3, made: 96, size: [227, 227], kernel: [11, 11] }],
    ['taps', { batch: 8, channels: 32, made: 32, size: [30, 30], kernel: [3, 3] }],
    ['shifts', { batch: 8, channels: 64, made: 64, size: [10, 10], kernel: [3, 3] }],
    ['taps', { batch: 8, channels: 32, made: 64, size: [10, 10], kernel: [3, 3] }],
    ['rows', { batch: 8, channels: 16, made: 16, size: [34, 34], kernel: [3, 3] }],
    ['joint', { batch: 8, channels: 512, made: 512, size: [9, 9], kernel: [3, 3] }],
    ['taps', { batch: 8, channels: 512, made: 64, size: [14, 14], kernel: [1, 1] }],
    ['joint', { batch: 8, channels: 128, made: 512, size: [7, 7], kernel: [1, 1] }],
    ['taps', { batch: 8, channels: 96, made: 256, size: [31, 31], kernel: [5, 5], group: 2 }],
    ['pairs', { batch: 8, channels: 64, made: 64, size: [58, 58], kernel: [3, 3], group: 64 }],
    [
      'conv',
      {
        batch: 8,
        channels: 64,
        made: 64,
        size: [58, 58],
        kernel: [3, 3],
        group: 64,
        strides: [2, 2],
      },
    ],
  ])('is %s for %j', (expected, shapes) => {
    const form = formOf(shapes);
    const dims = dimsOf(shapes, form);
    expect(weightFormulation(dims.x, dims.dy, form)).toBe(expected);
  });
});

describe('an error of a convolution', () => {
  const shapes =
    (x: readonly (number | string)[], w: readonly number[], group = 1) =>
    () => {
      const b = builder();
      return b.Conv(b.input('x', 'float32', x), b.input('w', 'float32', w), null, { group });
    };
  it.each<[string, () => unknown, RegExp]>([
    ['channels', shapes([1, 3, 8, 8], [4, 2, 3, 3]), /channels of X and 1 times those of W differ/],
    ['ranks', shapes([1, 3, 8], [4, 3, 3, 3]), /W of the same rank, got \[1, 3, 8\]/],
    ['groups', shapes([1, 4, 8, 8], [3, 2, 3, 3], 2), /3 output channels do not split into 2/],
    ['size', shapes([1, 1, 2, 9], [1, 1, 3, 3]), /spatial axis 0: kernel 3, stride 1, size 2/],
    [
      'bias',
      () => {
        const b = builder();
        const input = (name: string, dims: number[]) => b.input(name, 'float32', dims);
        return b.ConvTranspose(input('x', [1, 2, 4]), input('w', [2, 3, 2]), input('b', [2]));
      },
      /output channels and elements of B differ: 3 against 2/,
    ],
  ])('tells of its %s', (_, attempt, message) => {
    expect(attempt).toThrow(ShapeError);
    expect(attempt).toThrow(message);
  });

  it('leaves symbolic sizes symbolic', () => {
    const value = shapes(['batch', 3, 'height', 'ceil(width/2)'], [8, 3, 3, 3])();
    expect(value.shape).toEqual(['batch', 8, 'height - 2', 'ceil(width/2) - 2']);
  });
});
