/** From a finished run of `train confident` to what its report shows. */
import { pixelsOf } from '../data/image-batches.js';
import { targetOf } from '../data/model-input.js';
import { outOfDistributionFigureNames, paperTpr } from '../metrics/out-of-distribution.js';
import type { ReportOutside } from '../report/outside-run.js';
import type {
  ReportCurve,
  ReportGenerated,
  ReportMistake,
  RunReport,
} from '../report/run-report.js';
import type { MetricsLine } from '../runs/metrics-log.js';
import type { JudgedConfident } from './confident-figures.js';
import type { ConfidentRunOptions } from './confident-run.js';
import type { HardestSamples } from './confident-samples.js';
import { figureTitles } from './ood-figures.js';
import {
  chart,
  confusionCounts,
  mistakeOf,
  pictureOf,
  seriesOf,
  worstMistakes,
} from './report-parts.js';
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
      mistakes: await mistakes(input, found),
    }),
    generated: sheet(input.samples),
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

/** Bins of a histogram: ours. */
const bins = 40;

/** The figures of every set by the largest probability, and how the confidences lie. */
function outsideOf({ figures, confidences }: JudgedConfident): ReportOutside {
  const hundredths = (share: number): string => (100 * share).toFixed(1);
  const [own, ...others] = confidences;
  return {
    lead: 'By the largest probability, inside against each set from outside.',
    heading: figureTitles(paperTpr),
    rows: figures.sets.map((set) => ({
      ...{ set: set.name, detector: 'max-softmax', refused: '-' },
      cells: outOfDistributionFigureNames.map((name) => {
        const [low, high] = set.intervals[name];
        return {
          value: hundredths(set[name]),
          ...{ low: hundredths(low), high: hundredths(high) },
        };
      }),
    })),
    histograms: others.map((set) => ({
      ...{ title: `${set.name}: confidence`, xLabel: 'largest probability', from: 0, to: 1 },
      series: [
        { name: 'inside', shares: sharesOf(own?.values ?? new Float32Array(0)) },
        { name: set.name, shares: sharesOf(set.values) },
      ],
    })),
    roc: [],
  };
}

function sharesOf(values: Float32Array): number[] {
  const shares = new Array<number>(bins).fill(0);
  for (const value of values) {
    const bin = Math.min(bins - 1, Math.floor(value * bins));
    shares[bin] = (shares[bin] ?? 0) + 1 / values.length;
  }
  return shares;
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

/** The most confident mistakes first, their images as the network saw them. */
async function mistakes(
  { classes, preprocessing }: ConfidentReportInput,
  { source, labels, probabilities }: JudgedConfident,
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
