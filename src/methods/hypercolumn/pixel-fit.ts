/**
 * Fits a classifier of pixels on hypercolumns: softmax regression, or a network with one hidden layer. The runtime looks
 * at all examples at once and L-BFGS on the host asks it to, so that there is no rate to choose and a fit on a few
 * thousand pixels takes well under a second.
 */
import { DataError, InterruptedError } from '../../errors.js';
import { normal } from '../../nn/init.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import { type Tensor, tensor, zeros } from '../../tensor/tensor.js';
import { descend } from './lbfgs.js';
import { checkPixelConfig, type PixelConfig } from './pixel-config.js';
import { type LayerShape, packed, pixelCost, unpacked } from './pixel-cost.js';
import { nothingLabelled, type PixelExamples } from './pixel-examples.js';
import {
  type PixelHead,
  type PixelLayer,
  type Scaling,
  unscaled,
  withAbsent,
} from './pixel-head.js';

export interface FitPixelsOptions {
  readonly runtime: Runtime;
  readonly session?: SessionOptions | undefined;
  /** Its data are written over: brought to mean 0 and deviation 1. */
  readonly examples: PixelExamples;
  /** Names of the classes. One without an example is never predicted. */
  readonly classes: readonly string[];
  readonly config: PixelConfig;
  /** Told after each step: how many are done, the cost with the penalty, the step's length times the direction. */
  readonly onStep?: ((steps: number, cost: number, length: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A fitted classifier. */
export interface PixelFit {
  readonly head: PixelHead;
  /** Mean cross-entropy of the examples in nats, weighted as in the fit; the penalty is not counted. */
  readonly loss: number;
  /** Share of the labelled pixels of each class that is told right, in [0, 1]; NaN where it has none. */
  readonly accuracies: readonly number[];
  readonly steps: number;
}

/**
 * Fits weights and biases.
 * @throws UsageError for a config that makes no sense; DataError where all examples are of one class, a label is of none, or
 *   a feature is not a number; InterruptedError once the signal is aborted.
 */
export async function fitPixels(options: FitPixelsOptions): Promise<PixelFit> {
  const { runtime, session, examples, classes, config, onStep, signal } = options;
  const { count, features, data, labels } = examples;
  checkPixelConfig(config);
  const present = presentClasses(labels, classes);
  const scaling = standardise(examples);
  const shapes: LayerShape[] =
    config.hidden === 0
      ? [[present.length, features]]
      : [
          [config.hidden, features],
          [present.length, config.hidden],
        ];
  const cost = await pixelCost({
    ...{ runtime, session, shapes, penalty: config.penalty },
    x: tensor('float32', [count, features], data),
    targets: targetsOf(examples, present, config.balance),
  });
  const descent = descend(packed(initial(shapes, config.seed)), { ...config, onStep });
  let next = descent.next();
  while (!next.done) {
    if (signal?.aborted) throw new InterruptedError('interrupted before the fit was done');
    next = descent.next(await cost.at(next.value.point, next.value.gradient));
  }
  const { point, steps } = next.value;
  const { loss, logProbabilities } = await cost.look(point);
  const layers = unpacked(point, shapes).map((layer, i) =>
    i === 0 ? unscaled(layer, scaling) : layer,
  );
  const last = withAbsent(layers.at(-1) as PixelLayer, present, classes.length);
  return {
    head: { layers: [...layers.slice(0, -1), last] },
    ...{ loss, steps },
    accuracies: accuraciesOf(logProbabilities, examples, present, classes.length),
  };
}

/**
 * The classes that have labels.
 * @throws DataError where there are fewer than two, or a label is beyond them.
 */
export function presentClasses(labels: Iterable<number>, classes: readonly string[]): number[] {
  const seen = new Set(labels);
  if (seen.size === 0) throw nothingLabelled();
  const stranger = [...seen].find((id) => id >= classes.length);
  if (stranger !== undefined)
    throw new DataError(
      `a pixel has the label ${stranger}, where there are ${classes.length} classes: name more classes, or correct the labels`,
      { expected: classes.length, actual: stranger },
    );
  const present = [...classes.keys()].filter((id) => seen.has(id));
  const [only = 0, ...more] = present;
  if (more.length > 0) return present;
  throw new DataError(
    `all labelled pixels are of one class, ${only} (${classes[only]}): draw strokes of another class as well`,
    { actual: only },
  );
}

/**
 * Brings the features to mean 0 and deviation 1, where they lie. Row by row: a function that is called for each is compiled
 * after a few, a loop over all numbers only while it runs, which takes twice as long.
 */
function standardise({ count, features, data }: PixelExamples): Scaling {
  const means = new Float64Array(features);
  const squares = new Float64Array(features);
  const rows = Array.from({ length: count }, (_, n) =>
    data.subarray(n * features, (n + 1) * features),
  );
  for (const row of rows) addTo(means, squares, row);
  const factors = squares.map((sum, f) => {
    const square = sum / count;
    const mean = (means[f] ?? 0) / count;
    means[f] = mean;
    const variance = square - mean * mean;
    if (Number.isNaN(variance) || !Number.isFinite(mean))
      throw new DataError(
        `feature ${f} of the pixels is not a number: the network has diverged or its input has NaN`,
        { actual: f },
      );
    return variance > 1e-10 * (1 + square) ? 1 / Math.sqrt(variance) : 0;
  });
  for (const row of rows) scale(row, means, factors);
  return { means, factors };
}

function addTo(sums: Float64Array, squares: Float64Array, row: Float32Array): void {
  for (let f = 0; f < row.length; f++) {
    const value = row[f] as number;
    sums[f] = (sums[f] as number) + value;
    squares[f] = (squares[f] as number) + value * value;
  }
}

function scale(row: Float32Array, means: Float64Array, factors: Float64Array): void {
  for (let f = 0; f < row.length; f++)
    row[f] = ((row[f] as number) - (means[f] as number)) * (factors[f] as number);
}

/** Zeros where there is one layer, else as He et al. 2015 begin. */
function initial(shapes: readonly LayerShape[], seed: number): PixelLayer[] {
  return shapes.map(([outputs, inputs], i) => {
    const drawn = () => normal(seed, `pixels/${i}`, [outputs, inputs], Math.sqrt(2 / inputs));
    const weights = shapes.length === 1 ? zeros('float32', [outputs, inputs]) : drawn();
    return { weights: weights as Tensor<'float32'>, bias: zeros('float32', [outputs]) };
  });
}

/** Each example's weight in the column of its class; all sum to 1. */
function targetsOf(
  { count, labels, weights }: PixelExamples,
  present: readonly number[],
  balance: boolean,
): Tensor<'float32'> {
  const width = present.length;
  const column = new Map(present.map((id, i) => [id, i]));
  const sums = new Float64Array(width);
  const columns = Array.from(labels, (id) => column.get(id) ?? 0);
  columns.forEach((at, n) => {
    sums[at] = (sums[at] ?? 0) + (weights[n] ?? 0);
  });
  const all = sums.reduce((sum, own) => sum + own, 0);
  const targets = zeros('float32', [count, width]);
  columns.forEach((at, n) => {
    const total = balance ? width * (sums[at] ?? 1) : all;
    targets.data[n * width + at] = (weights[n] ?? 0) / total;
  });
  return targets;
}

function accuraciesOf(
  logProbabilities: Float32Array,
  { labels, weights }: PixelExamples,
  present: readonly number[],
  classes: number,
): number[] {
  const width = present.length;
  const [right, all] = [new Float64Array(classes), new Float64Array(classes)];
  labels.forEach((id, n) => {
    let best = 0;
    for (let k = 1; k < width; k++)
      if ((logProbabilities[n * width + k] ?? 0) > (logProbabilities[n * width + best] ?? 0))
        best = k;
    const weight = weights[n] ?? 0;
    all[id] = (all[id] ?? 0) + weight;
    if (present[best] === id) right[id] = (right[id] ?? 0) + weight;
  });
  return Array.from(all, (total, id) => (right[id] ?? 0) / total);
}
