/**
 * What each layer knows of a pixel: features of all layers are read once, subsets of them are looked at one after the
 * other, and of each layer alone it is asked where in the image a pixel lies.
 */
import type { HypercolumnTap } from '../../dense/hypercolumn-taps.js';
import { ShapeError } from '../../errors.js';
import type { PixelExamples } from './pixel-examples.js';
import { fitRidge, type RidgeExamples } from './ridge.js';

/** Where pixels lie: row and column of each as shares of the image's height and width, (count, 2), in [0, 1]. */
export type Positions = Float32Array;

/** How well the position of pixels is told from features, on pixels that were not learnt from. */
export interface PositionFigures {
  /** Share of the variance of rows that is told: 1 is all, 0 what the mean of all rows tells. */
  readonly rows: number;
  /** The same of columns. */
  readonly columns: number;
  /** Mean distance between where a pixel is and where it is thought to be, in shares of height and width. */
  readonly distance: number;
}

/** The channels of some layers among those of all. */
export function channelsOf(taps: readonly HypercolumnTap[], chosen: readonly number[]): number[] {
  const starts = taps.map((_, i) => taps.slice(0, i).reduce((sum, tap) => sum + tap.channels, 0));
  return chosen.flatMap((i) => {
    const tap = taps[i];
    if (!tap) throw new ShapeError(`there is no layer ${i}, only ${taps.length}`, { actual: i });
    return Array.from({ length: tap.channels }, (_, k) => (starts[i] ?? 0) + k);
  });
}

/** Examples with the features of some layers alone; the same examples where these are all. */
export function ofLayers(
  examples: PixelExamples,
  taps: readonly HypercolumnTap[],
  chosen: readonly number[],
): PixelExamples {
  const channels = channelsOf(taps, chosen);
  if (channels.length === examples.features && channels.every((from, to) => from === to))
    return examples;
  const data = new Float32Array(examples.count * channels.length);
  for (let n = 0; n < examples.count; n++)
    channels.forEach((from, to) => {
      data[n * channels.length + to] = examples.data[n * examples.features + from] ?? 0;
    });
  return { ...examples, features: channels.length, data };
}

/** Of the ridge, on features of deviation 1: ours. */
const penalty = 1e-2;

/**
 * Ridge regression of the position on the features, fitted on some pixels and measured on others. A layer that stands on
 * a coarse grid, or whose cells see nearly the whole image, may still say where a pixel is: borders are padded.
 * @throws ShapeError where features differ in number.
 */
export function positionRecovery(
  train: { readonly examples: PixelExamples; readonly positions: Positions },
  held: { readonly examples: PixelExamples; readonly positions: Positions },
): PositionFigures {
  const predict = fitRidge(ridgeOf(train), { penalty });
  const told = predict(held.examples.data, held.examples.count);
  const { count } = held.examples;
  const means = [0, 1].map((k) => meanOf(count, (n) => held.positions[2 * n + k] ?? 0));
  const explained = [0, 1].map((k) => {
    const missed = meanOf(
      count,
      (n) => ((held.positions[2 * n + k] ?? 0) - (told[2 * n + k] ?? 0)) ** 2,
    );
    const all = meanOf(count, (n) => ((held.positions[2 * n + k] ?? 0) - (means[k] ?? 0)) ** 2);
    return 1 - missed / all;
  });
  const distance = meanOf(count, (n) =>
    Math.hypot(
      (held.positions[2 * n] ?? 0) - (told[2 * n] ?? 0),
      (held.positions[2 * n + 1] ?? 0) - (told[2 * n + 1] ?? 0),
    ),
  );
  return { rows: explained[0] ?? Number.NaN, columns: explained[1] ?? Number.NaN, distance };
}

const ridgeOf = ({
  examples: { count, features, data },
  positions,
}: {
  readonly examples: PixelExamples;
  readonly positions: Positions;
}): RidgeExamples => ({ count, features, data, targets: positions, outputs: 2 });

function meanOf(count: number, value: (n: number) => number): number {
  let sum = 0;
  for (let n = 0; n < count; n++) sum += value(n);
  return sum / count;
}
