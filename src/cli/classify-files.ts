/** Classes of image files: what `predict` does with a classifier. */
import { resolve } from 'node:path';
import { type ImageTarget, readImage } from '../data/decode-image.js';
import { imageSize } from '../data/image-set.js';
import type { Skipped } from '../data/list-images.js';
import { DataError } from '../errors.js';
import type { Context, Output } from './command.js';
import { describeSkipped, findImages, refused, requireSome } from './find-images.js';
import type { ImageClassifier } from './image-classifier.js';
import { largestInput } from './preprocessing.js';
import { counted, percent, textTable } from './text-table.js';

/** A class and its probability in [0, 1]. */
interface Guess {
  readonly class: string;
  readonly probability: number;
}

/** What the model says of one file. */
interface Prediction extends Guess {
  readonly file: string;
  readonly top: readonly Guess[];
}

export interface ClassifyOptions {
  /** Classes that are told for each image. */
  readonly top: number;
  /** Whether a file that cannot be read is an error. */
  readonly strict: boolean;
}

/**
 * Classifies all files.
 * @throws DataError where none can be read, or one cannot and `strict` is set; InterruptedError after a signal.
 */
export async function classifyImages(
  model: string,
  classifier: ImageClassifier,
  words: readonly string[],
  options: ClassifyOptions,
  context: Context,
): Promise<Output> {
  const { images, skipped: unfit } = await findImages(words, context.cwd);
  const files = images.map(({ file }) => file);
  const { predictions, skipped } = await classifyFiles(classifier, files, unfit, options, context);
  requireSome(predictions.length, words, skipped);
  return { json: { model, predictions, skipped }, text: describe(predictions, skipped) };
}

/** Files that are decoded at a time, and then classified together; fewer where so many do not fit in memory. */
const mostAtOnce = 64;

async function classifyFiles(
  classifier: ImageClassifier,
  files: readonly string[],
  unfit: readonly Skipped[],
  { top, strict }: ClassifyOptions,
  context: Context,
): Promise<{ readonly predictions: Prediction[]; readonly skipped: Skipped[] }> {
  const { target, classes } = classifier;
  const size = imageSize([target.channels, target.height, target.width]);
  const chunk = Math.min(mostAtOnce, Math.floor(largestInput / size));
  const predictions: Prediction[] = [];
  const skipped = [...unfit];
  if (strict && skipped[0]) throw refused(skipped[0]);
  const bar = context.bar('classifying', files.length);
  try {
    for (let from = 0; from < files.length; from += chunk) {
      const part = files.slice(from, from + chunk);
      const read = await readAll(part, target, context.cwd);
      const good = read.flatMap(({ file, pixels }) => (pixels ? [{ file, pixels }] : []));
      for (const { file, reason } of read) if (reason !== undefined) skipped.push({ file, reason });
      const bad = read.find(({ reason }) => reason !== undefined);
      if (strict && bad) throw refused({ file: bad.file, reason: bad.reason ?? '' });
      const images = new Uint8Array(good.length * size);
      good.forEach(({ pixels }, i) => {
        images.set(pixels, i * size);
      });
      const { data } = await classifier.classify(images, good.length);
      good.forEach(({ file }, i) => {
        const row = data.subarray(i * classes.length, (i + 1) * classes.length);
        predictions.push(predictionOf(file, row, classes, top));
      });
      bar.update(from + part.length);
    }
  } finally {
    bar.end();
  }
  return { predictions, skipped };
}

interface ReadFile {
  readonly file: string;
  readonly pixels?: Uint8Array;
  readonly reason?: string;
}

async function readAll(
  files: readonly string[],
  target: ImageTarget,
  cwd: string,
): Promise<ReadFile[]> {
  return Promise.all(
    files.map(async (file): Promise<ReadFile> => {
      try {
        return { file, pixels: await readImage(resolve(cwd, file), target) };
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        return { file, reason: String(error.details.actual) };
      }
    }),
  );
}

function predictionOf(
  file: string,
  row: Float32Array,
  classes: readonly string[],
  top: number,
): Prediction {
  const guesses = [...row.keys()]
    .sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0) || a - b)
    .slice(0, top)
    .map((i) => ({ class: classes[i] ?? '', probability: row[i] ?? 0 }));
  const [best = { class: '', probability: 0 }] = guesses;
  return { file, ...best, top: guesses };
}

function describe(predictions: readonly Prediction[], skipped: readonly Skipped[]): string {
  const width = predictions[0]?.top.length ?? 0;
  const heading = ['file', 'class', 'probability'];
  for (let place = 2; place <= width; place++) heading.push(`${place}.`, 'probability');
  const rows = predictions.map(({ file, top }) => [
    file,
    ...top.flatMap(({ class: name, probability }) => [name, percent(probability, 1)]),
  ]);
  const table = textTable(
    heading,
    rows,
    heading.map((title) => (title === 'probability' ? 'right' : 'left')),
  );
  if (skipped.length === 0) return table;
  return `${table}\n\n${counted(skipped.length, 'file was', 'files were')} skipped:\n${describeSkipped(skipped)}`;
}
