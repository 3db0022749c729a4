/** From images with labels at some or all of their pixels to the examples that a classifier is fitted on. */
import { columnLength } from '../../dense/hypercolumn.js';
import type { HypercolumnTap } from '../../dense/hypercolumn-taps.js';
import { DataError } from '../../errors.js';
import { deriveKey, fillUniform, type Key, streamKey } from '../../tensor/random.js';
import { featuresAt, type PixelFeatures } from './pixel-features.js';

/** The class id of pixels without a label. */
export const unlabelled = 255;

/** Hypercolumns with labels. */
export interface PixelExamples {
  readonly count: number;
  readonly features: number;
  /** (count, features) */
  readonly data: Float32Array;
  /** (count), indices into the classes. */
  readonly labels: Uint8Array;
  /** (count): how many labelled pixels each stands for, since of many only some are taken. */
  readonly weights: Float32Array;
}

/** An image with labels. */
export interface LabelledFeatures {
  readonly features: PixelFeatures;
  /** (height, width), row-major: a class of each pixel, `unlabelled` where it has none. */
  readonly ids: ArrayLike<number>;
}

/** Pixels that were chosen of an image. */
export interface DrawnPixels {
  /** Row and column, alternating. */
  readonly points: Float32Array;
  readonly labels: Uint8Array;
  readonly weights: Float32Array;
}

/**
 * Chooses labelled pixels: all where they are few, else of every class about as many, spread over all that it has.
 * @param ids (height, width), row-major
 * @param most how many at most
 * @throws DataError for an id that is no whole number from 0 to 255.
 */
export function drawPixels(
  ids: ArrayLike<number>,
  width: number,
  most: number,
  key: Key,
): DrawnPixels {
  const places = new Map<number, number[]>();
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] ?? unlabelled;
    if (id === unlabelled) continue;
    const own = places.get(id);
    if (own) own.push(i);
    else if (Number.isInteger(id) && id >= 0 && id < unlabelled) places.set(id, [i]);
    else
      throw new DataError(
        `pixel ${i} has the label ${id}: give the number of its class, from 0 on, or ${unlabelled} where it has none`,
        { actual: id },
      );
  }
  const chosen: { readonly place: number; readonly id: number; readonly weight: number }[] = [];
  let left = most;
  // The rarest first: what it leaves of its share the others have.
  const byCount = [...places].sort(([a, x], [c, y]) => x.length - y.length || a - c);
  for (const [i, [id, own]] of byCount.entries()) {
    const count = Math.min(own.length, Math.ceil(left / (byCount.length - i)), left);
    left -= count;
    const draws = new Float32Array(count);
    fillUniform(draws, deriveKey(key, id));
    // Of equal strips one each, so that no pixel comes twice and all of the class is seen.
    for (let n = 0; n < count; n++) {
      const at = Math.floor(((n + (draws[n] ?? 0)) / count) * own.length);
      const place = own[Math.min(own.length - 1, at)] ?? 0;
      chosen.push({ place, id, weight: own.length / count });
    }
  }
  chosen.sort((a, c) => a.place - c.place);
  return {
    points: Float32Array.from(
      chosen.flatMap(({ place }) => [Math.floor(place / width), place % width]),
    ),
    labels: Uint8Array.from(chosen, ({ id }) => id),
    weights: Float32Array.from(chosen, ({ weight }) => weight),
  };
}

/** What is said where there is nothing to learn from. */
export const nothingLabelled = (): DataError =>
  new DataError(
    `no pixel has a label, all are ${unlabelled}: draw strokes with the number of the class, from 0 on`,
  );

export interface GatherOptions {
  readonly taps: readonly HypercolumnTap[];
  readonly count: number;
  /** An image by its index; asked for once each, in order. */
  readonly image: (i: number) => Promise<LabelledFeatures>;
  /** Pixels of an image at most. */
  readonly points: number;
  readonly seed: number;
}

/**
 * Reads the hypercolumns of the labelled pixels of all images.
 * @throws DataError where no pixel has a label, or an image has more or fewer ids than pixels; what `drawPixels` and
 *   `image` throw.
 */
export async function gatherPixels({
  taps,
  count,
  image,
  points,
  seed,
}: GatherOptions): Promise<PixelExamples> {
  const features = columnLength(taps);
  const parts: { readonly drawn: DrawnPixels; readonly data: Float32Array }[] = [];
  for (let i = 0; i < count; i++) {
    const { features: layers, ids } = await image(i);
    const { height, width } = layers;
    if (ids.length !== height * width)
      throw new DataError(
        `image ${i} has ${width} x ${height} pixels and ${ids.length} labels: give one for each pixel, ${unlabelled} where it has none`,
        { expected: height * width, actual: ids.length },
      );
    const drawn = drawPixels(ids, width, points, streamKey(seed, i, 'hypercolumn/pixels'));
    if (drawn.labels.length > 0)
      parts.push({ drawn, data: featuresAt(taps, layers, drawn.points) });
  }
  const all = parts.reduce((sum, { drawn }) => sum + drawn.labels.length, 0);
  if (all === 0) throw nothingLabelled();
  const [only, ...more] = parts;
  if (only && more.length === 0) return { count: all, features, data: only.data, ...only.drawn };
  const data = new Float32Array(all * features);
  const [labels, weights] = [new Uint8Array(all), new Float32Array(all)];
  let at = 0;
  // Each part goes as soon as it is copied, so that not all is there twice.
  for (let part = parts.shift(); part; part = parts.shift()) {
    const { drawn, data: own } = part;
    data.set(own, at * features);
    labels.set(drawn.labels, at);
    weights.set(drawn.weights, at);
    at += drawn.labels.length;
  }
  return { count: all, features, data, labels, weights };
}
