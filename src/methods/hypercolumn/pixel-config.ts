/** Settings of classifiers of pixels on hypercolumns; each number with its source. */
import { UsageError } from '../../errors.js';

/** How a classifier of pixels is fitted. */
export interface PixelConfig {
  /** Units between the columns and the scores: 0 is a logistic regression, more a network with one hidden layer. */
  readonly hidden: number;
  /** Times the squared weights, on features of deviation 1, is added to the mean cost; biases are free. */
  readonly penalty: number;
  /** Every class counts alike, however many of its pixels have labels; else every pixel that has one. */
  readonly balance: boolean;
  /** Pixels of an image that are learnt from at most. */
  readonly points: number;
  /** Steps of the fit at most. */
  readonly iterations: number;
  readonly seed: number;
}

/** Strokes: few pixels of few images. */
export const scribbleDefaults: PixelConfig = {
  // As ilastik and the classifiers over boxes: linear on what the network has made linear already.
  hidden: 0,
  // Ours, chosen on strokes drawn into CamVid's validation scenes: mean IU of the pixels without a stroke 0.354 at 0.01,
  // 0.359 at 0.1, 0.362 at 0.3, 0.366 at 1, where strokes begin to be overruled: 99.5 % of their pixels are right, at 0.3
  // 99.93 %.
  penalty: 0.3,
  // On the same scenes better by 0.007 than balanced: what is small gets short strokes.
  balance: false,
  // Ours: neighbours along a stroke say nearly the same.
  points: 3000,
  // Ours: fits that have not come to rest by then change little.
  iterations: 60,
  seed: 1,
};

/** Whole masks: many images, a few pixels of each. */
export const maskDefaults: PixelConfig = {
  ...scribbleDefaults,
  // Ours: CamVid, five layers of SqueezeNet 1.1, mean IU of the validation scenes with 200 points 0.502 at 0.01, 0.539 at
  // 0.001, 0.527 at 0.0001; with 500 points 0.552 at 0.0005.
  penalty: 5e-4,
  points: 500,
  iterations: 200,
};

/** @throws UsageError naming the first setting that makes no sense. */
export function checkPixelConfig(config: PixelConfig): void {
  const { hidden, penalty, points, iterations, seed } = config;
  const whole = (n: number, from: number): boolean => Number.isSafeInteger(n) && n >= from;
  demand(whole(hidden, 0) && hidden <= 4096, 'hidden', 'a whole number from 0 to 4096', hidden);
  demand(penalty >= 0 && Number.isFinite(penalty), 'penalty', 'a number from 0 on', penalty);
  demand(whole(points, 1), 'points', 'a whole number above 0', points);
  demand(whole(iterations, 1), 'iterations', 'a whole number above 0', iterations);
  demand(whole(seed, 0), 'seed', 'a whole number from 0 on', seed);
}

function demand(holds: boolean, name: string, rule: string, actual: unknown): void {
  if (!holds)
    throw new UsageError(`invalid ${name}: ${rule}, got ${JSON.stringify(actual)}`, { actual });
}
