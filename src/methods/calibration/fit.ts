/**
 * Calibration fitted on held-out images: the scaling of the logits under which their true classes are most likely. The
 * cost is convex in both forms, so that L-BFGS ends where it is least.
 */
import { DataError, TrainingError } from '../../errors.js';
import type { Labels } from '../../metrics/classification.js';
import type { Tensor } from '../../tensor/tensor.js';
import { descend } from '../hypercolumn/lbfgs.js';
import { type Calibration, softmaxInPlace } from './calibration.js';

/** Ours: more than either form has needed. */
const iterations = 200;
/** Largest slope at which the descent is done: a temperature is then right to about as much. */
const tolerance = 1e-7;
/** Below this inverse temperature the most likely thing is that all classes are as probable as the others. */
const leastScale = 1e-6;

/**
 * Fits a scaling to logits.
 * @param logits float32 (samples, classes), of images that the classifier was not trained on
 * @param labels their true classes
 * @throws DataError where there are no samples, the lengths differ, a logit is not finite or a label is no class;
 *   TrainingError where no temperature fits, as of a classifier that is worse than chance.
 */
export function fitCalibration(
  method: Calibration['method'],
  logits: Tensor<'float32'>,
  labels: Labels,
): Calibration {
  const truth = checked(logits, labels);
  const classes = logits.dims[1] ?? 1;
  if (method === 'temperature') {
    const [scale = 1] = least(Float64Array.of(1), (point, gradient) =>
      costOf(
        logits,
        truth,
        (k) => [(point[0] ?? 0) * k, 0],
        (slope, logit) => {
          gradient[0] = (gradient[0] ?? 0) + slope * logit;
        },
      ),
    );
    if (!(scale > leastScale))
      throw new TrainingError(
        `no temperature fits: the classifier is right no more often than by chance (1 / temperature came to ${scale.toPrecision(3)}). Train it, or check that the classes are in its order.`,
        { actual: scale },
      );
    return { method, temperature: 1 / scale };
  }
  const start = Float64Array.from({ length: 2 * classes }, (_, i) => (i < classes ? 1 : 0));
  const point = least(start, (at, gradient) =>
    costOf(
      logits,
      truth,
      (logit, k) => [logit * (at[k] ?? 0), at[classes + k] ?? 0],
      (slope, logit, k) => {
        gradient[k] = (gradient[k] ?? 0) + slope * logit;
        gradient[classes + k] = (gradient[classes + k] ?? 0) + slope;
      },
    ),
  );
  return { method, weights: [...point.subarray(0, classes)], bias: [...point.subarray(classes)] };
}

/** The point of the least cost. `cost` adds the gradient into what it is given, which is 0. */
function least(
  start: Float64Array,
  cost: (point: Float64Array, gradient: Float64Array) => number,
): Float64Array {
  const descent = descend(start, { iterations, tolerance });
  for (let asked = descent.next(); ; ) {
    if (asked.done) return asked.value.point;
    const { point, gradient } = asked.value;
    gradient.fill(0);
    asked = descent.next(cost(point, gradient));
  }
}

/** The mean negative log-likelihood of scaled logits; `add` is told its slope by each scaled logit. */
function costOf(
  { data, dims }: Tensor<'float32'>,
  truth: Int32Array,
  scaled: (logit: number, k: number) => readonly [product: number, bias: number],
  add: (slope: number, logit: number, k: number) => void,
): number {
  const classes = dims[1] ?? 1;
  const row = new Float64Array(classes);
  let total = 0;
  truth.forEach((label, i) => {
    const from = i * classes;
    for (let k = 0; k < classes; k++) {
      const [product, bias] = scaled(data[from + k] ?? 0, k);
      row[k] = product + bias;
    }
    const own = row[label] ?? 0;
    total += softmaxInPlace(row) - own;
    for (let k = 0; k < classes; k++)
      add(((row[k] ?? 0) - (k === label ? 1 : 0)) / truth.length, data[from + k] ?? 0, k);
  });
  return total / truth.length;
}

function checked({ data, dims }: Tensor<'float32'>, labels: Labels): Int32Array {
  const [count = 0, classes = 0] = dims;
  if (count === 0)
    throw new DataError('calibration needs held-out labelled images, got none', { actual: 0 });
  if (labels.length !== count)
    throw new DataError(
      `${labels.length} true labels but ${count} rows of logits: give one for each`,
      {
        expected: count,
        actual: labels.length,
      },
    );
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw new DataError(
      `a logit of sample ${Math.floor(wrong / classes)} is ${data[wrong]}: the model has diverged, or its input has NaN`,
      { actual: data[wrong] },
    );
  const truth = Int32Array.from({ length: count }, (_, i) => Number(labels[i]));
  const stranger = truth.findIndex((label) => label < 0 || label >= classes);
  if (stranger >= 0)
    throw new DataError(
      `sample ${stranger}: invalid true label ${truth[stranger]}, where classes go from 0 to ${classes - 1}`,
      { actual: truth[stranger] },
    );
  return truth;
}
