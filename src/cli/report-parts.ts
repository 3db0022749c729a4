/** Parts of a report that every classifier of images has: confusion and mistakes. */
import { pixelsOf } from '../data/image-batches.js';
import type { ImageSource } from '../data/image-source.js';
import { targetOf } from '../data/model-input.js';
import { confusionMatrix, predictedClasses } from '../metrics/classification.js';
import type { Preprocessing } from '../onnx/metadata.js';
import type { ReportImage, ReportMistake } from '../report/run-report.js';
import type { Tensor } from '../tensor/tensor.js';

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

/** Images that were judged, and what was said of them. */
export interface JudgedImages {
  readonly source: ImageSource;
  readonly labels: Int32Array;
  /** float32 (count, classes). */
  readonly probabilities: Tensor<'float32'>;
}

/** The most confident mistakes first, their images as the network saw them. */
export async function shownMistakes(
  { source, labels, probabilities }: JudgedImages,
  classes: readonly string[],
  preprocessing: Preprocessing,
): Promise<ReportMistake[]> {
  const target = targetOf(preprocessing);
  const shape = [target.channels, target.height, target.width];
  const shown: ReportMistake[] = [];
  for (const i of worstMistakes(labels, probabilities)) {
    const pixels = await pixelsOf(source, target, i, 1);
    const row = probabilities.data.subarray(i * classes.length, (i + 1) * classes.length);
    shown.push(mistakeOf(pictureOf(pixels, shape, source.name(i)), labels[i] ?? 0, row, classes));
  }
  return shown;
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
