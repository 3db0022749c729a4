/** What a box answers, checked and brought to one form: finite log-probabilities. */
import { DataError } from '../../errors.js';
import type { BoxFacts } from './model.js';

/** The logarithm that a probability of 0 gets: that of the smallest float32 above 0. */
export const least = Math.log(2 ** -149);

/** How far from 1 the sum of a row may be before that is said. */
const tolerance = 1e-3;

/**
 * Log-probabilities of a batch. Logits get a log-softmax in double precision. Probabilities are divided by their sum: where
 * it is off by more than 1e-3 that is said, since it may be a sign of scores of another kind; 0 counts as 2^-149.
 * @param raw float32 (n, classes), as the box says
 * @param notice takes a sentence that the user should see
 * @returns float32 (n, classes)
 * @throws DataError where the length is wrong, or a row has NaN, an infinite logit, a negative probability or no sum.
 */
export function logProbabilities(
  raw: Float32Array,
  n: number,
  box: BoxFacts,
  notice: (sentence: string) => void,
): Float32Array {
  const count = box.classes.length;
  if (raw.length !== n * count)
    throw new DataError(
      `${box.name} answered ${raw.length} numbers for ${n} images of ${count} classes: one is wanted for each class and image`,
      { expected: n * count, actual: raw.length },
    );
  const logs = new Float32Array(raw.length);
  for (let row = 0; row < n; row++) {
    const from = row * count;
    const values = raw.subarray(from, from + count);
    const into = logs.subarray(from, from + count);
    if (box.scores === 'logits') logSoftmax(values, into, box.name);
    else normalised(values, into, box.name, notice);
  }
  return logs;
}

function logSoftmax(values: Float32Array, into: Float32Array, name: string): void {
  let most = Number.NEGATIVE_INFINITY;
  values.forEach((value, c) => {
    if (!Number.isFinite(value))
      throw new DataError(`${name} answered ${value} for class ${c}: logits have to be finite`, {
        actual: value,
      });
    most = Math.max(most, value);
  });
  let sum = 0;
  for (const value of values) sum += Math.exp(value - most);
  const log = Math.log(sum);
  for (let c = 0; c < values.length; c++) into[c] = (values[c] as number) - most - log;
}

function normalised(
  values: Float32Array,
  into: Float32Array,
  name: string,
  notice: (sentence: string) => void,
): void {
  let sum = 0;
  values.forEach((value, c) => {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
      throw new DataError(
        `${name} answered ${value} as the probability of class ${c}: numbers from 0 to 1 are wanted; where they are logits or log-probabilities, declare the scores as logits`,
        { expected: '0 to 1', actual: value },
      );
    sum += value;
  });
  if (sum === 0)
    throw new DataError(
      `${name} answered 0 for every class: probabilities that sum to 1 are wanted`,
    );
  if (Math.abs(sum - 1) > tolerance)
    notice(
      `${name} answers probabilities that do not sum to 1 (${sum.toPrecision(4)}): they are divided by their sum`,
    );
  for (let c = 0; c < values.length; c++) {
    const value = (values[c] as number) / sum;
    into[c] = value > 0 ? Math.max(least, Math.log(value)) : least;
  }
}

/** Index of the largest of a row; the first of several. */
export function likeliest(logs: Float32Array): number {
  let best = 0;
  for (let c = 1; c < logs.length; c++) if ((logs[c] as number) > (logs[best] as number)) best = c;
  return best;
}

/** 1 and the classes strictly likelier than `label`. */
export function rankOf(logs: Float32Array, label: number): number {
  const own = logs[label] as number;
  return 1 + logs.reduce((likelier, value) => likelier + (value > own ? 1 : 0), 0);
}
