import { describe, expect, it } from 'vitest';
import { UsageError } from '../../errors.js';
import { model } from '../../graph/graph.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import { fillNormal, streamKey } from '../../tensor/random.js';
import { type Tensor, tensor, toNumbers } from '../../tensor/tensor.js';
import { pixelsOf } from './classifier.js';
import {
  contrastNormalized,
  inverseSquareRoot,
  whiten,
  whiteningNames,
  whiteningOf,
} from './whitening.js';

const runtime = await nodeRuntime();

describe('the inverse square root', () => {
  it('undoes a matrix whose eigenvalues lie between 0.1 and 1000', async () => {
    const size = 24;
    // A random rotation by Householder reflections of a diagonal: the root is known exactly.
    const draw = new Float32Array(size);
    fillNormal(draw, streamKey(1, 0, 'direction'));
    const length = draw.reduce((sum, x) => sum + x * x, 0);
    const reflect = (i: number, j: number): number =>
      (i === j ? 1 : 0) - (2 * (draw[i] ?? 0) * (draw[j] ?? 0)) / length;
    const eigenvalue = (k: number): number => 0.1 * 10 ** ((4 * k) / (size - 1));
    const power = (exponent: number): Float32Array =>
      Float32Array.from({ length: size * size }, (_, at) => {
        const [i, j] = [Math.floor(at / size), at % size];
        let sum = 0;
        for (let k = 0; k < size; k++)
          sum += reflect(i, k) * eigenvalue(k) ** exponent * reflect(k, j);
        return sum;
      });
    const found = await inverseSquareRoot(runtime, power(1), size, 0.1);
    const expected = power(-0.5);
    toNumbers(found).forEach((value, i) => {
      expect(Math.abs(value - (expected[i] ?? 0))).toBeLessThan(2e-3);
    });
  });
});

describe('whitening', () => {
  const pixels = 9;
  const count = 400;
  const bytes = new Uint8Array(count * pixels);
  const noise = new Float32Array(count * pixels);
  fillNormal(noise, streamKey(1, 0, 'pixels'));
  for (let i = 0; i < bytes.length; i++)
    // Neighbours resemble each other, and one image is a single grey.
    bytes[i] = i < pixels ? 128 : 128 + 20 * ((noise[i] ?? 0) + (noise[i - 1] ?? 0));
  const set = { images: bytes, count, labels: null };

  async function run(given: ReadonlyMap<string, Tensor> | null): Promise<number[]> {
    const b = builder();
    const x = b.input('x', 'float32', [count, pixels]);
    const part = (name: string) => b.initializer(name, given?.get(name) as Tensor);
    const out = given
      ? whiten(b, x, part(whiteningNames.mean), part(whiteningNames.matrix))
      : contrastNormalized(b, x);
    b.output(out, 'y');
    const session = await runtime.load(model(b.build('whitened')));
    const data = pixelsOf(set, 0, count, pixels);
    const results = await session.run({ x: tensor('float32', [count, pixels], data) });
    return Array.from(results['y']?.data as Float32Array);
  }

  const covariance = (rows: readonly number[], i: number, j: number): number => {
    let [sum, ofI, ofJ] = [0, 0, 0];
    for (let row = 0; row < count; row++) {
      const [x, y] = [rows[row * pixels + i] ?? 0, rows[row * pixels + j] ?? 0];
      sum += x * y;
      ofI += x;
      ofJ += y;
    }
    return sum / count - (ofI / count) * (ofJ / count);
  };

  it('gives every image mean 0 and norm 55, and nothing to an image of one grey', async () => {
    const rows = await run(null);
    expect(rows.slice(0, pixels)).toEqual(new Array(pixels).fill(0));
    const second = rows.slice(pixels, 2 * pixels);
    expect(second.reduce((sum, x) => sum + x, 0)).toBeCloseTo(0, 3);
    expect(Math.hypot(...second)).toBeCloseTo(55, 3);
  });

  it('leaves every pair of pixels uncorrelated, but for the mean that is taken away', async () => {
    const rows = await run(await whiteningOf(runtime, set));
    // C (C + 0.1)^-1: as good as a projection away from the constant image, whose variance is 0.
    for (let i = 0; i < pixels; i++)
      for (let j = 0; j < pixels; j++)
        expect(covariance(rows, i, j)).toBeCloseTo((i === j ? 1 : 0) - 1 / pixels, 2);
  });

  it('is refused for large images', async () => {
    const large = { images: new Uint8Array(3 * 64 * 64), count: 1, labels: null };
    await expect(whiteningOf(runtime, large)).rejects.toThrow(UsageError);
  });
});
