/**
 * Random changes of an image and its mask together. What is drawn is a pure function of a key. One geometry serves
 * both: the image is read linearly between its pixels, the mask at the nearest, so that classes are never mixed.
 */
import { UsageError } from '../../errors.js';
import { fillUniform, type Key } from '../../tensor/random.js';
import { inGrey } from '../augment.js';
import type { ImageTarget } from '../decode-image.js';
import type { DecodedImage } from '../image-source.js';
import { jitter } from '../jitter.js';
import { blend, type Places } from '../linear.js';
import { type Scene, voidId } from './scenes.js';

/** What may be changed. */
export interface PairAugmentation {
  /** Turned left to right, every other time. */
  readonly flip: boolean;
  /** Scaled by a factor between these two, their logarithms alike likely. [1, 1]: as it is; [0.5, 0.5]: at half size. */
  readonly scale: readonly [least: number, most: number];
  /** The part that is shown is drawn where the scene is larger than the output; otherwise it is the middle. */
  readonly crop: boolean;
  /** Brightness, contrast and colour of the image, each times a factor in [1 - jitter, 1 + jitter]. */
  readonly jitter: number;
}

/** Nothing is changed; what does not fit is cut, what is too small is padded. */
export const noPairAugmentation: PairAugmentation = {
  flip: false,
  scale: [1, 1],
  crop: false,
  jitter: 0,
};

/** @throws UsageError naming the option that makes no sense. */
export function checkPairAugmentation({ scale, jitter: amount }: PairAugmentation): void {
  const [least, most] = scale;
  if (!(least > 0 && most >= least && most < Number.POSITIVE_INFINITY))
    throw new UsageError(
      `scale must be two factors above 0, the smaller first, got ${least} and ${most}`,
      { actual: scale },
    );
  if (!(amount >= 0 && amount < 1))
    throw new UsageError(`jitter must be a number in [0, 1), got ${amount}`, { actual: amount });
}

/** Where a scene is written to. */
export interface PairOutput {
  /** (channels, height, width) of the target, 0 to 255, written over. */
  readonly pixels: Uint8Array;
  /** (height, width), class or `voidId`, written over. */
  readonly ids: Uint8Array | Int32Array;
}

const draws = new Float32Array(7);

const between = (i: number, low: number, high: number): number =>
  low + (draws[i] ?? 0) * (high - low);

/**
 * Brings a scene to a size and colours, with random changes on the way.
 * @param padding a value 0 to 255 for each channel, for what lies outside the image (its mask is void)
 * @param key of this scene in this pass; null for no random changes: the middle, at the smallest scale allowed
 */
export function augmentPair(
  { image, mask }: Scene,
  target: ImageTarget,
  options: PairAugmentation,
  padding: readonly number[],
  key: Key | null,
  out: PairOutput,
): void {
  if (key) fillUniform(draws, key);
  else draws.fill(0.5);
  const [least, most] = options.scale;
  const scale = key ? least * (most / least) ** (draws[1] ?? 0) : least;
  const isFlipped = key !== null && options.flip && (draws[0] ?? 0) < 0.5;
  const isRandom = key !== null && options.crop;
  const columns = places(
    image.width,
    scale,
    target.width,
    isRandom ? between(2, 0, 1) : 0.5,
    isFlipped,
  );
  const rows = places(image.height, scale, target.height, isRandom ? between(3, 0, 1) : 0.5, false);
  const source = target.channels === 1 && image.channels === 3 ? inGrey(image) : image;
  const pad = () => fillOutside(target, rows, columns, padding, out.pixels);
  readLinear(source, target, rows, columns, out.pixels);
  pad();
  if (key && options.jitter > 0) {
    const factor = (i: number): number => between(i, 1 - options.jitter, 1 + options.jitter);
    jitter(target, { bright: factor(4), contrast: factor(5), colour: factor(6) }, out.pixels);
    // What is outside stays the mean colour, which the network sees as 0.
    pad();
  }
  for (let y = 0; y < target.height; y++) {
    const [row, at] = [rows.nearest[y] ?? -1, y * target.width];
    for (let x = 0; x < target.width; x++) {
      const column = columns.nearest[x] ?? -1;
      out.ids[at + x] =
        row < 0 || column < 0 ? voidId : (mask.ids[row * mask.width + column] ?? voidId);
    }
  }
}

/** For each output pixel of an axis: between which two source pixels it lies, and the nearest. */
interface PlacesOfPair extends Places {
  /** -1 outside. */
  readonly nearest: Int32Array;
  /** Whether every pixel is a source pixel: nothing lies between two. */
  readonly isExact: boolean;
}

/**
 * @param at where the output lies: 0 at the beginning of the scaled source, 1 at its end; where the source is the
 *   smaller one, it lies so in the output
 */
function places(
  size: number,
  scale: number,
  count: number,
  at: number,
  isFlipped: boolean,
): PlacesOfPair {
  const [first, second, nearest] = [
    new Int32Array(count),
    new Int32Array(count),
    new Int32Array(count),
  ];
  const share = new Float32Array(count);
  const scaled = Math.max(1, Math.round(size * scale));
  // Whole pixels of the scaled source, so that at scale 1 nothing is blended.
  const offset = Math.round((scaled - count) * at);
  let isExact = true;
  for (let i = 0; i < count; i++) {
    const centre = ((i + offset + 0.5) * size) / scaled;
    const k = isFlipped ? count - 1 - i : i;
    const inside = Math.min(size - 1, Math.max(0, centre - 0.5));
    const low = Math.floor(inside);
    first[k] = low;
    second[k] = Math.min(size - 1, low + 1);
    share[k] = inside - low;
    nearest[k] = centre >= 0 && centre < size ? Math.floor(centre) : -1;
    if (inside !== low) isExact = false;
  }
  return { first, second, share, nearest, isExact };
}

function readLinear(
  image: DecodedImage,
  { channels, height, width }: ImageTarget,
  rows: PlacesOfPair,
  columns: PlacesOfPair,
  out: Uint8Array,
): void {
  const { pixels } = image;
  for (let c = 0; c < channels; c++) {
    // Grey serves for all three.
    const plane = (image.channels === 1 ? 0 : c) * image.height;
    for (let y = 0; y < height; y++) {
      const upper = (plane + (rows.first[y] ?? 0)) * image.width;
      const lower = (plane + (rows.second[y] ?? 0)) * image.width;
      const row = out.subarray((c * height + y) * width, (c * height + y + 1) * width);
      if (rows.isExact && columns.isExact)
        for (let x = 0; x < width; x++) row[x] = pixels[upper + (columns.first[x] ?? 0)] ?? 0;
      else blend(pixels, upper, lower, rows.share[y] ?? 0, columns, row);
    }
  }
}

function fillOutside(
  { channels, height, width }: ImageTarget,
  rows: PlacesOfPair,
  columns: PlacesOfPair,
  padding: readonly number[],
  out: Uint8Array,
): void {
  const outside = [...columns.nearest.keys()].filter((x) => (columns.nearest[x] ?? -1) < 0);
  for (let c = 0; c < channels; c++) {
    const value = Math.round(padding[c] ?? 0);
    for (let y = 0; y < height; y++) {
      const at = (c * height + y) * width;
      if ((rows.nearest[y] ?? -1) < 0) out.fill(value, at, at + width);
      else for (const x of outside) out[at + x] = value;
    }
  }
}
