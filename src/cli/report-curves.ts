/** Curves of a report: what the metrics of a run say over its steps. */
import type { ReportCurve } from '../report/run-report.js';
import type { MetricsLine } from '../runs/metrics-log.js';

/** Values over steps. */
export type Points = [step: number, value: number][];

/** The losses of the steps and the figures of the evaluations, by name. */
export function seriesOf(metrics: readonly MetricsLine[]): {
  readonly losses: ReadonlyMap<string, Points>;
  readonly figures: ReadonlyMap<string, Points>;
} {
  const losses = new Map<string, Points>();
  const figures = new Map<string, Points>();
  const add = (series: Map<string, Points>, name: string, step: number, value: number): void => {
    const points = series.get(name) ?? [];
    points.push([step, value]);
    series.set(name, points);
  };
  for (const line of metrics) {
    if (line.type === 'step')
      for (const [name, value] of Object.entries(line.losses)) add(losses, name, line.step, value);
    if (line.type === 'evaluation')
      for (const [name, value] of Object.entries(line.metrics))
        add(figures, name, line.step, value);
  }
  return { losses, figures };
}

/** One chart, or none where it would be empty. */
export function chart(
  title: string,
  yLabel: string,
  chosen: readonly (readonly [name: string, points: Points | undefined])[],
  log: boolean,
): ReportCurve[] {
  const series = chosen.flatMap(([name, points]) => (points ? [{ name, points }] : []));
  return series.length === 0 ? [] : [{ title, yLabel, log, series }];
}

/** Cross-entropy and error of a classifier while it learns: on the batches, and on validation images where there are any. */
export function learningCurves({ losses, figures }: ReturnType<typeof seriesOf>): ReportCurve[] {
  return [
    ...chart(
      'Cross-entropy',
      'nats',
      [
        // Where the loss has more terms, this one is told apart.
        ['training batches', losses.get('crossEntropy') ?? losses.get('loss')],
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
