/** From a finished classifier run to what its report shows. */

import { pixelsOf } from '../data/image-batches.js';
import { targetOf } from '../data/model-input.js';
import type { ReportCurve, ReportMistake, RunReport } from '../report/run-report.js';
import type { MetricsLine } from '../runs/metrics-log.js';
import type { ClassifierRunOptions, Judged } from './classifier-run.js';
import {
  chart,
  confusionCounts,
  mistakeOf,
  pictureOf,
  seriesOf,
  worstMistakes,
} from './report-parts.js';
import { counted, grouped } from './text-table.js';

export interface ClassifierReportInput extends ClassifierRunOptions {
  readonly metrics: readonly MetricsLine[];
  readonly judged: Judged | null;
  readonly figures: RunReport['figures'];
  readonly next: readonly string[];
  readonly provenance: Readonly<Record<string, string>>;
}

/** Gathers the report's parts; those without data are left out. */
export async function classifierReport(input: ClassifierReportInput): Promise<RunReport> {
  const { data, judged, classes, config } = input;
  return {
    title: 'Classifier',
    subtitle: `${input.origin} on ${data.name}: ${grouped(data.train.count)} images, ${counted(classes.length, 'class', 'classes')}, seed ${config.seed}`,
    figures: input.figures,
    config: input.options,
    curves: curves(input.metrics),
    ...(judged && {
      confusion: { classes, matrix: confusionCounts(judged.labels, judged.probabilities) },
      mistakes: await mistakes(input, judged),
    }),
    next: input.next,
    provenance: input.provenance,
  };
}

function curves(metrics: readonly MetricsLine[]): ReportCurve[] {
  const { losses, figures } = seriesOf(metrics);
  return [
    ...chart(
      'Cross-entropy',
      'nats',
      [
        ['training batches', losses.get('loss')],
        ['validation images', figures.get('validationLoss')],
      ],
      true,
    ),
    ...chart(
      'Error',
      'share of images',
      [
        ['training batches', losses.get('error')],
        ['validation images', figures.get('validationError')],
      ],
      false,
    ),
  ];
}

/** The most confident mistakes first, their images as the network saw them. */
async function mistakes(
  { classes, preprocessing }: ClassifierReportInput,
  { source, labels, probabilities }: Judged,
): Promise<ReportMistake[]> {
  const target = targetOf(preprocessing);
  const shown: ReportMistake[] = [];
  for (const i of worstMistakes(labels, probabilities)) {
    const pixels = await pixelsOf(source, target, i, 1);
    const shape = [target.channels, target.height, target.width];
    const row = probabilities.data.subarray(i * classes.length, (i + 1) * classes.length);
    shown.push(mistakeOf(pictureOf(pixels, shape, source.name(i)), labels[i] ?? 0, row, classes));
  }
  return shown;
}
