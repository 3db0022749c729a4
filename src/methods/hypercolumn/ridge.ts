/** Ridge regression on the host: standardised features, normal equations, Cholesky's factors. */
import { DataError, ShapeError } from '../../errors.js';

export interface RidgeExamples {
  readonly count: number;
  readonly features: number;
  readonly outputs: number;
  /** (count, features) */
  readonly data: Float32Array;
  /** (count, outputs) */
  readonly targets: Float32Array;
}

/** Gives (count, outputs) of (count, features). */
export type RidgeFit = (data: Float32Array, count: number) => Float32Array;

/**
 * Fits targets by an affine function of the features.
 * @param penalty times the squared weights, on features of deviation 1, is added to the mean squared error; above 0
 * @throws DataError without examples; the fit ShapeError where features differ in number.
 */
export function fitRidge(
  { count, features, outputs, data, targets }: RidgeExamples,
  { penalty }: { readonly penalty: number },
): RidgeFit {
  if (count === 0) throw new DataError('there is no example to fit a regression on');
  const { means, factors } = standardisation(data, count, features);
  const offsets = Float64Array.from({ length: outputs }, (_, k) => {
    let sum = 0;
    for (let n = 0; n < count; n++) sum += targets[n * outputs + k] ?? 0;
    return sum / count;
  });
  const gram = new Float64Array(features * features);
  const moments = new Float64Array(features * outputs);
  const row = new Float64Array(features);
  for (let n = 0; n < count; n++) {
    for (let f = 0; f < features; f++)
      row[f] = ((data[n * features + f] ?? 0) - (means[f] ?? 0)) * (factors[f] ?? 0);
    for (let f = 0; f < features; f++) {
      const value = row[f] ?? 0;
      if (value === 0) continue;
      const at = f * features;
      for (let g = 0; g <= f; g++) gram[at + g] = (gram[at + g] ?? 0) + value * (row[g] ?? 0);
      for (let k = 0; k < outputs; k++)
        moments[f * outputs + k] =
          (moments[f * outputs + k] ?? 0) +
          value * ((targets[n * outputs + k] ?? 0) - (offsets[k] ?? 0));
    }
  }
  for (let f = 0; f < features; f++)
    gram[f * features + f] = (gram[f * features + f] ?? 0) + penalty * count;
  solve(gram, moments, features, outputs);
  return (asked, rows) => {
    if (asked.length !== rows * features)
      throw new ShapeError(
        `a regression on ${features} features was given ${asked.length} numbers for ${rows} examples`,
        { expected: rows * features, actual: asked.length },
      );
    const told = new Float32Array(rows * outputs);
    for (let n = 0; n < rows; n++)
      for (let k = 0; k < outputs; k++) {
        let sum = offsets[k] ?? 0;
        for (let f = 0; f < features; f++)
          sum +=
            ((asked[n * features + f] ?? 0) - (means[f] ?? 0)) *
            (factors[f] ?? 0) *
            (moments[f * outputs + k] ?? 0);
        told[n * outputs + k] = sum;
      }
    return told;
  };
}

/** Of the mean variance of all features: what is added to that of each, so that one that hardly ever changes stays small. */
const floor = 1e-3;

/** Means, and one over the deviations: 0 for features that never change. */
function standardisation(data: Float32Array, count: number, features: number) {
  const means = new Float64Array(features);
  const squares = new Float64Array(features);
  for (let n = 0; n < count; n++)
    for (let f = 0; f < features; f++)
      means[f] = (means[f] ?? 0) + (data[n * features + f] ?? 0) / count;
  for (let n = 0; n < count; n++)
    for (let f = 0; f < features; f++)
      squares[f] =
        (squares[f] ?? 0) + ((data[n * features + f] ?? 0) - (means[f] ?? 0)) ** 2 / count;
  const usual = (floor * squares.reduce((sum, square) => sum + square, 0)) / features;
  const factors = squares.map((square) => (square > 0 ? 1 / Math.sqrt(square + usual) : 0));
  return { means, factors };
}

/** Solves gram x = moments in place, gram symmetric and positive definite with its lower half given. */
function solve(gram: Float64Array, moments: Float64Array, size: number, columns: number): void {
  const at = (i: number, j: number): number => gram[i * size + j] ?? 0;
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let sum = at(i, j);
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k);
      gram[i * size + j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
  for (let c = 0; c < columns; c++) {
    for (let i = 0; i < size; i++) {
      let sum = moments[i * columns + c] ?? 0;
      for (let k = 0; k < i; k++) sum -= at(i, k) * (moments[k * columns + c] ?? 0);
      moments[i * columns + c] = sum / at(i, i);
    }
    for (let i = size - 1; i >= 0; i--) {
      let sum = moments[i * columns + c] ?? 0;
      for (let k = i + 1; k < size; k++) sum -= at(k, i) * (moments[k * columns + c] ?? 0);
      moments[i * columns + c] = sum / at(i, i);
    }
  }
}
