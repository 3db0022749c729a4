/** Images that are nothing, and images changed so that they are no longer what a classifier has learnt. */
import { deriveKey, fillNormal, fillUniform, streamKey } from '../tensor/random.js';
import type { ImageTarget } from './decode-image.js';
import { imageSize } from './image-set.js';
import type { DecodedImage, ImageSource } from './image-source.js';

/** Noise, after Liang et al. 2018, section 4.1: each pixel by itself, cut off at black and white. */
export const noises = ['uniform', 'gaussian'] as const;
export type Noise = (typeof noises)[number];

/** Mean and deviation of Gaussian noise, as shares of the range of a pixel: as in that paper. */
const gaussian = { mean: 0.5, std: 1 };

/** Images of noise, each a function of the seed and its index alone. They have no label: -1. */
export function noiseImages(
  kind: Noise,
  count: number,
  target: ImageTarget,
  seed: number,
): ImageSource {
  const { height, width, channels } = target;
  const key = streamKey(seed, 0, `noise/${kind}`);
  return {
    count,
    isDecoded: true,
    label: () => -1,
    name: (index) => `${kind} noise ${index}`,
    async decode(index) {
      const values = new Float32Array(imageSize([channels, height, width]));
      if (kind === 'uniform') fillUniform(values, deriveKey(key, index));
      else fillNormal(values, deriveKey(key, index), gaussian.std);
      const shift = kind === 'uniform' ? 0 : gaussian.mean;
      const pixels = Uint8Array.from(values, (value) =>
        Math.round(255 * Math.min(1, Math.max(0, value + shift))),
      );
      return { ...{ width, height, channels }, pixels };
    },
  };
}

/** The same image in another form; `at` is a place in [0, 1) down and across, where one is drawn. */
type Change = (image: DecodedImage, at: readonly [number, number]) => DecodedImage;

const changes = {
  /** A quarter turn to the right. */
  rotated: (image) => {
    const { width, height } = image;
    return taken(image, height, width, (row, column) => (height - 1 - column) * width + row);
  },
  /** Left to right. */
  flipped: (image) => {
    const { width, height } = image;
    return taken(image, width, height, (row, column) => row * width + width - 1 - column);
  },
  blurred: (image) => blur(image, Math.min(image.width, image.height) * blurShare),
  /** A part of half the height and half the width, somewhere. */
  cropped: (image, [down, across]) => {
    const [height, width] = [half(image.height), half(image.width)];
    const top = Math.floor(down * (image.height - height + 1));
    const left = Math.floor(across * (image.width - width + 1));
    return taken(image, width, height, (row, column) => (top + row) * image.width + left + column);
  },
  /** Half as high and half as wide, each pixel the mean of four. */
  resized: (image) => shrunk(image),
} as const satisfies Readonly<Record<string, Change>>;

/** Names of the changes. */
export type Alteration = keyof typeof changes;
export const alterations = Object.keys(changes) as readonly Alteration[];

/** Deviation of the blur as a share of the shorter side, ours: 2 pixels of 28. */
const blurShare = 1 / 14;

const half = (side: number): number => Math.max(1, Math.floor(side / 2));

/** The images of a source, changed. Their labels stay, whatever they are worth now. */
export function alteredImages(source: ImageSource, how: Alteration, seed: number): ImageSource {
  const key = streamKey(seed, 0, `altered/${how}`);
  // What is cut out of an image must not be shrunk first.
  const isWhole = how === 'cropped';
  return {
    ...source,
    label: (index) => source.label(index),
    name: (index) => `${source.name(index)}, ${how}`,
    async decode(index, options) {
      const place = new Float32Array(2);
      fillUniform(place, deriveKey(key, index));
      const image = await source.decode(index, isWhole ? {} : options);
      return changes[how](image, [place[0] ?? 0, place[1] ?? 0]);
    },
  };
}

/** Every pixel of every channel taken from where `from` says. */
function taken(
  { channels, pixels, width: across, height: down }: DecodedImage,
  width: number,
  height: number,
  from: (row: number, column: number) => number,
): DecodedImage {
  const out = new Uint8Array(channels * height * width);
  for (let c = 0; c < channels; c++)
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++)
        out[(c * height + row) * width + column] =
          pixels[c * down * across + from(row, column)] ?? 0;
  return { width, height, channels, pixels: out };
}

function shrunk({ channels, pixels, width, height }: DecodedImage): DecodedImage {
  const [rows, columns] = [half(height), half(width)];
  const out = new Uint8Array(channels * rows * columns);
  const at = (c: number, y: number, x: number): number =>
    pixels[(c * height + Math.min(y, height - 1)) * width + Math.min(x, width - 1)] ?? 0;
  for (let c = 0; c < channels; c++)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const [y, x] = [2 * row, 2 * column];
        const sum = at(c, y, x) + at(c, y, x + 1) + at(c, y + 1, x) + at(c, y + 1, x + 1);
        out[(c * rows + row) * columns + column] = Math.round(sum / 4);
      }
  return { width: columns, height: rows, channels, pixels: out };
}

/** A Gaussian blur, one axis after the other; beyond the edge the edge goes on. */
function blur({ channels, pixels, width, height }: DecodedImage, deviation: number): DecodedImage {
  const reach = Math.max(1, Math.ceil(3 * deviation));
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const along = (source: ArrayLike<number>, size: number, step: number, offset: number) => {
    const line = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let k = -reach; k <= reach; k++) {
        const inside = Math.min(size - 1, Math.max(0, i + k));
        sum += (weights[k + reach] ?? 0) * (source[offset + inside * step] ?? 0);
      }
      line[i] = sum / total;
    }
    return line;
  };
  const middle = new Float64Array(pixels.length);
  for (let row = 0; row < channels * height; row++)
    middle.set(along(pixels, width, 1, row * width), row * width);
  const out = new Uint8Array(pixels.length);
  for (let c = 0; c < channels; c++)
    for (let column = 0; column < width; column++) {
      const offset = c * height * width + column;
      along(middle, height, width, offset).forEach((value, row) => {
        out[offset + row * width] = Math.round(value);
      });
    }
  return { width, height, channels, pixels: out };
}
