/** Parts of a run's report that every classifier has: curves, confusion, mistakes. */
import { confusionMatrix, predictedClasses } from '../metrics/classification.js';
import type { ReportCurve, ReportImage, ReportMistake } from '../report/run-report.js';
import type { MetricsLine } from '../runs/metrics-log.js';
import type { Tensor } from '../tensor/tensor.js';

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

/** `counts[truth][prediction]`. */
export function confusionCounts(labels: Int32Array, probabilities: Tensor<'float32'>): number[][] {
  const classes = probabilities.dims[1] ?? 1;
  const { counts } = confusionMatrix(labels, predictedClasses(probabilities), classes);
  return Array.from({ length: classes }, (_, row) =>
    Array.from(counts.subarray(row * classes, (row + 1) * classes)),
  );
}

/** Mistakes that a page has room for. */
const mostMistakes = 60;

/** Indices of the images that were taken for another class, the most confident first. */
export function worstMistakes(labels: Int32Array, probabilities: Tensor<'float32'>): number[] {
  const count = probabilities.dims[1] ?? 1;
  const predicted = predictedClasses(probabilities);
  const confidence = (i: number): number =>
    probabilities.data[i * count + (predicted[i] ?? 0)] ?? 0;
  return [...labels.keys()]
    .filter((i) => predicted[i] !== labels[i])
    .sort((i, j) => confidence(j) - confidence(i))
    .slice(0, mostMistakes);
}

/** An image that was taken for another class, with its five likeliest. */
export function mistakeOf(
  image: ReportImage,
  label: number,
  row: Float32Array,
  classes: readonly string[],
): ReportMistake {
  const probabilities = classes
    .map((name, k) => ({ name, value: row[k] ?? 0 }))
    .sort((a, b) => b.value - a.value)
    .slice(0, 5);
  return {
    ...image,
    truth: classes[label] ?? '',
    predicted: probabilities[0]?.name ?? '',
    probabilities,
  };
}

/**
 * A picture for the report.
 * @param planes (channels, height, width), 0 to 255
 */
export function pictureOf(
  planes: Uint8Array,
  [channels = 1, height = 1, width = 1]: readonly number[],
  caption: string,
): ReportImage {
  const area = height * width;
  const pixels = new Uint8Array(planes.length);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < area; i++) pixels[i * channels + c] = planes[c * area + i] ?? 0;
  return { width, height, channels: channels === 3 ? 3 : 1, pixels, caption };
}
