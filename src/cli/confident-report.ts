/** From a finished run of `train confident` to what its report shows. */
import { paperTpr } from '../metrics/out-of-distribution.js';
import type { ReportOutside } from '../report/outside-run.js';
import type { ReportCurve, ReportGenerated, RunReport } from '../report/run-report.js';
import type { MetricsLine } from '../runs/metrics-log.js';
import type { JudgedConfident } from './confident-figures.js';
import type { ConfidentRunOptions } from './confident-run.js';
import type { HardestSamples } from './confident-samples.js';
import { figureTitles } from './ood-figures.js';
import { confidenceHistogram, figureCells } from './outside-parts.js';
import { chart, learningCurves, seriesOf } from './report-curves.js';
import { confusionCounts, pictureOf, shownMistakes } from './report-parts.js';
import { counted, grouped } from './text-table.js';

export interface ConfidentReportInput extends ConfidentRunOptions {
  readonly metrics: readonly MetricsLine[];
  /** What was judged at the end. */
  readonly found: JudgedConfident | null;
  readonly samples: readonly HardestSamples[];
  readonly figures: RunReport['figures'];
  readonly next: readonly string[];
  readonly provenance: Readonly<Record<string, string>>;
}

/** Gathers the report's parts; those without data are left out. */
export async function confidentReport(input: ConfidentReportInput): Promise<RunReport> {
  const { data, found, classes, config } = input;
  const first = found?.figures.sets[0];
  return {
    title: 'Confident classifier',
    subtitle: `${config.method}: ${input.origin} on ${data.name}, ${grouped(data.train.count)} images, ${counted(classes.length, 'class', 'classes')}, seed ${config.seed}`,
    figures: [
      ...input.figures,
      ...(first
        ? [
            {
              name: 'TNR at TPR 95 %',
              value: `${(100 * first.tnr).toFixed(1)} %`,
              note: first.name,
            },
          ]
        : []),
    ],
    config: input.options,
    curves: curves(input.metrics),
    ...(found && {
      outside: outsideOf(found),
      confusion: { classes, matrix: confusionCounts(found.labels, found.probabilities) },
      mistakes: await shownMistakes(found, classes, input.preprocessing),
    }),
    generated: sheet(input.samples),
    next: input.next,
    provenance: input.provenance,
  };
}

function curves(metrics: readonly MetricsLine[]): ReportCurve[] {
  const series = seriesOf(metrics);
  const { losses, figures } = series;
  return [
    ...learningCurves(series),
    ...chart(
      'Divergence from uniform',
      'nats',
      [
        ['what the classifier sees', losses.get('divergence')],
        ['what the generator is told', losses.get('generatorDivergence')],
      ],
      true,
    ),
    ...chart(
      'GAN',
      'nats',
      [
        ['discriminator', losses.get('discriminator')],
        ['generator', losses.get('generator')],
      ],
      false,
    ),
    ...chart(
      'Alive',
      'share, or per pixel',
      [
        ['dead units', figures.get('deadUnits')],
        ['confidence on made', figures.get('generatorConfidence')],
        ['diversity of made', figures.get('generatorDiversity')],
      ],
      false,
    ),
  ];
}

/** The figures of every set by the largest probability, and how the confidences lie. */
function outsideOf({ figures, confidences }: JudgedConfident): ReportOutside {
  const [own, ...others] = confidences;
  return {
    lead: 'By the largest probability, inside against each set from outside.',
    heading: figureTitles(paperTpr),
    rows: figures.sets.map((set) => ({
      ...{ set: set.name, detector: 'max-softmax', refused: '-' },
      cells: figureCells(set, set.intervals),
    })),
    histograms: others.map(({ name, values }) =>
      confidenceHistogram(name, own?.values ?? new Float32Array(0), values),
    ),
    roc: [],
  };
}

/** Moments that a page has room for. */
const mostMoments = 12;

/** Moments spread over the run, the first and the last among them. */
function sheet(samples: readonly HardestSamples[]): ReportGenerated[] {
  const shown = Math.min(mostMoments, samples.length);
  const at = (i: number): number =>
    shown === 1 ? 0 : Math.round((i * (samples.length - 1)) / (shown - 1));
  return Array.from({ length: shown }, (_, i) => samples[at(i)] as HardestSamples).map(
    ({ epoch, confidence, shape, images }) => ({
      ...{ epoch, confidence },
      images: images.map((image) =>
        pictureOf(image.pixels, shape, `confidence ${image.confidence.toFixed(2)}`),
      ),
    }),
  );
}
