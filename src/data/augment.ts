/**
 * Random changes of training images that leave the class as it is. What is drawn is a pure function of a key, so that
 * the same image in the same epoch of the same seed is changed alike, whoever does it and when.
 */
import { UsageError } from '../errors.js';
import { fillUniform, type Key } from '../tensor/random.js';
import type { ImageTarget } from './decode-image.js';
import type { DecodedImage } from './image-source.js';
import { jitter, luma } from './jitter.js';
import { blend, type Places } from './linear.js';

export interface AugmentOptions {
  /** Turned left to right, every other time. */
  readonly flip: boolean;
  /** Moved by up to so many pixels each way, with black coming in (He et al. 2016, section 4.2: 4). */
  readonly cropPadding: number;
  /** A part of at least this share of the area, its sides stretched by up to 4/3 (Szegedy et al. 2015, section 6). 1: all. */
  readonly cropScale: number;
  /** Brightness, contrast and colour, each times a factor in [1 - jitter, 1 + jitter] (Howard 2013, section 2.2). */
  readonly jitter: number;
}

/** Nothing is changed. */
export const noAugmentation: AugmentOptions = {
  flip: false,
  cropPadding: 0,
  cropScale: 1,
  jitter: 0,
};

/** @throws UsageError naming the option that makes no sense. */
export function checkAugmentation({ cropPadding, cropScale, jitter }: AugmentOptions): void {
  const refuse = (name: string, rule: string, actual: number): never => {
    throw new UsageError(`${name} must be ${rule}, got ${actual}`, { actual });
  };
  if (!Number.isInteger(cropPadding) || cropPadding < 0)
    refuse('cropPadding', 'a whole number of pixels', cropPadding);
  if (!(cropScale > 0 && cropScale <= 1)) refuse('cropScale', 'a share in (0, 1]', cropScale);
  if (!(jitter >= 0 && jitter < 1)) refuse('jitter', 'a number in [0, 1)', jitter);
}

/** The part of an image that is shown, in its own pixels. */
interface Window {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

const draws = new Float32Array(10);

/** A number in [low, high) from the `i`-th draw. */
const between = (i: number, low: number, high: number): number =>
  low + (draws[i] ?? 0) * (high - low);

/**
 * Brings an image to a size and colours, with random changes on the way.
 * @param key of this image in this epoch; null for no changes: then the middle of the image, as large as fits
 * @param out (channels, height, width) of the target, written over
 */
export function augment(
  image: DecodedImage,
  target: ImageTarget,
  options: AugmentOptions,
  key: Key | null,
  out: Uint8Array,
): void {
  if (key) fillUniform(draws, key);
  const chosen = key ? options : noAugmentation;
  const source = target.channels === 1 && image.channels === 3 ? inGrey(image) : image;
  const window = windowOf(image, target, chosen);
  const isFlipped = chosen.flip && (draws[0] ?? 0) < 0.5;
  if (window.height === target.height && window.width === target.width)
    cut(source, window, target, isFlipped, out);
  else stretch(source, window, target, isFlipped, out);
  if (chosen.cropPadding > 0) move(target, chosen.cropPadding, out);
  if (chosen.jitter > 0) {
    const factor = (i: number): number => between(i, 1 - chosen.jitter, 1 + chosen.jitter);
    jitter(target, { bright: factor(7), contrast: factor(8), colour: factor(9) }, out);
  }
}

function windowOf(
  { height, width }: DecodedImage,
  target: ImageTarget,
  { cropScale }: AugmentOptions,
): Window {
  const scale = Math.min(height / target.height, width / target.width);
  const [h, w] = [target.height * scale, target.width * scale];
  if (cropScale === 1)
    return {
      top: Math.floor((height - h) / 2),
      left: Math.floor((width - w) / 2),
      height: h,
      width: w,
    };
  const area = between(3, cropScale, 1) * height * width;
  const ratio = (target.width / target.height) * (3 / 4) ** between(4, -1, 1);
  const part = {
    height: Math.min(height, Math.sqrt(area / ratio)),
    width: Math.min(width, Math.sqrt(area * ratio)),
  };
  const [top, left] = [between(5, 0, height - part.height), between(6, 0, width - part.width)];
  return { top, left, ...part };
}

/** A window of the target's own size: rows are copied. */
function cut(
  image: DecodedImage,
  { top, left }: Window,
  { channels, height, width }: ImageTarget,
  isFlipped: boolean,
  out: Uint8Array,
): void {
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++) {
      const from = (planeOf(image, c) + y + top) * image.width + left;
      const row = out.subarray((c * height + y) * width, (c * height + y + 1) * width);
      row.set(image.pixels.subarray(from, from + width));
      if (isFlipped) row.reverse();
    }
}

/** First row of the channel that becomes channel `c`: grey serves for all three. */
const planeOf = (image: DecodedImage, c: number): number =>
  (image.channels === 1 ? 0 : c) * image.height;

/** The window brought to the target's size, linearly between pixels. */
function stretch(
  image: DecodedImage,
  window: Window,
  { channels, height, width }: ImageTarget,
  isFlipped: boolean,
  out: Uint8Array,
): void {
  const columns = places(image.width, window.left, window.width, width, isFlipped);
  const rows = places(image.height, window.top, window.height, height, false);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++) {
      const upper = (planeOf(image, c) + (rows.first[y] ?? 0)) * image.width;
      const lower = (planeOf(image, c) + (rows.second[y] ?? 0)) * image.width;
      const row = out.subarray((c * height + y) * width, (c * height + y + 1) * width);
      blend(image.pixels, upper, lower, rows.share[y] ?? 0, columns, row);
    }
}

function places(
  size: number,
  start: number,
  length: number,
  count: number,
  isFlipped: boolean,
): Places {
  const [first, second] = [new Int32Array(count), new Int32Array(count)];
  const share = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const inside = Math.min(size - 1, Math.max(0, start + ((i + 0.5) * length) / count - 0.5));
    const low = Math.floor(inside);
    const k = isFlipped ? count - 1 - i : i;
    first[k] = low;
    second[k] = Math.min(size - 1, low + 1);
    share[k] = inside - low;
  }
  return { first, second, share };
}

/** Moves an image within its frame, in place. */
function move({ channels, height, width }: ImageTarget, most: number, out: Uint8Array): void {
  const [down, right] = [1, 2].map((i) => Math.floor(between(i, -most, most + 1))) as [
    number,
    number,
  ];
  const kept = Math.max(0, width - Math.abs(right));
  for (let c = 0; c < channels; c++) {
    const plane = out.subarray(c * height * width, (c + 1) * height * width);
    // Rows are taken in the order in which none is written over before it was read.
    for (let i = 0; i < height; i++) {
      const y = down > 0 ? height - 1 - i : i;
      const [from, to] = [(y - down) * width + Math.max(0, -right), y * width];
      const isInside = y - down >= 0 && y - down < height;
      if (isInside) plane.copyWithin(to + Math.max(0, right), from, from + kept);
      if (!isInside) plane.fill(0, to, to + width);
      else if (right > 0) plane.fill(0, to, to + Math.min(width, right));
      else plane.fill(0, to + kept, to + width);
    }
  }
}

/** The image in the brightness of its pixels. */
export function inGrey(image: DecodedImage): DecodedImage {
  const { width, height, pixels } = image;
  const area = height * width;
  const [red, green, blue] = luma;
  const grey = Uint8Array.from(
    { length: area },
    (_, i) =>
      red * (pixels[i] ?? 0) +
      green * (pixels[area + i] ?? 0) +
      blue * (pixels[2 * area + i] ?? 0) +
      0.5,
  );
  return { width, height, channels: 1, pixels: grey };
}
