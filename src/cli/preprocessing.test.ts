import { describe, expect, it } from 'vitest';
import { ModelError, UsageError } from '../errors.js';
import type { Preprocessing } from '../onnx/metadata.js';
import { toNumbers } from '../tensor/tensor.js';
import { preprocess, resolvePreprocessing, targetOf } from './preprocessing.js';

const input = (shape: readonly (number | string)[] | null) => ({
  ...{ name: 'x', dtype: 'float32' as const, shape },
});
const stated: Preprocessing = {
  ...{ channels: 3, height: 8, width: 6, layout: 'NHWC', colour: 'bgr' },
  ...{ scale: 1, mean: [1, 2, 3], std: [4, 5, 6] },
};

describe('resolvePreprocessing', () => {
  it('takes what the model says', () => {
    expect(resolvePreprocessing({}, stated, input([1, 8, 6, 3]))).toEqual({
      preprocessing: stated,
      notes: [],
    });
  });

  it('lets options win, and forgets what they make senseless', () => {
    const { preprocessing } = resolvePreprocessing(
      { channels: 1, width: 8, scale: 2 },
      stated,
      input(null),
    );
    expect(preprocessing).toEqual({
      ...{ channels: 1, height: 8, width: 8, layout: 'NHWC', colour: 'grey' },
      ...{ scale: 2, mean: [0], std: [1] },
    });
    expect(resolvePreprocessing({ mean: [9] }, stated, input(null)).preprocessing.mean).toEqual([
      9, 9, 9,
    ]);
  });

  it.each([
    [['n', 3, 10, 12], { layout: 'NCHW', channels: 3, colour: 'rgb', height: 10, width: 12 }],
    [['n', 10, 12, 1], { layout: 'NHWC', channels: 1, colour: 'grey', height: 10, width: 12 }],
  ])('reads the shape %j, and says what it assumes', (shape, expected) => {
    const { preprocessing, notes } = resolvePreprocessing({}, null, input(shape));
    expect(preprocessing).toMatchObject({ ...expected, scale: 1 / 255 });
    expect(notes[0]).toContain('does not say how pixels are scaled');
  });

  it('takes pixels from 0 to 255 where a mean above 1 is given without a scale', () => {
    const options = { mean: [122.679, 116.669, 104.007] };
    const { preprocessing, notes } = resolvePreprocessing(options, null, input(['n', 3, 8, 8]));
    expect(preprocessing.scale).toBe(1);
    expect(notes[0]).toContain('they go in as 0 to 255, as their mean says');
    expect(
      resolvePreprocessing({ ...options, scale: 1 / 255 }, null, input(['n', 3, 8, 8])),
    ).toMatchObject({ preprocessing: { scale: 1 / 255 }, notes: [] });
  });

  it('takes a size from options where the shape has none', () => {
    const open = input(['n', 3, 'height', 'width']);
    expect(() => resolvePreprocessing({}, null, open)).toThrow(
      'its input "x" has shape [n, 3, height, width]): give --height, --width',
    );
    const { preprocessing } = resolvePreprocessing({ height: 2, width: 2 }, null, open);
    expect(preprocessing).toMatchObject({ height: 2, width: 2, channels: 3 });
    const row = resolvePreprocessing({ height: 2, width: 2, channels: 1 }, null, input(['n', 4]));
    expect(row.preprocessing.layout).toBe('flat');
  });

  it('refuses numbers that fit no channels', () => {
    expect(() => resolvePreprocessing({ std: [1, 2] }, stated, input(null))).toThrow(UsageError);
  });
});

describe('preprocess', () => {
  // One image of 1 x 2 pixels: reds 10, 20; greens 30, 40; blues 50, 60.
  const image = Uint8Array.of(10, 20, 30, 40, 50, 60);
  const plain: Preprocessing = {
    ...{ channels: 3, height: 1, width: 2, layout: 'NCHW', colour: 'rgb' },
    ...{ scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
  };
  const numbers = (changes: Partial<Preprocessing>, dtype: 'float32' | 'float16' = 'float32') =>
    toNumbers(preprocess(image, 1, { ...plain, ...changes }, dtype));

  it.each([
    [{}, [1, 3, 1, 2], [10, 20, 30, 40, 50, 60]],
    [{ layout: 'NHWC' }, [1, 1, 2, 3], [10, 30, 50, 20, 40, 60]],
    [{ layout: 'flat' }, [1, 6], [10, 20, 30, 40, 50, 60]],
    [{ colour: 'bgr' }, [1, 3, 1, 2], [50, 60, 30, 40, 10, 20]],
    [{ layout: 'NHWC', colour: 'bgr' }, [1, 1, 2, 3], [50, 30, 10, 60, 40, 20]],
    // Mean and deviation are in the order of the model's channels: blue first.
    [{ colour: 'bgr', mean: [50, 0, 0], std: [5, 1, 1] }, [1, 3, 1, 2], [0, 2, 30, 40, 10, 20]],
    [{ scale: 0.5, mean: [5, 0, 0], std: [1, 2, 1] }, [1, 3, 1, 2], [0, 5, 7.5, 10, 25, 30]],
  ] as [Partial<Preprocessing>, number[], number[]][])('%j', (changes, dims, expected) => {
    expect(preprocess(image, 1, { ...plain, ...changes }, 'float32').dims).toEqual(dims);
    expect(numbers(changes)).toEqual(expected);
  });

  it('keeps images apart', () => {
    const two = Uint8Array.of(...image, ...image.map((byte) => byte + 1));
    for (const layout of ['NCHW', 'NHWC', 'flat'] as const) {
      const { data } = preprocess(two, 2, { ...plain, layout }, 'float32');
      const half = Array.from(data as Float32Array).slice(0, 6);
      expect(half).toEqual(numbers({ layout }));
      expect(Array.from(data as Float32Array).slice(6)).toEqual(half.map((x) => x + 1));
    }
  });

  it('gives float16 where the model takes it, and refuses integers', () => {
    expect(preprocess(image, 1, plain, 'float16')).toMatchObject({ dtype: 'float16' });
    expect(numbers({}, 'float16')[0]).toBe(0x4900);
    expect(() => preprocess(image, 1, plain, 'int64')).toThrow(ModelError);
  });

  it('brings files to the colours that the model takes', () => {
    expect(targetOf(plain)).toEqual({ height: 1, width: 2, channels: 3 });
    expect(targetOf({ ...plain, channels: 1, colour: 'grey' }).channels).toBe(1);
  });
});
