/** Gaussians of the classes with one covariance, fitted on the host in double precision. */
import { DataError } from '../../errors.js';

/** Class means and a whitening: `(x - centre) @ whitening` has the tied covariance I. */
export interface TiedGaussians {
  readonly width: number;
  /** Classes that have images, each with its mean after the whitening: (classes, width). */
  readonly means: Float64Array;
  readonly classes: number;
  /** Mean of the classes' means, (width), and the whitening, (width, width) upper triangular. */
  readonly centre: Float64Array;
  readonly whitening: Float64Array;
}

/**
 * Added to the diagonal of the covariance, as a share of its mean: channels that are always 0 would make it singular.
 * Ours; Lee et al. 2018b take a pseudo-inverse.
 */
const ridge = 1e-5;

/**
 * @param data (count, width)
 * @param labels class of each row
 * @throws DataError where there are fewer than two classes or all rows are alike.
 */
export function tiedGaussians(
  data: Float32Array,
  labels: ArrayLike<number>,
  width: number,
): TiedGaussians {
  const present = [...new Set(Array.from(labels))].sort((a, b) => a - b);
  if (present.length < 2)
    throw new DataError(
      `the images are of ${present.length === 0 ? 'no class' : 'one class'}: Mahalanobis distances need at least two`,
      { actual: present },
    );
  const row = new Map(present.map((label, i) => [label, i]));
  const classOf = Int32Array.from(labels, (label) => row.get(label) ?? 0);
  const means = classMeans(data, classOf, present.length, width);
  const covariance = tiedCovariance(data, classOf, means, width);
  const whitening = inverseOfCholesky(withRidge(covariance, width), width);
  const centre = new Float64Array(width);
  means.forEach((value, i) => {
    centre[i % width] = (centre[i % width] ?? 0) + value / present.length;
  });
  const centred = means.map((value, i) => value - (centre[i % width] ?? 0));
  return {
    width,
    classes: present.length,
    centre,
    whitening,
    means: product(centred, whitening, present.length, width),
  };
}

function classMeans(
  data: Float32Array,
  classOf: Int32Array,
  classes: number,
  width: number,
): Float64Array {
  const means = new Float64Array(classes * width);
  const counts = new Float64Array(classes);
  classOf.forEach((label, i) => {
    counts[label] = (counts[label] ?? 0) + 1;
    for (let f = 0; f < width; f++)
      means[label * width + f] =
        (means[label * width + f] as number) + (data[i * width + f] as number);
  });
  return means.map((value, i) => value / (counts[Math.floor(i / width)] ?? 1));
}

/** The upper triangle; the mean over all images of the products of deviations from their class's mean. */
function tiedCovariance(
  data: Float32Array,
  classOf: Int32Array,
  means: Float64Array,
  width: number,
): Float64Array {
  const covariance = new Float64Array(width * width);
  const deviation = new Float64Array(width);
  classOf.forEach((label, i) => {
    for (let f = 0; f < width; f++)
      deviation[f] = (data[i * width + f] as number) - (means[label * width + f] as number);
    for (let f = 0; f < width; f++) {
      const own = (deviation[f] as number) / classOf.length;
      if (own === 0) continue;
      const at = f * width;
      for (let g = f; g < width; g++)
        covariance[at + g] = (covariance[at + g] as number) + own * (deviation[g] as number);
    }
  });
  return covariance;
}

function withRidge(covariance: Float64Array, width: number): Float64Array {
  let trace = 0;
  for (let f = 0; f < width; f++) trace += covariance[f * width + f] ?? 0;
  if (!(trace > 0))
    throw new DataError(
      'all features of a class are alike: there is no covariance to measure distances by. Give more images, or another layer.',
    );
  const added = (ridge * trace) / width;
  return covariance.map((value, i) => (i % (width + 1) === 0 ? value + added : value));
}

/** For S = R' R with R upper triangular, the inverse of R: S^-1 = R^-1 R^-1'. Reads the upper triangle of S. */
function inverseOfCholesky(covariance: Float64Array, width: number): Float64Array {
  const r = Float64Array.from(covariance);
  for (let i = 0; i < width; i++) {
    const pivot = Math.sqrt(r[i * width + i] as number);
    for (let j = i; j < width; j++) r[i * width + j] = (r[i * width + j] as number) / pivot;
    for (let k = i + 1; k < width; k++) {
      const factor = r[i * width + k] as number;
      if (factor === 0) continue;
      for (let j = k; j < width; j++)
        r[k * width + j] = (r[k * width + j] as number) - factor * (r[i * width + j] as number);
    }
  }
  const inverse = new Float64Array(width * width);
  for (let j = 0; j < width; j++) {
    inverse[j * width + j] = 1 / (r[j * width + j] as number);
    for (let i = j - 1; i >= 0; i--) {
      let sum = 0;
      for (let k = i + 1; k <= j; k++)
        sum += (r[i * width + k] as number) * (inverse[k * width + j] as number);
      inverse[i * width + j] = -sum / (r[i * width + i] as number);
    }
  }
  return inverse;
}

/** (rows, width) @ (width, width). */
function product(a: Float64Array, w: Float64Array, rows: number, width: number): Float64Array {
  const out = new Float64Array(rows * width);
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < width; k++) {
      const factor = a[i * width + k] as number;
      for (let j = 0; j < width; j++)
        out[i * width + j] = (out[i * width + j] as number) + factor * (w[k * width + j] as number);
    }
  return out;
}
