import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.js';
import { type Attributes, model } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import { tensor, zeros } from '../tensor/tensor.js';
import {
  type TransposedAttributes,
  transposedDims,
  transposedWindow,
  type WindowAttributes,
  windowDims,
  windowOf,
} from './window.js';

const runtime = await nodeRuntime();
const none: TransposedAttributes = {
  kernel_shape: undefined,
  strides: undefined,
  pads: undefined,
  dilations: undefined,
  auto_pad: 'NOTSET',
  output_padding: undefined,
  output_shape: undefined,
};
const window = (given: Partial<WindowAttributes>): WindowAttributes => ({ ...none, ...given });

/** What ONNX Runtime gives for one node on a ramp 1, 2, 3 ... and a kernel of 1, 0, 0 ... */
async function runs(
  op: string,
  size: number,
  kernel: number,
  given: Partial<TransposedAttributes>,
) {
  const attributes: Attributes = Object.fromEntries(
    Object.entries({ kernel_shape: [kernel], ...given }).map(([name, value]) => [
      name,
      typeof value === 'string'
        ? { type: 'string', value }
        : typeof value === 'number'
          ? { type: 'int', value }
          : { type: 'ints', value: value ?? [] },
    ]),
  );
  const ramp = Array.from({ length: size }, (_, i) => i + 1);
  const first = zeros('float32', [1, 1, kernel]);
  first.data[0] = 1;
  const withWeights = op.startsWith('Conv');
  const graph = {
    name: op,
    inputs: [{ name: 'x', dtype: 'float32' as const, shape: [1, 1, size] }],
    outputs: [{ name: 'y', dtype: 'float32' as const, shape: null }],
    nodes: [
      {
        name: op,
        op,
        domain: '',
        inputs: withWeights ? ['x', 'w'] : ['x'],
        outputs: ['y'],
        attributes,
      },
    ],
    initializers: new Map(withWeights ? [['w', first]] : []),
    values: new Map(),
  };
  const session = await runtime.load(model(graph, {}, 19), { threads: 1 });
  const { y } = await session.run({ x: tensor('float32', [1, 1, size], ramp) });
  return { dims: y?.dims.slice(2), data: Array.from(y?.data as Float32Array) };
}

const modes = ['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'];

describe('windowOf', () => {
  it('stands where the windows of Conv stand', async () => {
    for (const size of [1, 4, 5, 8])
      for (const kernel of [1, 2, 3])
        for (const stride of [1, 2, 3])
          for (const auto_pad of modes) {
            const dilation = auto_pad.startsWith('SAME') ? 1 : 2;
            const given = {
              strides: [stride],
              dilations: [dilation],
              auto_pad,
              ...(auto_pad === 'NOTSET' ? { pads: [2, 3] } : {}),
            };
            if ((kernel - 1) * dilation + 1 > size && auto_pad === 'VALID') continue;
            if (kernel + 1 < stride && auto_pad.startsWith('SAME')) continue;
            const { begin, counts } = windowOf(window(given), [size], [kernel]);
            const { data } = await runs('Conv', size, kernel, given);
            const expected = Array.from({ length: counts[0] ?? 0 }, (_, i) => {
              const at = i * stride - (begin[0] ?? 0);
              return at >= 0 && at < size ? at + 1 : 0;
            });
            expect(data, JSON.stringify({ size, kernel, given })).toEqual(expected);
          }
  });

  it('counts the windows of pools, rounded up with ceil_mode', async () => {
    for (const size of [5, 6, 7, 8])
      for (const kernel of [1, 2, 3])
        for (const stride of [1, 2, 3, 4])
          for (const dilation of [1, 2])
            for (const auto_pad of modes)
              for (const ceil_mode of [0, 1]) {
                if (kernel + 1 < stride && auto_pad.startsWith('SAME')) continue;
                const given = {
                  kernel_shape: [kernel],
                  strides: [stride],
                  dilations: [dilation],
                  auto_pad,
                  ceil_mode,
                  ...(auto_pad === 'NOTSET' && kernel > 1 ? { pads: [1, kernel - 1] } : {}),
                };
                const { dims } = await runs('AveragePool', size, kernel, given);
                expect(windowDims(window(given), [size]), JSON.stringify({ size, given })).toEqual(
                  dims,
                );
              }
  });

  it('takes the kernel from the weights, and defaults for the rest', () => {
    expect(windowOf(none, [5, 6], [3, 2])).toEqual({
      kernel: [3, 2],
      strides: [1, 1],
      dilations: [1, 1],
      extents: [3, 2],
      begin: [0, 0],
      end: [0, 0],
      counts: [3, 5],
    });
  });

  it.each<[string, Partial<WindowAttributes>, readonly number[], RegExp]>([
    [
      'no window',
      { kernel_shape: [3, 5], strides: [1, 2], pads: [1, 0, 1, 1] },
      [4, 3],
      /no window fits on spatial axis 1: kernel 5, stride 2, size 3 padded by 0 and 1/,
    ],
    ['a dilated one', { kernel_shape: [3], dilations: [4] }, [8], /kernel 3 \(dilation 4\)/],
    ['no kernel', {}, [4], /missing kernel_shape/],
    ['too few strides', { kernel_shape: [2, 2], strides: [1] }, [4, 4], /strides must hold 2/],
    ['a stride of 0', { kernel_shape: [2], strides: [0] }, [4], /from 1 on, got \[0\]/],
    ['pads of one side', { kernel_shape: [2], pads: [1] }, [4], /pads must hold 2/],
    [
      'an unknown auto_pad',
      { kernel_shape: [2], auto_pad: 'SAME' },
      [4],
      /unknown auto_pad "SAME"/,
    ],
    [
      'SAME with gaps between the windows',
      { kernel_shape: [1], strides: [4], auto_pad: 'SAME_UPPER' },
      [8],
      /not defined for kernel 1 and stride 4 on a size of 8/,
    ],
  ])('tells of %s', (_, given, spatial, message) => {
    const attempt = () => windowOf(window(given), spatial);
    expect(attempt).toThrow(ShapeError);
    expect(attempt).toThrow(message);
  });

  it('tells of a kernel_shape that the weights do not have', () => {
    expect(() => windowDims(window({ kernel_shape: [3] }), [9], [5])).toThrow(
      'kernel_shape [3] is not the size of the weights, [5]',
    );
  });
});

describe('windowDims of a symbolic size', () => {
  const named = (given: Partial<WindowAttributes>, size = 'h') =>
    windowDims(window(given), [size], [given.kernel_shape?.[0] ?? 3])[0];

  it('names the output by the size that it comes from', () => {
    expect(named({ pads: [1, 1] })).toBe('h');
    expect(named({})).toBe('h - 2');
    expect(named({ pads: [1, 1], strides: [2] })).toBe('ceil(h/2)');
    expect(named({ strides: [2], auto_pad: 'SAME_UPPER' })).toBe('ceil(h/2)');
    expect(named({ strides: [2], auto_pad: 'SAME_LOWER' }, 'ceil(h/2)')).toBe('ceil(h/4)');
    expect(named({ strides: [2], kernel_shape: [2] }, 'floor(h/2)')).toBe('floor(h/4)');
    expect(named({ strides: [4], kernel_shape: [11] })).toBe('floor((h + 1)/4) - 2');
    expect(named({ strides: [2] }, 'h - 2')).toBe('ceil((h - 2)/2) - 1');
  });

  it('names the same number that it gives for a known size', () => {
    const evaluate = (name: unknown, h: number): number => {
      const source = `${name}`.replace(/(floor|ceil|min)/g, 'Math.$1');
      return Number(new Function('h', `return ${source}`)(h));
    };
    for (const kernel of [1, 2, 3, 5])
      for (const stride of [1, 2, 3])
        for (const ceil_mode of [0, 1])
          for (const auto_pad of ['NOTSET', 'VALID', ...(kernel >= stride ? ['SAME_UPPER'] : [])]) {
            const pads = auto_pad === 'NOTSET' ? [kernel - 1, kernel - 1] : undefined;
            const given = window({
              kernel_shape: [kernel],
              strides: [stride],
              pads,
              auto_pad,
              ceil_mode,
            });
            const [name] = windowDims(given, ['h']);
            for (const size of [6, 7, 8, 9])
              expect(evaluate(name, size), `${name}`).toBe(windowDims(given, [size])[0]);
          }
  });
});

describe('transposedWindow', () => {
  it('stands where ConvTranspose adds up', async () => {
    const cases: Partial<TransposedAttributes>[] = [
      ...[1, 2, 3].flatMap((stride) => modes.map((auto_pad) => ({ strides: [stride], auto_pad }))),
      ...[4, 5, 6, 7, 8].flatMap((size) =>
        modes.map((auto_pad) => ({ strides: [2], output_shape: [size], auto_pad })),
      ),
      { strides: [2], output_padding: [1], pads: [2, 1] },
      { strides: [2], output_padding: [1], output_shape: [6] },
      { strides: [3], output_padding: [2], dilations: [2] },
      { strides: [2], dilations: [2], auto_pad: 'SAME_LOWER' },
      { strides: [4], auto_pad: 'SAME_UPPER' },
    ];
    for (const given of cases) {
      const attributes = { ...none, ...given };
      const { begin, counts, strides } = transposedWindow(attributes, [3], [3]);
      const dims = transposedDims(attributes, [3], [3]);
      const { dims: found, data } = await runs('ConvTranspose', 3, 3, given);
      expect(dims, JSON.stringify(given)).toEqual(found);
      const expected = new Array(dims[0]).fill(0);
      for (let i = 0; i < (counts[0] ?? 0); i++) {
        const at = i * (strides[0] ?? 1) - (begin[0] ?? 0);
        if (at >= 0 && at < expected.length) expected[at] = i + 1;
      }
      expect(data, JSON.stringify(given)).toEqual(expected);
    }
  });

  it('names symbolic sizes', () => {
    const named = (given: Partial<TransposedAttributes>, kernel: number) =>
      transposedDims({ ...none, ...given }, ['h'], [kernel])[0];
    expect(named({ strides: [2] }, 2)).toBe('2*h');
    expect(named({ strides: [2], pads: [1, 1], output_padding: [1] }, 3)).toBe('2*h');
    expect(named({ strides: [2], auto_pad: 'SAME_UPPER' }, 5)).toBe('2*h');
    expect(named({ strides: [32] }, 64)).toBe('32*h + 32');
    expect(named({ output_shape: [9] }, 3)).toBe(9);
  });

  it.each<[string, Partial<TransposedAttributes>, RegExp]>([
    ['an output_padding of a stride', { output_padding: [1] }, /output_padding 1 must be less/],
    ['an output too long', { strides: [2], output_shape: [9] }, /the output cannot be 9 long/],
    ['no output', { pads: [3, 2] }, /empty on spatial axis 0: kernel 3, stride 1, size 3/],
  ])('tells of %s', (_, given, message) => {
    const attempt = () => transposedDims({ ...none, ...given }, [3], [3]);
    expect(attempt).toThrow(ShapeError);
    expect(attempt).toThrow(message);
  });
});
