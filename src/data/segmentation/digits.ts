/**
 * Scenes of real handwritten digits on textured grounds, made as they are asked for: MNIST's images, scaled and
 * coloured, partly in front of each other. The class of every pixel is known exactly, and so is every digit's place.
 * A scene is a pure function of the seed, the part and its index.
 */
import { UsageError } from '../../errors.js';
import { fillUniform, streamKey } from '../../tensor/random.js';
import type { ImageSet } from '../image-set.js';
import { loadMnist, type MnistOptions } from '../mnist.js';
import { paintGround } from './digit-ground.js';
import { boxOf, type Frame, inkOf, paintInk } from './digit-ink.js';
import type { PartName } from './format.js';
import { vocPalette } from './palette.js';
import type { Scene, SceneInstance, SceneSource, SegmentationData } from './scenes.js';

/** What the scenes are like. All defaults are ours: small enough to learn in a minute, hard enough to need context. */
export interface DigitSceneOptions {
  /** Pixels; 64 unless given. */
  readonly height?: number;
  readonly width?: number;
  /** Scenes by part; 2000, 200 and 500 unless given. */
  readonly train?: number;
  readonly validation?: number;
  readonly test?: number;
  /** Digits in a scene, at least and at most; [2, 4] unless given. Fewer come where there is no room. */
  readonly digits?: readonly [least: number, most: number];
  /** Sides of the digits' frames as shares of the scene's shorter side; [0.4, 0.6] unless given. */
  readonly sides?: readonly [least: number, most: number];
  /** The share of a digit's frame that may be in front of, or behind, another's frame; 0.3 unless given. */
  readonly overlap?: number;
  /** Decides what the scenes show; 0 unless given. */
  readonly seed?: number;
  /** Where MNIST is. */
  readonly mnist?: MnistOptions;
}

type Settings = Required<Omit<DigitSceneOptions, 'mnist'>>;

const defaults: Settings = {
  ...{ height: 64, width: 64, train: 2000, validation: 200, test: 500 },
  ...{ digits: [2, 4], sides: [0.4, 0.6], overlap: 0.3, seed: 0 },
};

/** Background and the ten digits: the digit d is class d + 1. */
export const digitClasses: readonly string[] = ['background', ...'0123456789'];

/** MNIST's training images from here on are for validation scenes. */
const firstOfValidation = 55_000;

/** @throws UsageError naming the option that makes no sense. */
function checked(options: DigitSceneOptions): Settings {
  const { mnist: _, ...given } = options;
  const settings = { ...defaults, ...given };
  const refuse = (name: string, rule: string, actual: unknown): never => {
    throw new UsageError(`${name} of the digit scenes must be ${rule}, got ${actual}`, { actual });
  };
  for (const name of ['height', 'width'] as const)
    if (!(Number.isInteger(settings[name]) && settings[name] >= 16 && settings[name] <= 4096))
      refuse(name, 'a whole number of pixels from 16 to 4096', settings[name]);
  for (const name of ['train', 'validation', 'test'] as const)
    if (!(Number.isInteger(settings[name]) && settings[name] >= (name === 'train' ? 1 : 0)))
      refuse(name, 'a whole number of scenes', settings[name]);
  const [least, most] = settings.digits;
  if (
    !(
      Number.isInteger(least) &&
      Number.isInteger(most) &&
      least >= 1 &&
      most >= least &&
      most <= 64
    )
  )
    refuse('digits', 'two whole numbers from 1 to 64, the smaller first', settings.digits);
  const [small, large] = settings.sides;
  if (!(small > 0 && large >= small && large <= 1))
    refuse('sides', 'two shares in (0, 1], the smaller first', settings.sides);
  if (!(settings.overlap >= 0 && settings.overlap <= 1))
    refuse('overlap', 'a share in [0, 1]', settings.overlap);
  return settings;
}

/** MNIST's images that scenes of a part are made of. */
interface Pool {
  readonly set: ImageSet;
  readonly first: number;
  readonly count: number;
}

/** Places that are tried for a digit before it is left out. */
const tries = 10;
/** Numbers drawn for a digit: which, its side, three for its colour, and two for each place. */
const perDigit = 5 + 2 * tries;

/** Frames of digits in a scene, from back to front, with which digit and what numbers they were drawn by. */
interface Placed {
  readonly frame: Frame;
  readonly sourceIndex: number;
  readonly colour: ArrayLike<number>;
}

function placeDigits(draws: Float32Array, pool: Pool, settings: Settings): Placed[] {
  const { height, width, digits, sides, overlap } = settings;
  const [least, most] = digits;
  const count = least + Math.floor((draws[0] ?? 0) * (most - least + 1));
  const placed: Placed[] = [];
  for (let n = 0; n < count; n++) {
    const drawn = draws.subarray(1 + n * perDigit, 1 + (n + 1) * perDigit);
    const [which = 0, size = 0] = drawn;
    const share = sides[0] + size * (sides[1] - sides[0]);
    const side = Math.max(4, Math.round(share * Math.min(height, width)));
    for (let i = 0; i < tries; i++) {
      const top = Math.floor((drawn[5 + 2 * i] ?? 0) * (height - side + 1));
      const left = Math.floor((drawn[6 + 2 * i] ?? 0) * (width - side + 1));
      const frame = { top, left, side };
      if (placed.some((other) => sharedBy(frame, other.frame) > overlap)) continue;
      const sourceIndex = pool.first + Math.floor(which * pool.count);
      placed.push({ frame, sourceIndex, colour: drawn.subarray(2, 5) });
      break;
    }
  }
  return placed;
}

/** The area that two frames share, as a share of the smaller one's. */
function sharedBy(a: Frame, b: Frame): number {
  const along = (from: number, to: number) =>
    Math.max(0, Math.min(from + a.side, to + b.side) - Math.max(from, to));
  return (along(a.top, b.top) * along(a.left, b.left)) / Math.min(a.side, b.side) ** 2;
}

function makeScene(pool: Pool, settings: Settings, part: PartName, index: number): Scene {
  const { height, width, seed } = settings;
  const area = height * width;
  const key = streamKey(seed, index, `digits/${part}`);
  const draws = new Float32Array(1 + settings.digits[1] * perDigit);
  fillUniform(draws, key);
  const pixels = new Uint8Array(3 * area);
  const isDark = paintGround(pixels, height, width, key);
  const ids = new Uint8Array(area);
  /** Which instance each pixel shows, counted from 1. */
  const shown = new Uint8Array(area);
  const placed = placeDigits(draws, pool, settings);
  const inks = placed.map(({ frame, sourceIndex, colour }, n) => {
    const ink = inkOf(
      pool.set.images.subarray(sourceIndex * 784, (sourceIndex + 1) * 784),
      frame.side,
    );
    const classId = 1 + (pool.set.labels?.[sourceIndex] ?? 0);
    const own = paintInk(pixels, { height, width }, frame, ink, inkColour(colour, isDark));
    for (const at of own) {
      ids[at] = classId;
      shown[at] = n + 1;
    }
    return { classId, own };
  });
  const instances = placed.map(({ frame, sourceIndex }, n): SceneInstance => {
    const { classId, own } = inks[n] ?? { classId: 0, own: new Uint32Array(0) };
    const visible = own.filter((at) => shown[at] === n + 1);
    return { classId, sourceIndex, frame, box: boxOf(own, width), pixels: own, visible };
  });
  return {
    image: { height, width, channels: 3, pixels },
    mask: { height, width, ids },
    instances,
  };
}

/** Bright on dark grounds and dark on bright ones, of any hue: red, green, blue, 0 to 255. */
function inkColour(drawn: ArrayLike<number>, isDark: boolean): number[] {
  return Array.from(drawn, (share) => (isDark ? 150 + 105 * share : 105 * share));
}

/**
 * The built-in scenes.
 * @throws UsageError where an option makes no sense, DataError where MNIST is not installed.
 */
export async function digitScenes(options: DigitSceneOptions = {}): Promise<SegmentationData> {
  const settings = checked(options);
  const { train, test } = await loadMnist(options.mnist);
  const cut = Math.min(firstOfValidation, Math.ceil((train.count * 11) / 12));
  const pools: Readonly<Record<PartName, Pool>> = {
    train: { set: train, first: 0, count: cut },
    validation: { set: train, first: cut, count: train.count - cut },
    test: { set: test, first: 0, count: test.count },
  };
  const source = (part: PartName): SceneSource => ({
    count: settings[part],
    name: (index) => `digits, ${part} scene ${index}`,
    decode: async (index) => makeScene(pools[part], settings, part, index),
  });
  return {
    ...{ name: 'digits', classes: digitClasses, palette: vocPalette(digitClasses.length) },
    train: source('train'),
    validation: settings.validation === 0 ? null : source('validation'),
    test: settings.test === 0 ? null : source('test'),
    ...{ notes: [], skipped: [] },
  };
}
