/** The figures of a segmenter, and how they read. */
import { meanOf, segmentationFigures } from '../metrics/segmentation.js';
import type { JudgedScenes } from './segmenter-judging.js';
import { grouped, percent, textTable } from './text-table.js';

/** How one class fared; fractions in [0, 1], NaN over nothing. */
export interface SegmentedClass {
  readonly name: string;
  readonly iu: number;
  readonly boundaryIu: number;
  readonly accuracy: number;
  readonly precision: number;
  readonly dice: number;
  readonly pixels: number;
}

/** All figures; rates are fractions in [0, 1]. */
export interface SegmentationEvaluation {
  readonly scenes: number;
  readonly pixels: number;
  readonly meanIu: number;
  readonly pixelAccuracy: number;
  readonly meanAccuracy: number;
  readonly frequencyWeightedIu: number;
  readonly meanDice: number;
  readonly boundaryIu: number;
  readonly classes: readonly SegmentedClass[];
  /** Names of the classes of which there was no pixel. */
  readonly absent: readonly string[];
  /** `confusion[truth][predicted]`, in pixels. */
  readonly confusion: readonly (readonly number[])[];
}

/** Figures that a threshold can be set on, by the names that people use. */
export const segmentationThresholds = {
  miou: 'meanIu',
  pixelAccuracy: 'pixelAccuracy',
  meanAccuracy: 'meanAccuracy',
  fwiou: 'frequencyWeightedIu',
  dice: 'meanDice',
  boundaryIou: 'boundaryIu',
} as const satisfies Record<string, keyof SegmentationEvaluation>;

/** The figures of judged scenes. */
export function evaluationOf(
  { confusion, boundaryIu, scenes }: JudgedScenes,
  names: readonly string[],
): SegmentationEvaluation {
  const { classes, absent, ...overall } = segmentationFigures(confusion);
  const width = names.length;
  return {
    scenes,
    ...overall,
    boundaryIu: meanOf(boundaryIu),
    classes: classes.map(({ iu, accuracy, precision, dice, share }, k) => ({
      name: names[k] ?? String(k),
      ...{ iu, boundaryIu: boundaryIu[k] ?? Number.NaN, accuracy, precision, dice },
      pixels: Math.round(share * overall.pixels),
    })),
    absent: absent.map((k) => names[k] ?? String(k)),
    confusion: names.map((_, row) =>
      Array.from(confusion.counts.subarray(row * width, (row + 1) * width)),
    ),
  };
}

/** The figures by the names that thresholds use. */
export function thresholdValues(evaluation: SegmentationEvaluation): Record<string, number> {
  return Object.fromEntries(
    Object.entries(segmentationThresholds).map(([name, key]) => [name, evaluation[key]]),
  );
}

/** More classes than this make no readable matrix. */
const widestMatrix = 20;

/** The figures as text: headline, classes, confusion. */
export function describeSegmentation(evaluation: SegmentationEvaluation): string {
  const { absent } = evaluation;
  const headline = textTable(
    [],
    [
      ['mean IU', percent(evaluation.meanIu)],
      ['pixel accuracy', percent(evaluation.pixelAccuracy)],
      ['mean accuracy', percent(evaluation.meanAccuracy)],
      ['frequency-weighted IU', percent(evaluation.frequencyWeightedIu)],
      ['mean Dice', percent(evaluation.meanDice)],
      ['mean boundary IU', percent(evaluation.boundaryIu)],
    ],
    ['left', 'right'],
  );
  const missing =
    absent.length === 0
      ? []
      : [`In no scene, and left out of the means unless predicted: ${absent.join(', ')}`];
  return [headline, classTable(evaluation), ...missing, ...confusionTable(evaluation)].join('\n\n');
}

/** A row for each class. */
export function classTable({ classes }: SegmentationEvaluation): string {
  return textTable(
    ['class', 'pixels', 'IU', 'boundary IU', 'accuracy', 'precision', 'Dice'],
    classes.map((one) => [
      one.name,
      grouped(one.pixels),
      ...[one.iu, one.boundaryIu, one.accuracy, one.precision, one.dice].map((share) =>
        percent(share),
      ),
    ]),
    ['left', ...new Array<'right'>(6).fill('right')],
  );
}

/** Of each true class, the share of its pixels that went to each class. */
function confusionTable({ classes, confusion }: SegmentationEvaluation): string[] {
  if (classes.length > widestMatrix) return [];
  const names = classes.map(({ name }) => name);
  const rows = confusion.map((row, i) => {
    const all = row.reduce((sum, count) => sum + count, 0);
    return [
      names[i] ?? '',
      ...row.map((count) => (count === 0 ? '.' : ((100 * count) / all).toFixed(1))),
    ];
  });
  const table = textTable(['', ...names], rows, ['left', ...names.map(() => 'right' as const)]);
  return [
    `Confusion: for each true class, the percentage of its pixels taken for each class\n${table}`,
  ];
}
