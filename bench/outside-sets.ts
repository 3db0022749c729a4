/** Sets of images of 28 x 28 that are no digits, or digits as nobody writes them. */
import { join } from 'node:path';
import { readIdxPair } from '../src/data/idx.js';
import { type ImageSource, sourceOf } from '../src/data/image-source.js';
import { fillNormal, fillUniform, streamKey } from '../src/tensor/random.js';

export interface OutsideSet {
  readonly name: string;
  /** `near` sets are made of the digits themselves. */
  readonly kind: 'far' | 'near';
  readonly source: ImageSource;
}

const side = 28;
const size = side * side;
const letters = [...'ABCDEFGHIJ'];

/** Images of noise; the same for every run. */
function noise(count: number, fill: (out: Float32Array) => void): ImageSource {
  const numbers = new Float32Array(count * size);
  fill(numbers);
  const images = Uint8Array.from(numbers, (x) => Math.round(255 * Math.min(1, Math.max(0, x))));
  const set = { images, labels: new Int32Array(count), shape: [1, side, side], count };
  return sourceOf({ ...set, shape: [1, side, side], classes: ['noise'], names: null }, 'noise');
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

/**
 * Clothes, letters, uniform noise, Gaussian noise of mean 0.5 and deviation 1 cut off at 0 and 1 (Liang et al. 2018);
 * and the test digits turned by a quarter to the right, and mirrored left to right.
 */
export async function outsideSets(
  digits: ImageSource,
  clothes: ImageSource,
  notmnist: string,
): Promise<readonly OutsideSet[]> {
  const named = (name: string): string => join(notmnist, `t10k-${name}-ubyte.gz`);
  const found = await readIdxPair(named('images-idx3'), named('labels-idx1'), letters);
  const { count } = digits;
  const key = (name: string) => streamKey(0, 0, name);
  const gaussian = noise(count, (out) => {
    fillNormal(out, key('gaussian'), 1);
    for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) + 0.5;
  });
  return [
    { name: 'Fashion-MNIST', kind: 'far', source: clothes },
    { name: 'notMNIST', kind: 'far', source: sourceOf(found.set, 'notMNIST') },
    {
      ...{ name: 'uniform noise', kind: 'far' },
      source: noise(count, (out) => fillUniform(out, key('uniform'))),
    },
    { name: 'Gaussian noise', kind: 'far', source: gaussian },
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
