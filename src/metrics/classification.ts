/**
 * Figures of a classifier. Labels are class indices; probabilities are rows of shape (samples, classes). A
 * figure over nothing is NaN, never 0 or 1.
 */
import { DataError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';

/** Class indices, as plain numbers or as the int64 of an ONNX model. */
export type Labels = ArrayLike<number | bigint>;

/** Probabilities (samples, classes), each row non-negative with sum 1. */
export type Probabilities = Tensor<'float32' | 'float64'>;

/** How often each class was taken for each: `counts[truth * classes + prediction]`. */
export interface ConfusionMatrix {
  readonly classes: number;
  readonly counts: Float64Array;
}

/** -log of the least normal float32: what a probability that underflowed to 0 costs at least. */
const minProbability = 2 ** -126;

/** A matrix of zeros, to be filled by `addToConfusion`. */
export function emptyConfusion(classes: number): ConfusionMatrix {
  return { classes, counts: new Float64Array(classes * classes) };
}

/**
 * Counts samples into `matrix`, in place, so that one matrix serves a whole data set.
 * @param ignore the truth of samples that count nowhere, such as a segmentation's 255
 * @throws DataError where a label is no class or the two lists differ in length.
 */
export function addToConfusion(
  matrix: ConfusionMatrix,
  truth: Labels,
  predicted: Labels,
  ignore?: number,
): void {
  checkSameLength(truth, predicted.length, 'predictions');
  for (let i = 0; i < truth.length; i++) {
    if (ignore !== undefined && Number(truth[i]) === ignore) continue;
    const row = classAt(truth, i, matrix.classes, 'true label');
    const column = classAt(predicted, i, matrix.classes, 'predicted label');
    const at = row * matrix.classes + column;
    matrix.counts[at] = (matrix.counts[at] ?? 0) + 1;
  }
}

/**
 * The confusion matrix of one list of labels and one of predictions.
 * @throws DataError where a label is no class or the two lists differ in length.
 */
export function confusionMatrix(
  truth: Labels,
  predicted: Labels,
  classes: number,
): ConfusionMatrix {
  const matrix = emptyConfusion(classes);
  addToConfusion(matrix, truth, predicted);
  return matrix;
}

/** The fraction of samples that were predicted rightly, in [0, 1]. */
export function accuracy(matrix: ConfusionMatrix): number {
  return sum(diagonal(matrix)) / sum(matrix.counts);
}

/** The fraction of samples that were predicted wrongly, in [0, 1]. */
export function errorRate(matrix: ConfusionMatrix): number {
  const all = sum(matrix.counts);
  return (all - sum(diagonal(matrix))) / all;
}

/** For each class, the fraction of its samples that were found; NaN for a class without samples. */
export function recallByClass(matrix: ConfusionMatrix): number[] {
  const { classes, counts } = matrix;
  return diagonal(matrix).map(
    (right, row) => right / sum(counts.subarray(row * classes, (row + 1) * classes)),
  );
}

/** For each class, the fraction of its predictions that were right; NaN for a class never predicted. */
export function precisionByClass(matrix: ConfusionMatrix): number[] {
  const { classes, counts } = matrix;
  const predictions = new Float64Array(classes);
  counts.forEach((count, i) => {
    const column = i % classes;
    predictions[column] = (predictions[column] ?? 0) + count;
  });
  return diagonal(matrix).map((right, column) => right / (predictions[column] ?? 0));
}

/**
 * The most probable class of each row; among equals the lowest, as ONNX ArgMax has it.
 * @throws ShapeError where `probabilities` has no two dimensions, DataError where one is not a number.
 */
export function predictedClasses(probabilities: Probabilities): Int32Array {
  const [samples, classes] = dimensions(probabilities);
  const predicted = new Int32Array(samples);
  for (let sample = 0; sample < samples; sample++) {
    const row = rowOf(probabilities, sample, classes);
    let best = 0;
    for (let i = 1; i < classes; i++) if ((row[i] ?? 0) > (row[best] ?? 0)) best = i;
    predicted[sample] = best;
  }
  return predicted;
}

/**
 * The fraction of samples, in [0, 1], whose true class is among the `k` most probable. Equals are ranked by
 * class index, so with k = 1 it is the accuracy of `predictedClasses`.
 * @throws ShapeError where `probabilities` has no two dimensions, DataError where one is not a number, a label is
 *   no class, the lengths differ or `k` is not a positive integer.
 */
export function topKAccuracy(probabilities: Probabilities, truth: Labels, k: number): number {
  if (!Number.isInteger(k) || k < 1)
    throw new DataError(`top-k accuracy: k is a positive integer, got ${k}`, { actual: k });
  let right = 0;
  forEachSample(probabilities, truth, (row, label) => {
    const own = row[label] ?? 0;
    let ahead = 0;
    row.forEach((value, i) => {
      if (value > own || (value === own && i < label)) ahead++;
    });
    if (ahead < k) right++;
  });
  return right / truth.length;
}

/**
 * The mean negative log-likelihood of the true classes, in nats. A probability below the least normal float32
 * counts as that one (87.3 nats), since a float32 softmax underflows to 0 where the model did not mean never.
 * @throws ShapeError where `probabilities` has no two dimensions, DataError where one is outside [0, 1] or not a
 *   number, a label is no class or the lengths differ.
 */
export function negativeLogLikelihood(probabilities: Probabilities, truth: Labels): number {
  let total = 0;
  forEachSample(probabilities, truth, (row, label, sample) => {
    const own = row[label] ?? 0;
    // A rounded softmax may exceed 1 by an ulp or two; logits exceed it by more.
    if (own < 0 || own > 1 + 1e-5)
      throw new DataError(
        `negative log-likelihood: sample ${sample} has probability ${own}, which is outside [0, 1]. Apply a softmax first.`,
        { actual: own },
      );
    total -= Math.log(Math.min(1, Math.max(own, minProbability)));
  });
  return total / truth.length;
}

function forEachSample(
  probabilities: Probabilities,
  truth: Labels,
  visit: (row: Float32Array | Float64Array, label: number, sample: number) => void,
): void {
  const [samples, classes] = dimensions(probabilities);
  checkSameLength(truth, samples, 'rows of probabilities');
  for (let sample = 0; sample < samples; sample++)
    visit(
      rowOf(probabilities, sample, classes),
      classAt(truth, sample, classes, 'true label'),
      sample,
    );
}

function dimensions({ dims }: Probabilities): [number, number] {
  const [samples, classes] = dims;
  if (dims.length !== 2 || samples === undefined || classes === undefined || classes < 1)
    throw new ShapeError(
      `probabilities have shape (samples, classes), got ${formatShape(dims)}. Reshape them.`,
      { actual: dims },
    );
  return [samples, classes];
}

function rowOf({ data }: Probabilities, sample: number, classes: number) {
  const row = data.subarray(sample * classes, (sample + 1) * classes);
  // A comparison with NaN is false, which could make a model that diverged look right.
  const wrong = row.findIndex(Number.isNaN);
  if (wrong >= 0)
    throw new DataError(
      `sample ${sample}: the probability of class ${wrong} is not a number. The model has diverged, or its input has NaN.`,
    );
  return row;
}

function classAt(labels: Labels, i: number, classes: number, what: string): number {
  const label = Number(labels[i]);
  if (!Number.isInteger(label) || label < 0 || label >= classes)
    throw new DataError(
      `sample ${i}: invalid ${what} ${label}, where classes go from 0 to ${classes - 1}`,
      { expected: classes, actual: label },
    );
  return label;
}

function checkSameLength(truth: Labels, length: number, what: string): void {
  if (truth.length !== length)
    throw new DataError(`${truth.length} true labels but ${length} ${what}: give one for each`, {
      expected: truth.length,
      actual: length,
    });
}

function diagonal({ classes, counts }: ConfusionMatrix): number[] {
  return Array.from({ length: classes }, (_, i) => counts[i * classes + i] ?? 0);
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] ?? 0;
  return total;
}
