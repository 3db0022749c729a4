/**
 * Figures of a segmenter, from one confusion matrix over the whole data set (Long, Shelhamer and Darrell 2015,
 * section 5): n_ij pixels of class i were taken for class j, and t_i = Σ_j n_ij. A figure over nothing is NaN.
 */
import { DataError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { ConfusionMatrix } from './classification.js';

/** Classes of pixels, row by row; a byte each in memory, int32 in graphs. */
export type PixelClasses = Uint8Array | Uint16Array | Int32Array;

/** The id of pixels that count nowhere. */
export const voidId = 255;

/** What is known of one class; each in [0, 1]. */
export interface ClassFigures {
  /** n_ii / (t_i + Σ_j n_ji - n_ii); NaN where the class was neither there nor predicted. */
  readonly iu: number;
  /** n_ii / t_i; NaN where the class was not there. */
  readonly accuracy: number;
  /** n_ii / Σ_j n_ji; NaN where the class was never predicted. */
  readonly precision: number;
  /** 2 n_ii / (t_i + Σ_j n_ji); NaN as `iu` is. */
  readonly dice: number;
  /** Share of the pixels that are of the class. */
  readonly share: number;
  /** Share of the pixels that were taken for the class. */
  readonly predictedShare: number;
}

/** The paper's four figures, each in [0, 1], and all classes by themselves. */
export interface SegmentationFigures {
  /** How many pixels were counted: those that are not void. */
  readonly pixels: number;
  /** Σ_i n_ii / Σ_i t_i. */
  readonly pixelAccuracy: number;
  /** The mean of the classes' accuracy, over those that were there. */
  readonly meanAccuracy: number;
  /**
   * The mean of the classes' IU, over those that were there or were predicted: as in the authors' code, a class that
   * is nowhere and yet predicted counts with 0.
   */
  readonly meanIu: number;
  /** Σ_i t_i IU_i / Σ_i t_i. */
  readonly frequencyWeightedIu: number;
  /** The mean of the classes' Dice, over the same classes as `meanIu`. */
  readonly meanDice: number;
  readonly classes: readonly ClassFigures[];
  /** Classes of which there was no pixel. */
  readonly absent: readonly number[];
}

/**
 * Counts the pixels of an image, or of many, into `confusion`, in place, so that one matrix serves a whole data set.
 * @param truth the class of each pixel, or `ignore`
 * @param predicted the class that each was taken for
 * @throws DataError where an id is no class or the two differ in length.
 */
export function addPixels(
  { classes, counts }: ConfusionMatrix,
  truth: PixelClasses,
  predicted: PixelClasses,
  ignore: number = voidId,
): void {
  if (truth.length !== predicted.length)
    throw new DataError(
      `${truth.length} true pixels but ${predicted.length} predicted ones: bring the prediction to the mask's size`,
      { expected: truth.length, actual: predicted.length },
    );
  for (let i = 0; i < truth.length; i++) {
    const [row = 0, column = 0] = [truth[i], predicted[i]];
    if (row === ignore) continue;
    if (row < 0 || row >= classes) notAClass(i, row, 'true', classes);
    if (column < 0 || column >= classes) notAClass(i, column, 'predicted', classes);
    const at = row * classes + column;
    counts[at] = (counts[at] ?? 0) + 1;
  }
}

/**
 * The matrix of two sets of images together.
 * @throws DataError where they have not the same classes.
 */
export function mergeConfusions(a: ConfusionMatrix, b: ConfusionMatrix): ConfusionMatrix {
  if (a.classes !== b.classes)
    throw new DataError(
      `confusion matrices of ${a.classes} and ${b.classes} classes cannot be merged`,
      { expected: a.classes, actual: b.classes },
    );
  return { classes: a.classes, counts: a.counts.map((count, i) => count + (b.counts[i] ?? 0)) };
}

/** The figures of a confusion matrix of pixels. */
export function segmentationFigures({ classes, counts }: ConfusionMatrix): SegmentationFigures {
  const ids = Array.from({ length: classes }, (_, i) => i);
  const right = ids.map((i) => counts[i * classes + i] ?? 0);
  const there = ids.map((i) => sum(ids.map((j) => counts[i * classes + j] ?? 0)));
  const taken = ids.map((j) => sum(ids.map((i) => counts[i * classes + j] ?? 0)));
  const pixels = sum(there);
  const figures = ids.map((i): ClassFigures => {
    const [n = 0, t = 0, p = 0] = [right[i], there[i], taken[i]];
    return {
      iu: n / (t + p - n),
      accuracy: n / t,
      precision: n / p,
      dice: (2 * n) / (t + p),
      share: t / pixels,
      predictedShare: p / pixels,
    };
  });
  return {
    pixels,
    pixelAccuracy: sum(right) / pixels,
    meanAccuracy: meanOf(figures.map(({ accuracy }) => accuracy)),
    meanIu: meanOf(figures.map(({ iu }) => iu)),
    frequencyWeightedIu: sum(figures.map(({ iu }, i) => (there[i] ? there[i] * iu : 0))) / pixels,
    meanDice: meanOf(figures.map(({ dice }) => dice)),
    classes: figures,
    absent: ids.filter((i) => there[i] === 0),
  };
}

/** The mean of the values that are numbers; NaN where none is. */
export function meanOf(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return sum(known) / known.length;
}

/**
 * The class of largest score of each pixel; among equals the lowest, as ONNX ArgMax has it.
 * @param scores float32 (n, classes, h, w): scores or probabilities, at most 255 classes
 * @returns n images of h rows of w pixels, one after the other
 * @throws ShapeError where `scores` has not four dimensions or too many classes, DataError where one is not a number.
 */
export function classesOfPixels({ dims, data }: Tensor<'float32'>): Uint8Array {
  const [n = 0, classes = 0, h = 0, w = 0] = dims;
  if (dims.length !== 4 || classes < 1 || classes > voidId)
    throw new ShapeError(
      `scores of pixels have shape (n, classes, h, w) with 1 to ${voidId} classes, got ${formatShape(dims)}`,
      { actual: dims },
    );
  const area = h * w;
  const chosen = new Uint8Array(n * area);
  const best = new Float32Array(area);
  for (let image = 0; image < n; image++) {
    const winners = chosen.subarray(image * area, (image + 1) * area);
    best.fill(Number.NEGATIVE_INFINITY);
    for (let k = 0; k < classes; k++) {
      const start = (image * classes + k) * area;
      for (let i = 0; i < area; i++) {
        const score = data[start + i] ?? 0;
        if (score > (best[i] ?? 0)) {
          best[i] = score;
          winners[i] = k;
        } else if (Number.isNaN(score)) notANumber(image, k, i, w);
      }
    }
  }
  return chosen;
}

function notANumber(image: number, k: number, i: number, w: number): never {
  throw new DataError(
    `image ${image}: the score of class ${k} at row ${Math.floor(i / w)}, column ${i % w} is not a number. The model has diverged, or its input has NaN.`,
  );
}

function notAClass(i: number, id: number, what: string, classes: number): never {
  throw new DataError(
    `pixel ${i}: the ${what} class is ${id}, where classes go from 0 to ${classes - 1}. Check which ids the masks use.`,
    { expected: classes, actual: id },
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
