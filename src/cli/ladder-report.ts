/** From a finished ladder run to what its report shows. */
import type { SemiSupervisedData } from '../data/dataset.js';
import { type ImageSet, imageSize } from '../data/image-set.js';
import type { LadderConfig } from '../methods/ladder/config.js';
import type { Reconstruction } from '../methods/ladder/reconstruct.js';
import { confusionMatrix, predictedClasses } from '../metrics/classification.js';
import type {
  ReportCurve,
  ReportImage,
  ReportMistake,
  ReportReconstruction,
  RunReport,
} from '../report/run-report.js';
import type { MetricsLine } from '../runs/metrics-log.js';
import type { Tensor } from '../tensor/tensor.js';

export interface LadderReportInput {
  readonly config: LadderConfig;
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
const mostMistakes = 60;
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
      confusion: { classes, matrix: matrixOf(judged.set, judged.probabilities) },
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

type Points = [step: number, value: number][];

/** Costs apart (their sizes differ by orders of magnitude), then errors. */
function curves(metrics: readonly MetricsLine[]): ReportCurve[] {
  const costs = new Map<string, Points>();
  const errors = new Map<string, Points>();
  const add = (series: Map<string, Points>, name: string, step: number, value: number): void => {
    const points = series.get(name) ?? [];
    points.push([step, value]);
    series.set(name, points);
  };
  for (const line of metrics) {
    if (line.type === 'step')
      for (const [name, value] of Object.entries(line.losses)) add(costs, name, line.step, value);
    if (line.type === 'evaluation')
      for (const [name, value] of Object.entries(line.metrics)) add(errors, name, line.step, value);
  }
  const chart = (
    title: string,
    yLabel: string,
    chosen: [string, Points][],
    log: boolean,
  ): ReportCurve[] =>
    chosen.length === 0
      ? []
      : [{ title, yLabel, log, series: chosen.map(([name, points]) => ({ name, points })) }];
  const denoising = [...costs]
    .filter(([name]) => name.startsWith('denoising.'))
    .map(([name, points]): [string, Points] => [name.replace('denoising.', 'layer '), points]);
  const spoken: Readonly<Record<string, string>> = { loss: 'total', crossEntropy: 'cross-entropy' };
  const others = [...costs]
    .filter(([name]) => !name.startsWith('denoising.'))
    .map(([name, points]): [string, Points] => [spoken[name] ?? name, points]);
  return [
    ...chart('Cost', 'cost', others, true),
    ...chart('Denoising cost of each layer', 'weighted cost', denoising, true),
    ...chart('Error on the validation images', 'error', [...errors], false),
  ];
}

function matrixOf(set: ImageSet, probabilities: Tensor<'float32'>): number[][] {
  const { classes, counts } = confusionMatrix(
    set.labels ?? [],
    predictedClasses(probabilities),
    probabilities.dims[1] ?? 1,
  );
  return range(classes).map((row) =>
    Array.from(counts.subarray(row * classes, (row + 1) * classes)),
  );
}

/** The most confident mistakes first. */
function mistakes(
  set: ImageSet,
  probabilities: Tensor<'float32'>,
  classes: readonly string[],
): ReportMistake[] {
  const count = classes.length;
  const predicted = predictedClasses(probabilities);
  const row = (i: number): Float32Array => probabilities.data.subarray(i * count, (i + 1) * count);
  const confidence = (i: number): number => row(i)[predicted[i] ?? 0] ?? 0;
  return range(set.count)
    .filter((i) => predicted[i] !== set.labels?.[i])
    .sort((i, j) => confidence(j) - confidence(i))
    .slice(0, mostMistakes)
    .map((i) => ({
      ...picture(set, i, set.names?.[i] ?? `image ${i}`),
      truth: classes[set.labels?.[i] ?? 0] ?? '',
      predicted: classes[predicted[i] ?? 0] ?? '',
      probabilities: classes
        .map((name, k) => ({ name, value: row(i)[k] ?? 0 }))
        .sort((a, b) => b.value - a.value)
        .slice(0, 5),
    }));
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
  return interleave(bytes, set.shape, caption);
}

function picture(set: ImageSet, index: number, caption: string): ReportImage {
  const size = imageSize(set.shape);
  return interleave(set.images.subarray(index * size, (index + 1) * size), set.shape, caption);
}

/** Channels first -> channels last. */
function interleave(
  planes: Uint8Array,
  [channels, height, width]: ImageSet['shape'],
  caption: string,
): ReportImage {
  const area = height * width;
  const pixels = new Uint8Array(planes.length);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < area; i++) pixels[i * channels + c] = planes[c * area + i] ?? 0;
  return { width, height, channels: channels === 3 ? 3 : 1, pixels, caption };
}
