/** From a finished ladder run to what its report shows. */
import type { SemiSupervisedData } from '../data/dataset.js';
import { type ImageSet, imageSize } from '../data/image-set.js';
import type { LadderConfig } from '../methods/ladder/config.js';
import type { Reconstruction } from '../methods/ladder/reconstruct.js';
import type {
  ReportCurve,
  ReportImage,
  ReportMistake,
  ReportReconstruction,
  RunReport,
} from '../report/run-report.js';
import type { MetricsLine } from '../runs/metrics-log.js';
import type { Tensor } from '../tensor/tensor.js';
import { chart, type Points, seriesOf } from './report-curves.js';
import { confusionCounts, mistakeOf, pictureOf, worstMistakes } from './report-parts.js';

export interface LadderReportInput {
  readonly config: Pick<LadderConfig, 'mode' | 'seed'>;
  /** The resolved options of the command. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly data: SemiSupervisedData;
  readonly metrics: readonly MetricsLine[];
  /** Class probabilities of the judged images, (count, classes), and the images. */
  readonly judged: { readonly set: ImageSet; readonly probabilities: Tensor<'float32'> } | null;
  readonly reconstruction: Reconstruction | null;
  readonly figures: RunReport['figures'];
  readonly next: readonly string[];
  readonly provenance: Readonly<Record<string, string>>;
}

/** Images of each kind that a page has room for. */
const mostReconstructions = 10;

/** Gathers the report's parts; those without data are left out. */
export function ladderReport(input: LadderReportInput): RunReport {
  const { config, data, judged } = input;
  const labels = data.labelled.count;
  const classes = [...data.classes];
  return {
    title: config.mode === 'supervised' ? 'Supervised baseline' : 'Ladder network',
    subtitle: `${counted(labels)} labels, ${counted(data.unlabelled.count)} unlabelled images, seed ${config.seed}`,
    figures: input.figures,
    config: input.options,
    curves: curves(input.metrics),
    ...(judged && {
      confusion: {
        classes,
        matrix: confusionCounts(judged.set.labels ?? new Int32Array(0), judged.probabilities),
      },
      mistakes: mistakes(judged.set, judged.probabilities, classes),
    }),
    labelled: range(Math.min(labels, 500)).map((i) =>
      picture(data.labelled, i, classes[data.labelled.labels?.[i] ?? 0] ?? ''),
    ),
    ...(input.reconstruction && {
      reconstructions: reconstructions(data.unlabelled, input.reconstruction),
    }),
    next: input.next,
    provenance: input.provenance,
  };
}

const counted = (count: number): string => count.toLocaleString('en');

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Costs apart (their sizes differ by orders of magnitude), then errors. */
function curves(metrics: readonly MetricsLine[]): ReportCurve[] {
  const { losses, figures } = seriesOf(metrics);
  const denoising = [...losses]
    .filter(([name]) => name.startsWith('denoising.'))
    .map(([name, points]): [string, Points] => [name.replace('denoising.', 'layer '), points]);
  const spoken: Readonly<Record<string, string>> = { loss: 'total', crossEntropy: 'cross-entropy' };
  const others = [...losses]
    .filter(([name]) => !name.startsWith('denoising.'))
    .map(([name, points]): [string, Points] => [spoken[name] ?? name, points]);
  return [
    ...chart('Cost', 'cost', others, true),
    ...chart('Denoising cost of each layer', 'weighted cost', denoising, true),
    ...chart('Error on the validation images', 'error', [...figures], false),
  ];
}

/** The most confident mistakes first. */
function mistakes(
  set: ImageSet,
  probabilities: Tensor<'float32'>,
  classes: readonly string[],
): ReportMistake[] {
  const labels = set.labels ?? new Int32Array(0);
  const row = (i: number): Float32Array =>
    probabilities.data.subarray(i * classes.length, (i + 1) * classes.length);
  return worstMistakes(labels, probabilities).map((i) =>
    mistakeOf(picture(set, i, set.names?.[i] ?? `image ${i}`), labels[i] ?? 0, row(i), classes),
  );
}

function reconstructions(set: ImageSet, made: Reconstruction): ReportReconstruction[] {
  const size = imageSize(set.shape);
  const shown = Math.min(mostReconstructions, made.noisy.length / size);
  return range(shown).map((i) => ({
    clean: picture(set, i, 'clean'),
    noisy: fromFloats(set, made.noisy, i, 'noisy'),
    reconstructed: fromFloats(set, made.reconstructed, i, 'reconstructed'),
  }));
}

function fromFloats(
  set: ImageSet,
  values: Float32Array,
  index: number,
  caption: string,
): ReportImage {
  const size = imageSize(set.shape);
  const bytes = Uint8Array.from(values.subarray(index * size, (index + 1) * size), (value) =>
    Math.round(255 * Math.min(1, Math.max(0, value))),
  );
  return pictureOf(bytes, set.shape, caption);
}

function picture(set: ImageSet, index: number, caption: string): ReportImage {
  const size = imageSize(set.shape);
  return pictureOf(set.images.subarray(index * size, (index + 1) * size), set.shape, caption);
}
