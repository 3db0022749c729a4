/** Sets of images that a classifier's data do not have: of 28 x 28 no digits, or digits as nobody writes them; noise. */
import { join } from 'node:path';
import { readIdxPair } from '../src/data/idx.js';
import { type ImageShape, imageSize } from '../src/data/image-set.js';
import { type ImageSource, sourceOf } from '../src/data/image-source.js';
import { fillNormal, fillUniform, streamKey } from '../src/tensor/random.js';

export interface OutsideSet {
  readonly name: string;
  /** `near` sets are made of the digits themselves. */
  readonly kind: 'far' | 'near';
  readonly source: ImageSource;
}

const side = 28;
const letters = [...'ABCDEFGHIJ'];

/** Images of noise; the same for every run. */
function noise(count: number, shape: ImageShape, fill: (out: Float32Array) => void): ImageSource {
  const numbers = new Float32Array(count * imageSize(shape));
  fill(numbers);
  const images = Uint8Array.from(numbers, (x) => Math.round(255 * Math.min(1, Math.max(0, x))));
  const labels = new Int32Array(count);
  return sourceOf({ images, labels, shape, count, classes: ['noise'], names: null }, 'noise');
}

/** Uniform noise, and Gaussian noise of mean 0.5 and deviation 1 cut off at 0 and 1 (Liang et al. 2018). */
export function noiseSets(count: number, shape: ImageShape): readonly OutsideSet[] {
  const key = (name: string) => streamKey(0, 0, name);
  const gaussian = noise(count, shape, (out) => {
    fillNormal(out, key('gaussian'), 1);
    for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) + 0.5;
  });
  const uniform = noise(count, shape, (out) => fillUniform(out, key('uniform')));
  return [
    { name: 'uniform noise', kind: 'far', source: uniform },
    { name: 'Gaussian noise', kind: 'far', source: gaussian },
  ];
}

/** The 10,000 letters of notMNIST, grey. */
export async function letterImages(notmnist: string): Promise<ImageSource> {
  const named = (name: string): string => join(notmnist, `t10k-${name}-ubyte.gz`);
  const { set } = await readIdxPair(named('images-idx3'), named('labels-idx1'), letters);
  return sourceOf(set, 'notMNIST');
}

/** The images with every pixel taken from where `from` says. */
function moved(source: ImageSource, from: (row: number, column: number) => number): ImageSource {
  return {
    ...source,
    async decode(index, options) {
      const image = await source.decode(index, options);
      const pixels = image.pixels.map(
        (_, i) => image.pixels[from(Math.floor(i / side), i % side)] ?? 0,
      );
      return { ...image, pixels };
    },
  };
}

/** Clothes, letters, noise; and the test digits turned by a quarter to the right, and mirrored left to right. */
export async function outsideSets(
  digits: ImageSource,
  clothes: ImageSource,
  notmnist: string,
): Promise<readonly OutsideSet[]> {
  return [
    { name: 'Fashion-MNIST', kind: 'far', source: clothes },
    { name: 'notMNIST', kind: 'far', source: await letterImages(notmnist) },
    ...noiseSets(digits.count, [1, side, side]),
    {
      ...{ name: 'rotated', kind: 'near' },
      source: moved(digits, (row, column) => (side - 1 - column) * side + row),
    },
    {
      ...{ name: 'mirrored', kind: 'near' },
      source: moved(digits, (row, column) => row * side + side - 1 - column),
    },
  ];
}
