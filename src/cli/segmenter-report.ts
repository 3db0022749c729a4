/** From a finished segmenter run to what its report shows. */
import type { ReportCurve, RunReport } from '../report/run-report.js';
import { segmentationSections } from '../report/segmentation-run.js';
import type { MetricsLine } from '../runs/metrics-log.js';
import { chart, seriesOf } from './report-curves.js';
import { examplesOf } from './segmenter-judging.js';
import type { Measured, SegmenterRunOptions, StageFigures } from './segmenter-run.js';
import type { TrainedStages } from './segmenter-stages.js';
import { counted, grouped } from './text-table.js';
import { headlines } from './training-run.js';

export interface SegmenterReportInput extends Omit<SegmenterRunOptions, 'next'> {
  readonly metrics: readonly MetricsLine[];
  readonly trained: TrainedStages;
  readonly stages: readonly StageFigures[];
  /** The last network; its scenes are shown. */
  readonly measured: Measured | null;
  readonly next: readonly string[];
  readonly provenance: Readonly<Record<string, string>>;
}

/** Gathers the report's parts; those without data are left out. */
export async function segmenterReport(input: SegmenterReportInput): Promise<RunReport> {
  const { data, config, measured, trained, stages } = input;
  const parts = await sections(input);
  return {
    title: 'Segmenter',
    subtitle: `${input.origin} on ${data.name}: ${counted(data.train.count, 'scene')}, ${counted(data.classes.length, 'class', 'classes')}, seed ${config.seed}`,
    ...parts,
    figures: [...(parts?.figures ?? []), ...coarser(stages, measured), ...headlines(null, trained)],
    config: input.options,
    curves: curves(input.metrics),
    next: input.next,
    provenance: { ...input.provenance, Scenes: grouped(data.train.count) },
  };
}

async function sections(input: SegmenterReportInput) {
  const { data, measured, preprocessing } = input;
  if (!measured?.judged) return null;
  const { segment, judged } = measured;
  const classes = data.classes.length;
  return segmentationSections({
    confusion: judged.scenes.confusion,
    classes: data.classes,
    palette: data.palette,
    boundaryIu: judged.scenes.boundaryIu,
    examples: await examplesOf(segment, judged.source, judged.scenes, { preprocessing, classes }),
  });
}

/** Mean IU of the networks that the last one was built upon, on the same scenes. */
function coarser(stages: readonly StageFigures[], measured: Measured | null) {
  const split = measured?.figures.test ? 'test' : 'validation';
  return stages.slice(0, -1).flatMap((stage) => {
    const figures = stage[split];
    return figures
      ? [{ name: `Mean IU, ${stage.name}`, value: figures.meanIu.toFixed(3), note: split }]
      : [];
  });
}

function curves(metrics: readonly MetricsLine[]): ReportCurve[] {
  const { losses, figures } = seriesOf(metrics);
  return [
    ...chart('Loss', 'of a step', [['training scenes', losses.get('loss')]], true),
    ...chart(
      'Validation',
      'share',
      [
        ['mean IU', figures.get('meanIu')],
        ['pixel accuracy', figures.get('pixelAccuracy')],
        ['mean accuracy', figures.get('meanAccuracy')],
      ],
      false,
    ),
  ];
}
