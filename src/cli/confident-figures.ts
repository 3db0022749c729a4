/** What a finished confident classifier is: how often right, and how unsure of what lies outside. */
import { join } from 'node:path';
import { imageRows } from '../data/image-batches.js';
import { type ImageSource, labelsOf } from '../data/image-source.js';
import { figuresOf } from '../methods/classifier/score.js';
import type { TrainedConfident } from '../methods/confident/train.js';
import {
  type OutOfDistributionFigures,
  outOfDistributionFigureNames,
} from '../metrics/out-of-distribution.js';
import { figuresWithIntervals, type Interval } from '../metrics/out-of-distribution-interval.js';
import type { Preprocessing } from '../onnx/metadata.js';
import { writeAtomically } from '../runs/atomic-file.js';
import type { Tensor } from '../tensor/tensor.js';
import type { OutsideSet } from './ood-sets.js';
import { percent, textTable } from './text-table.js';

/** A set from outside against the images of the data, told apart by the largest probability. */
export interface OutsideFigures extends OutOfDistributionFigures {
  readonly name: string;
  readonly images: number;
  /** Mean of the largest probability. */
  readonly confidence: number;
  readonly intervals: Readonly<Record<keyof OutOfDistributionFigures, Interval>>;
}

export interface ConfidentFigures {
  readonly images: number;
  readonly accuracy: number;
  readonly confidence: number;
  readonly sets: readonly OutsideFigures[];
}

export interface JudgedConfident {
  readonly source: ImageSource;
  readonly labels: Int32Array;
  /** float32 (count, classes). */
  readonly probabilities: Tensor<'float32'>;
  readonly error: number;
  readonly figures: ConfidentFigures;
  /** The largest probability of every image: of the data first, then of each set by its name. */
  readonly confidences: readonly { readonly name: string; readonly values: Float32Array }[];
}

/** Classifies images of the data and of each set, and compares them. */
export async function judgeConfident(
  { classify }: Pick<TrainedConfident, 'classify'>,
  source: ImageSource,
  sets: readonly OutsideSet[],
  preprocessing: Preprocessing,
): Promise<JudgedConfident> {
  const labels = labelsOf(source);
  const probabilities = await classify(imageRows(source, preprocessing));
  const { error } = figuresOf(probabilities, labels);
  const own = largestOf(probabilities);
  const confidences = [{ name: 'the data', values: own }];
  const compared: OutsideFigures[] = [];
  for (const { name, source: images } of sets) {
    const values = largestOf(await classify(imageRows(images, preprocessing)));
    confidences.push({ name, values });
    const { figures, intervals } = figuresWithIntervals(scoresOf(own), scoresOf(values));
    const confidence = meanOf(values);
    compared.push({ name, images: images.count, confidence, ...figures, intervals });
  }
  const figures = {
    ...{ images: source.count, accuracy: 1 - error, confidence: meanOf(own), sets: compared },
  };
  return { source, labels, probabilities, error, figures, confidences };
}

/** Writes `figures.json` into a run's folder. */
export function writeFigures(folder: string, figures: ConfidentFigures): Promise<void> {
  const text = `${JSON.stringify(figures, null, 2)}\n`;
  return writeAtomically(join(folder, 'figures.json'), text, { what: 'figures' });
}

/** The table in the paper's layout; empty where there are no sets. */
export function describeFigures({ sets, confidence }: ConfidentFigures): string {
  if (sets.length === 0) return '';
  const rows = sets.map((set) => [
    ...[set.name, ...outOfDistributionFigureNames.map((name) => percent(set[name], 1))],
    percent(set.confidence, 1),
  ]);
  const heading = [
    ...['from outside', 'TNR at TPR 95 %', 'AUROC', 'detection', 'AUPR in', 'AUPR out'],
    'mean confidence',
  ];
  const table = textTable(heading, rows, ['left', ...heading.slice(1).map(() => 'right' as const)]);
  return `${table}\n\nmean confidence on the data ${percent(confidence, 1)}`;
}

function largestOf({ dims, data }: Tensor<'float32'>): Float32Array {
  const [count = 0, classes = 1] = dims;
  return Float32Array.from({ length: count }, (_, i) =>
    Math.max(...data.subarray(i * classes, (i + 1) * classes)),
  );
}

/** Higher is more outside. */
const scoresOf = (confidences: Float32Array): Float32Array => confidences.map((value) => -value);

const meanOf = (values: Float32Array): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
