/** The figures of a classifier on labelled images, and how they read. */
import {
  accuracy,
  confusionMatrix,
  errorRate,
  negativeLogLikelihood,
  type Probabilities,
  precisionByClass,
  predictedClasses,
  recallByClass,
  topKAccuracy,
} from '../metrics/classification.js';
import { grouped, percent, textTable } from './text-table.js';

/** How one class fared; recall and precision are fractions, NaN over nothing. */
export interface ClassFigures {
  readonly name: string;
  readonly images: number;
  readonly recall: number;
  readonly precision: number;
}

/** All figures; rates are fractions in [0, 1], `nll` is in nats. */
export interface Evaluation {
  readonly images: number;
  readonly error: number;
  readonly accuracy: number;
  /** Mean recall of the classes that have images. */
  readonly balancedAccuracy: number;
  readonly nll: number;
  readonly topK: { readonly k: number; readonly accuracy: number };
  readonly classes: readonly ClassFigures[];
  /** `confusion[truth][predicted]`. */
  readonly confusion: readonly (readonly number[])[];
}

/** Figures that a threshold can be set on. */
export const thresholdFigures = ['accuracy', 'balancedAccuracy', 'topK', 'error', 'nll'] as const;

/** The figures of `probabilities`, (images, classes), against the true classes. */
export function evaluate(
  probabilities: Probabilities,
  truth: Int32Array,
  classes: readonly string[],
  k: number,
): Evaluation {
  const width = classes.length;
  const matrix = confusionMatrix(truth, predictedClasses(probabilities), width);
  const recall = recallByClass(matrix);
  const precision = precisionByClass(matrix);
  const confusion = classes.map((_, row) => [
    ...matrix.counts.subarray(row * width, (row + 1) * width),
  ]);
  const seen = recall.filter((share) => !Number.isNaN(share));
  return {
    images: truth.length,
    error: errorRate(matrix),
    accuracy: accuracy(matrix),
    balancedAccuracy: seen.reduce((sum, share) => sum + share, 0) / seen.length,
    nll: negativeLogLikelihood(probabilities, truth),
    topK: { k, accuracy: topKAccuracy(probabilities, truth, k) },
    classes: classes.map((name, i) => ({
      name,
      images: (confusion[i] ?? []).reduce((sum, count) => sum + count, 0),
      recall: recall[i] ?? Number.NaN,
      precision: precision[i] ?? Number.NaN,
    })),
    confusion,
  };
}

/** The figures by the names that thresholds use. */
export function figuresByName(evaluation: Evaluation): Record<string, number> {
  return Object.fromEntries(
    thresholdFigures.map((name) => [
      name,
      name === 'topK' ? evaluation.topK.accuracy : evaluation[name],
    ]),
  );
}

/** More classes than this make no readable matrix: the commonest confusions are listed instead. */
const widestMatrix = 20;

/** The figures as text: headline, classes, confusion. */
export function describeEvaluation(evaluation: Evaluation): string {
  const { topK, classes } = evaluation;
  const headline = textTable(
    [],
    [
      ['error', percent(evaluation.error)],
      ['accuracy', percent(evaluation.accuracy)],
      ['balanced accuracy', percent(evaluation.balancedAccuracy)],
      [`in the top ${topK.k}`, percent(topK.accuracy)],
      ['negative log-likelihood', evaluation.nll.toFixed(4)],
    ],
    ['left', 'right'],
  );
  const byClass = textTable(
    ['class', 'images', 'recall', 'precision'],
    classes.map(({ name, images, recall, precision }) => [
      name,
      grouped(images),
      percent(recall),
      percent(precision),
    ]),
    ['left', 'right', 'right', 'right'],
  );
  return [headline, byClass, describeConfusion(evaluation)].join('\n\n');
}

function describeConfusion({ classes, confusion }: Evaluation): string {
  const names = classes.map(({ name }) => name);
  if (names.length <= widestMatrix) {
    const rows = confusion.map((row, i) => [
      names[i] ?? '',
      ...row.map((count) => (count === 0 ? '.' : String(count))),
    ]);
    return `Confusion: a row for each true class, a column for each prediction\n${textTable(
      ['', ...names],
      rows,
      ['left', ...names.map(() => 'right' as const)],
    )}`;
  }
  const mistakes = confusion
    .flatMap((row, truth) => row.map((count, predicted) => ({ truth, predicted, count })))
    .filter(({ truth, predicted, count }) => truth !== predicted && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, widestMatrix)
    .map(({ truth, predicted, count }) => [
      names[truth] ?? '',
      names[predicted] ?? '',
      String(count),
    ]);
  if (mistakes.length === 0) return 'No mistakes';
  return `The commonest mistakes; --json has the whole matrix\n${textTable(
    ['truth', 'taken for', 'images'],
    mistakes,
    ['left', 'left', 'right'],
  )}`;
}
