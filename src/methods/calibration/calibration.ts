/** A classifier's logits turned into probabilities that hold, and what that adds to its graph. */
import type { Value } from '../../graph/graph.js';
import type { Builder } from '../../ops/builder.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';

/** Temperature scaling: logits / temperature, which changes no order (Guo et al. 2017, section 4.2). */
export interface TemperatureScaling {
  readonly method: 'temperature';
  readonly temperature: number;
}

/** Vector scaling: logits * weights + bias, one of each a class; the most probable class may change. */
export interface VectorScaling {
  readonly method: 'vector';
  readonly weights: readonly number[];
  readonly bias: readonly number[];
}

export type Calibration = TemperatureScaling | VectorScaling;

/** The ways of calibrating, in their order. */
export const calibrationMethods = [
  'temperature',
  'vector',
] as const satisfies readonly Calibration['method'][];

/** The calibration as JSON, for what a model says of itself. */
export function calibrationRecord(calibration: Calibration) {
  return calibration.method === 'temperature'
    ? { ...calibration }
    : { ...calibration, weights: [...calibration.weights], bias: [...calibration.bias] };
}

/** Adds the scaling of logits, float32 (batch, classes). */
export function addCalibration(b: Builder, logits: Value, calibration: Calibration): Value {
  if (calibration.method === 'temperature') return b.Mul(logits, 1 / calibration.temperature);
  const row = (values: readonly number[]): Value =>
    b.constant(tensor('float32', [1, values.length], values));
  return b.Add(b.Mul(logits, row(calibration.weights)), row(calibration.bias));
}

/**
 * Probabilities of logits, (count, classes), each row with sum 1.
 * @param calibration none unless given
 */
export function probabilitiesOf(
  logits: Tensor<'float32'>,
  calibration?: Calibration,
): Tensor<'float64'> {
  const [count = 0, classes = 0] = logits.dims;
  const { weights, bias } = linear(calibration, classes);
  const data = new Float64Array(count * classes);
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * classes, (i + 1) * classes);
    for (let k = 0; k < classes; k++)
      row[k] = (logits.data[i * classes + k] ?? 0) * (weights[k] ?? 1) + (bias[k] ?? 0);
    softmaxInPlace(row);
  }
  return tensor('float64', [count, classes], data);
}

/** Any calibration as weights and a bias for each class. */
function linear(calibration: Calibration | undefined, classes: number) {
  if (calibration?.method === 'vector') return calibration;
  const scale = calibration ? 1 / calibration.temperature : 1;
  return {
    weights: new Array<number>(classes).fill(scale),
    bias: new Array<number>(classes).fill(0),
  };
}

/** @returns the logarithm of the sum of exponentials that was divided by */
export function softmaxInPlace(row: Float64Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of row) largest = Math.max(largest, value);
  let sum = 0;
  for (let k = 0; k < row.length; k++) {
    const power = Math.exp((row[k] ?? 0) - largest);
    row[k] = power;
    sum += power;
  }
  for (let k = 0; k < row.length; k++) row[k] = (row[k] ?? 0) / sum;
  return largest + Math.log(sum);
}
