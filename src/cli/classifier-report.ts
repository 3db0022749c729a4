/** From a finished classifier run to what its report shows. */
import type { RunReport } from '../report/run-report.js';
import type { MetricsLine } from '../runs/metrics-log.js';
import type { ClassifierRunOptions, Judged } from './classifier-run.js';
import { learningCurves, seriesOf } from './report-curves.js';
import { confusionCounts, shownMistakes } from './report-parts.js';
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
    curves: learningCurves(seriesOf(input.metrics)),
    ...(judged && {
      confusion: { classes, matrix: confusionCounts(judged.labels, judged.probabilities) },
      mistakes: await shownMistakes(judged, classes, input.preprocessing),
    }),
    next: input.next,
    provenance: input.provenance,
  };
}
