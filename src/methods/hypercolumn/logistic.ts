/**
 * Logistic regression of one output, fitted on the host: L-BFGS (Liu and Nocedal 1989) on features brought to mean 0 and
 * deviation 1, which the weights that are returned undo. Smooth and convex, so that there is no rate to choose.
 */
import { DataError } from '../../errors.js';
import { type DescentOptions, descend, dot } from './lbfgs.js';

/** Examples of one classifier. */
export interface Examples {
  readonly count: number;
  readonly features: number;
  /** (count, features); more may lie behind. */
  readonly data: Float32Array;
  /** (count), 0 or 1. */
  readonly labels: Uint8Array;
}

export interface LogisticOptions extends DescentOptions {
  /** Times the squared weights, on features of deviation 1, is added to the mean cost; the bias is free. */
  readonly penalty: number;
}

/** probability = 1 / (1 + exp(-(weights . features + bias))). */
export interface Logistic {
  readonly weights: Float64Array;
  readonly bias: number;
  /** Mean cost in nats, the penalty not counted. */
  readonly loss: number;
}

/** Examples of each label that are taken to be there besides, so that a cell of one label has a finite bias; ours. */
const prior = 0.5;

/**
 * Fits weights and bias. Where all labels are alike the weights are 0 and the bias says how sure that is.
 * @throws DataError where there is no example or a feature is not a number.
 */
export function fitLogistic(examples: Examples, options: LogisticOptions): Logistic {
  const { count, features, labels } = examples;
  if (count === 0) throw new DataError('there is no example to fit a classifier on');
  let ones = 0;
  for (let n = 0; n < count; n++) ones += labels[n] ?? 0;
  const share = (ones + prior) / (count + 2 * prior);
  const start = Math.log(share / (1 - share));
  const flat: Logistic = {
    weights: new Float64Array(features),
    bias: start,
    loss: -(ones * Math.log(share) + (count - ones) * Math.log(1 - share)) / count,
  };
  if (ones === 0 || ones === count) return flat;
  const scaling = scalingOf(examples);
  const first = new Float64Array(features + 1);
  first[features] = start;
  const { point, loss } = minimise(new Costs(examples, scaling, options.penalty), first, options);
  const weights = new Float64Array(features);
  let bias = point[features] ?? 0;
  for (let f = 0; f < features; f++) {
    weights[f] = (point[f] ?? 0) * (scaling.factors[f] ?? 0);
    bias -= (weights[f] ?? 0) * (scaling.means[f] ?? 0);
  }
  return { weights, bias, loss };
}

/** What brings features to mean 0 and deviation 1; features that do not vary get the factor 0. */
interface Scaling {
  readonly means: Float64Array;
  readonly factors: Float64Array;
}

function scalingOf({ count, features, data }: Examples): Scaling {
  const means = new Float64Array(features);
  const squares = new Float64Array(features);
  for (let n = 0, at = 0; n < count; n++)
    for (let f = 0; f < features; f++, at++) {
      const value = data[at] as number;
      means[f] = (means[f] as number) + value / count;
      squares[f] = (squares[f] as number) + (value * value) / count;
    }
  const factors = squares.map((square, f) => {
    const mean = means[f] ?? 0;
    const variance = square - mean * mean;
    if (Number.isNaN(variance) || !Number.isFinite(mean))
      throw new DataError(
        `feature ${f} of the examples is not a number: the network has diverged or its input has NaN`,
        { actual: f },
      );
    return variance > 1e-10 * (1 + square) ? 1 / Math.sqrt(variance) : 0;
  });
  return { means, factors };
}

/** The mean cost at a point and its gradient there. */
class Costs {
  readonly #examples: Examples;
  readonly #scaling: Scaling;
  readonly #penalty: number;

  constructor(examples: Examples, scaling: Scaling, penalty: number) {
    this.#examples = examples;
    this.#scaling = scaling;
    this.#penalty = penalty;
  }

  /** @param gradient written over */
  at(point: Float64Array, gradient: Float64Array): number {
    const { count, features, data, labels } = this.#examples;
    const { means, factors } = this.#scaling;
    // In the features as they are, so that no scaled copy of them is needed.
    const weights = factors.map((factor, f) => factor * (point[f] ?? 0));
    const bias = (point[features] ?? 0) - dot(weights, means);
    const sums = new Float64Array(features);
    let [cost, errors] = [0, 0];
    for (let n = 0; n < count; n++) {
      const first = n * features;
      let score = bias;
      for (let f = 0; f < features; f++)
        score += (weights[f] as number) * (data[first + f] as number);
      const label = labels[n] as number;
      // log(1 + e^-m) of the margin, without overflow.
      const margin = label === 1 ? score : -score;
      cost += Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin)));
      const error = 1 / (1 + Math.exp(-score)) - label;
      errors += error;
      for (let f = 0; f < features; f++)
        sums[f] = (sums[f] as number) + error * (data[first + f] as number);
    }
    let squares = 0;
    for (let f = 0; f < features; f++) {
      const own = point[f] ?? 0;
      squares += own * own;
      const scaled = ((sums[f] ?? 0) - errors * (means[f] ?? 0)) * (factors[f] ?? 0);
      gradient[f] = scaled / count + 2 * this.#penalty * own;
    }
    gradient[features] = errors / count;
    return cost / count + this.#penalty * squares;
  }
}

/** The place of the least cost, and the cost there without the penalty. */
function minimise(costs: Costs, start: Float64Array, options: LogisticOptions) {
  const descent = descend(start, options);
  let next = descent.next();
  while (!next.done) next = descent.next(costs.at(next.value.point, next.value.gradient));
  const { point, cost } = next.value;
  const weights = point.subarray(0, -1);
  return { point, loss: cost - options.penalty * dot(weights, weights) };
}
