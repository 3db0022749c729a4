/** From a finished run of `train hypercolumn` to what its report shows. */
import type { ReportFigure, RunReport } from '../report/run-report.js';
import type { MetricsLine } from '../runs/metrics-log.js';
import type { PicturedImage } from './hypercolumn-pictures.js';
import { type FittedRun, type HypercolumnRunOptions, headName, meanOf } from './hypercolumn-run.js';
import type { ScribbleRunOptions } from './hypercolumn-scribbles.js';
import { chart, seriesOf } from './report-curves.js';
import { counted, grouped } from './text-table.js';

export interface FitReportInput {
  readonly told: FittedRun;
  readonly metrics: readonly MetricsLine[];
  readonly provenance: Readonly<Record<string, string>>;
}

/** What the reports of strokes and of masks share; figures come behind others. */
export function fitReport(
  { origin, config, options }: HypercolumnRunOptions,
  { told, metrics, provenance }: FitReportInput,
): Omit<RunReport, 'subtitle'> & { readonly figures: readonly ReportFigure[] } {
  const { losses } = seriesOf(metrics);
  return {
    title: 'Classifier of pixels',
    figures: [
      {
        name: 'Labelled pixels told right',
        value: shareOf(meanOf(told.accuracies)),
        note: 'mean over classes',
      },
      { name: 'Cross-entropy', value: told.loss.toFixed(4), note: 'nats a labelled pixel' },
      {
        name: 'Pixels learnt from',
        value: grouped(told.pixels),
        note: `${headName(config)}, ${counted(told.steps, 'step')}`,
      },
      {
        name: 'Features of a pixel',
        value: grouped(told.channels),
        note: counted(told.taps.length, 'layer'),
      },
    ],
    config: options,
    curves: chart(
      'Cost',
      'cross-entropy and penalty',
      [['labelled pixels', losses.get('cost')]],
      true,
    ),
    next: told.next,
    provenance: { ...provenance, From: origin, Layers: told.taps.join(', ') },
  };
}

/** The report of strokes: pictures of them and of what the model sees. */
export function scribbleReport(
  run: ScribbleRunOptions,
  { pictured, ...input }: FitReportInput & { readonly pictured: readonly PicturedImage[] },
): RunReport {
  const { classes, palette, all, counts } = run.scribbles;
  const strokes = counts.reduce((sum, count) => sum + count, 0);
  const unsure = meanOf(pictured.map(({ uncertainty }) => uncertainty));
  const report = fitReport(run, input);
  return {
    ...report,
    subtitle: `${run.origin}, strokes on ${counted(all.length, 'image')}: ${grouped(strokes)} pixels of ${counted(classes.length, 'class', 'classes')}`,
    figures: [
      ...report.figures,
      { name: 'Uncertainty', value: unsure.toFixed(3), note: 'mean over all pixels, 0 to 1' },
    ],
    scribbles: { classes, palette, images: pictured.map(({ picture }) => picture) },
  };
}

const shareOf = (share: number): string => `${(100 * share).toFixed(2)} %`;
