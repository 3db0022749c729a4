/** Any ONNX image classifier, opened so that bytes of images go in and class probabilities come out. */
import { resolve } from 'node:path';
import { z } from 'zod';
import type { ImageTarget } from '../data/decode-image.js';
import { imageSize } from '../data/image-set.js';
import { InterruptedError, ModelError, UsageError } from '../errors.js';
import type { Model, ValueInfo } from '../graph/graph.js';
import { type Preprocessing, readSpec } from '../onnx/metadata.js';
import { readModelFile } from '../runs/model-file.js';
import { nodeRuntime } from '../runtime/node.js';
import type { Feeds, Session } from '../runtime/runtime.js';
import { float16ToFloat32 } from '../tensor/float16.js';
import { formatShape, sizeOf } from '../tensor/shape.js';
import { hasDType, type Tensor, tensor } from '../tensor/tensor.js';
import type { Context } from './command.js';
import {
  largestInput,
  preprocess,
  preprocessingOptions,
  resolvePreprocessing,
  targetOf,
} from './preprocessing.js';
import { didYouMean } from './suggest.js';
import { counted } from './text-table.js';

/** Options of every command that runs a classifier. */
export const classifierOptions = {
  ...preprocessingOptions,
  classes: z.array(z.string()).optional().describe('class names in the order of the output'),
  input: z
    .string()
    .optional()
    .meta({ placeholder: 'name' })
    .describe('input that takes the images'),
  output: z
    .string()
    .optional()
    .meta({ placeholder: 'name' })
    .describe('output that has the scores (probabilities, logits, or the first that fits)'),
  scores: z
    .enum(['auto', 'probabilities', 'logits'])
    .default('auto')
    .describe('what the output is; auto looks whether its rows sum to 1'),
  batchSize: z.int().min(1).default(100).describe('images at a time'),
  threads: z.int().min(1).optional().describe('threads (as many as cores)'),
};

const optionsSchema = z.object(classifierOptions);

/** What of a command's options is about the classifier. */
export type ClassifierOptions = z.output<typeof optionsSchema>;

/** A classifier ready to run. */
export interface ImageClassifier {
  readonly path: string;
  readonly classes: readonly string[];
  /** Whether `classes` are names, or mere numbers because the model has none. */
  readonly isNamed: boolean;
  /** What image files are to be brought to. */
  readonly target: ImageTarget;
  /**
   * @param images (count, channels, height, width) of `target`, 0 to 255
   * @returns probabilities, (count, classes)
   * @throws InterruptedError once `signal` is aborted; ModelError where the runtime refuses.
   */
  classify(
    images: Uint8Array,
    count: number,
    done?: (count: number) => void,
  ): Promise<Tensor<'float32'>>;
}

/**
 * Opens a model file, and runs it once on a made-up image to see what it gives.
 * @throws ModelError where it is no classifier of images, UsageError where options do not fit it.
 */
export async function openClassifier(
  file: string,
  options: ClassifierOptions,
  context: Context,
): Promise<ImageClassifier> {
  const path = resolve(context.cwd, file);
  const model = await readModelFile(path);
  if (readSpec(model.metadata)?.task === 'segmentation')
    throw new ModelError(`${file} labels pixels, not images`, { path, actual: 'segmentation' });
  const input = chooseInput(file, model, options.input);
  const spec = readSpec(model.metadata, input.shape ?? []);
  const resolved = resolvePreprocessing(options, spec?.preprocessing ?? null, input);
  const session = await (await nodeRuntime()).load(
    model,
    options.threads === undefined ? {} : { threads: options.threads },
  );
  const { preprocessing, notes } = resolved;
  const target = targetOf(preprocessing);
  const size = imageSize([target.channels, target.height, target.width]);
  const batch = batchOf(file, input, size, options.batchSize);
  const run = runner(session, input, preprocessing, batch);
  const ramp = Uint8Array.from({ length: size }, (_, i) => i);
  const first = await run(ramp, 1);
  const named = options.classes ?? spec?.classes;
  const output = chooseOutput(file, first, options.output, named?.length);
  const classes = checkClasses(file, named, output, options.classes !== undefined);
  const readRow = rowReader(options.scores, output, classes.length);
  for (const note of notes) context.note(note);
  return {
    path: file,
    classes,
    isNamed: named !== undefined,
    target,
    async classify(images, count, done) {
      const probabilities = new Float32Array(count * classes.length);
      for (let from = 0; from < count; from += batch) {
        // The runtime blocks the event loop: without a pause no signal would come through.
        await new Promise((resume) => setImmediate(resume));
        if (context.signal.aborted) throw new InterruptedError('interrupted before the end');
        const n = Math.min(batch, count - from);
        const scores = (await run(images.subarray(from * size, (from + n) * size), n))[output.name];
        for (let i = 0; i < n && scores; i++)
          probabilities.set(readRow(scores, i), (from + i) * classes.length);
        done?.(from + n);
      }
      return tensor('float32', [count, classes.length], probabilities);
    },
  };
}

/** The input that takes the images. @throws UsageError, or ModelError where none or several could. */
export function chooseInput(file: string, { graph }: Model, wanted: string | undefined): ValueInfo {
  const names = graph.inputs.map(({ name }) => name);
  if (wanted !== undefined) {
    const named = graph.inputs.find(({ name }) => name === wanted);
    if (named) return named;
    throw new UsageError(
      `--input: ${file} has no input "${wanted}".${didYouMean(wanted, names)} It has ${names.join(', ')}`,
      { expected: names, actual: wanted },
    );
  }
  const [only, ...more] = graph.inputs;
  if (only && more.length === 0) return only;
  throw new ModelError(
    `${file} takes ${names.length === 0 ? 'no input' : names.join(', ')}: a classifier of images has one`,
    { actual: names },
  );
}

/**
 * Images at a time: as many as the model is made for, or as wanted while they fit.
 * @throws ModelError where so many as it is made for do not fit in memory.
 */
function batchOf(file: string, input: ValueInfo, size: number, wanted: number): number {
  const most = Math.floor(largestInput / size);
  const fixed = input.shape?.[0];
  if (typeof fixed !== 'number') return Math.min(wanted, most);
  if (fixed >= 1 && fixed <= most) return fixed;
  throw new ModelError(
    `${file} takes ${fixed} images at a time (its input "${input.name}" has shape ${formatShape(input.shape ?? [])}): from 1 to ${most} of this size go in. Export it with a free batch size.`,
    { expected: most, actual: fixed },
  );
}

/** Runs up to `batch` images; a model of a fixed batch gets the rest as black images. */
function runner(
  session: Session,
  input: ValueInfo,
  preprocessing: Preprocessing,
  batch: number,
): (images: Uint8Array, count: number) => Promise<Feeds> {
  const isFixed = typeof input.shape?.[0] === 'number';
  return async (images, count) => {
    const size = images.length / count;
    const padded = isFixed && count < batch ? new Uint8Array(batch * size) : images;
    if (padded !== images) padded.set(images);
    const n = isFixed ? batch : count;
    return session.run({ [input.name]: preprocess(padded, n, preprocessing, input.dtype) });
  };
}

interface NamedOutput {
  readonly name: string;
  readonly tensor: Tensor;
}

/** Scores of one row an image: `wanted`, or one called so, or the first whose width is that of the classes. */
function chooseOutput(
  file: string,
  results: Feeds,
  wanted: string | undefined,
  classes: number | undefined,
): NamedOutput {
  const outputs = Object.entries(results).map(([name, value]) => ({ name, tensor: value }));
  const names = outputs.map(({ name }) => name);
  if (wanted !== undefined) {
    const named = outputs.find(({ name }) => name === wanted);
    if (named) return named;
    throw new UsageError(
      `--output: ${file} has no output "${wanted}".${didYouMean(wanted, names)} It has ${names.join(', ')}`,
      { expected: names, actual: wanted },
    );
  }
  const rows = outputs.filter(
    ({ tensor: { dims, dtype } }) =>
      dtype.startsWith('float') && (dims[1] ?? 0) > 1 && dims.slice(2).every((dim) => dim === 1),
  );
  const exact = rows.filter(({ tensor: { dims } }) => dims[1] === classes);
  const fits = exact.length > 0 ? exact : rows;
  const chosen =
    fits.find(({ name }) => name === 'probabilities') ??
    fits.find(({ name }) => name === 'logits') ??
    fits[0];
  if (chosen) return chosen;
  const seen = outputs.map(({ name, tensor: { dims } }) => `${name} ${formatShape(dims)}`);
  throw new ModelError(
    `${file} gives ${seen.join(', ')}: none is a row of two or more scores for each image`,
    { actual: seen },
  );
}

function checkClasses(
  file: string,
  named: readonly string[] | undefined,
  { name, tensor: { dims } }: NamedOutput,
  areGiven: boolean,
): readonly string[] {
  const width = sizeOf(dims.slice(1));
  const classes = named ?? Array.from({ length: width }, (_, i) => String(i));
  if (classes.length === width) return classes;
  const message = `${areGiven ? '--classes' : file}: ${counted(classes.length, 'class name')} for the ${width} scores of "${name}"`;
  const details = { expected: width, actual: classes.length };
  throw areGiven ? new UsageError(message, details) : new ModelError(message, details);
}

/** Reads the probabilities of one image; whether logits must become such is decided by the first output seen. */
function rowReader(
  scores: ClassifierOptions['scores'],
  seen: NamedOutput,
  width: number,
): (scores: Tensor, index: number) => number[] {
  const isProbability =
    scores === 'auto' ? sumsToOne(rowOf(seen.tensor, 0, width)) : scores === 'probabilities';
  return (each, index) => {
    const row = rowOf(each, index, width);
    return isProbability ? row : softmax(row);
  };
}

function rowOf(scores: Tensor, index: number, width: number): number[] {
  const [from, to] = [index * width, (index + 1) * width];
  if (hasDType(scores, 'float16'))
    return Array.from(float16ToFloat32(scores.data.subarray(from, to)));
  return Array.from((scores.data as Float32Array | Float64Array).subarray(from, to));
}

const sumsToOne = (row: readonly number[]): boolean =>
  row.every((x) => x >= 0 && x <= 1 + 1e-4) &&
  Math.abs(row.reduce((sum, x) => sum + x, 0) - 1) < 1e-3;

function softmax(row: readonly number[]): number[] {
  const largest = row.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
  const powers = row.map((x) => Math.exp(x - largest));
  const sum = powers.reduce((total, x) => total + x, 0);
  return powers.map((x) => x / sum);
}
