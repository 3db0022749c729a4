/** `espalier predict`: images in, class and probability out. */
import { realpath, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { z } from 'zod';
import { type ImageTarget, imageEndings, readImage } from '../../data/decode-image.js';
import { imageSize } from '../../data/image-set.js';
import { hiddenReason, listFolder, type Skipped } from '../../data/list-images.js';
import { DataError } from '../../errors.js';
import { type Context, command } from '../command.js';
import { classifierOptions, type ImageClassifier, openClassifier } from '../image-classifier.js';
import { largestInput } from '../preprocessing.js';
import { counted, percent, textTable } from '../text-table.js';

const options = z.object({
  top: z.int().min(1).default(1).describe('classes to show for each image, the likeliest first'),
  strict: z
    .boolean()
    .default(false)
    .describe('a file that cannot be read is an error, not skipped'),
  ...classifierOptions,
});

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

export const predict = command({
  name: 'predict',
  summary: 'Classify images with an ONNX model',
  examples: [
    'espalier predict model.onnx photos/',
    'espalier predict model.onnx a.png b.jpg --top 3',
    'espalier predict model.onnx photos/ --json',
  ],
  arguments: [
    { name: 'model', description: 'an ONNX file', required: true },
    {
      name: 'images',
      description: 'PNG, JPEG or WebP files, or folders, which are searched with those inside',
      required: true,
      variadic: true,
    },
  ],
  options,
  async run({ options: given, arguments: { model, images } }, context) {
    const classifier = await openClassifier(model, given, context);
    const found = await findImages(images, context.cwd);
    const { predictions, skipped } = await classifyFiles(classifier, found, given, context);
    if (predictions.length === 0)
      throw new DataError(
        skipped.length === 0
          ? `no images in ${images.join(', ')}: give PNG, JPEG or WebP files, or folders with such`
          : `no image could be read:\n${describeSkipped(skipped)}`,
        { path: images[0] ?? '', actual: skipped },
      );
    return { json: { model, predictions, skipped }, text: describe(predictions, skipped) };
  },
});

/** Files to read, as the user named them or below the folder that they named, and what is not to be read there. */
interface Found {
  readonly files: readonly string[];
  readonly skipped: readonly Skipped[];
}

async function findImages(words: readonly string[], cwd: string): Promise<Found> {
  const files: string[] = [];
  const skipped: Skipped[] = [];
  const walk = async (shown: string, path: string, root: string): Promise<void> => {
    const listing = await listFolder(path, root);
    for (const name of listing.files)
      if (imageEndings.includes(extname(name).toLowerCase())) files.push(join(shown, name));
      else skipped.push({ file: join(shown, name), reason: 'is not an image file' });
    for (const { file, reason } of listing.skipped)
      if (reason !== hiddenReason) skipped.push({ file: join(shown, basename(file)), reason });
    for (const folder of listing.folders) await walk(join(shown, folder), join(path, folder), root);
  };
  for (const word of words) {
    // What is not there is told with what cannot be decoded, so that the others are still classified.
    const path = await realpath(resolve(cwd, word)).catch(() => null);
    if (path !== null && (await stat(path)).isDirectory()) await walk(word, path, path);
    else files.push(word);
  }
  return { files, skipped };
}

/** Files that are decoded at a time, and then classified together; fewer where so many do not fit in memory. */
const mostAtOnce = 64;

async function classifyFiles(
  classifier: ImageClassifier,
  found: Found,
  { top, strict }: { readonly top: number; readonly strict: boolean },
  context: Context,
): Promise<{ readonly predictions: Prediction[]; readonly skipped: Skipped[] }> {
  const { target, classes } = classifier;
  const size = imageSize([target.channels, target.height, target.width]);
  const chunk = Math.min(mostAtOnce, Math.floor(largestInput / size));
  const predictions: Prediction[] = [];
  const skipped = [...found.skipped];
  if (strict && skipped[0]) throw refused(skipped[0]);
  const bar = context.bar('classifying', found.files.length);
  try {
    for (let from = 0; from < found.files.length; from += chunk) {
      const part = found.files.slice(from, from + chunk);
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

const refused = ({ file, reason }: Skipped): DataError =>
  new DataError(`${file} ${reason}: remove it, or do without --strict`, {
    path: file,
    actual: reason,
  });

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
  const width = Math.max(...predictions.map(({ top }) => top.length));
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

const describeSkipped = (skipped: readonly Skipped[]): string =>
  skipped.map(({ file, reason }) => `  ${file} ${reason}`).join('\n');
