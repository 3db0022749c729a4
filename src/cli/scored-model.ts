/** A classifier opened for its logits, with images as it takes them: what `calibrate` and `ood` start from. */
import { resolve } from 'node:path';
import { z } from 'zod';
import type { ImageTarget } from '../data/decode-image.js';
import { pixelsOf } from '../data/image-batches.js';
import { type ImageSource, labelsOf, subset } from '../data/image-source.js';
import { fillInput, inputDims, targetOf } from '../data/model-input.js';
import { DataError, InterruptedError } from '../errors.js';
import type { ImageRows } from '../methods/classifier/score.js';
import { type ScoredNetwork, scoredNetwork } from '../methods/ood/network.js';
import { type ClassifierSpec, type Preprocessing, readSpec } from '../onnx/metadata.js';
import { readModelFile } from '../runs/model-file.js';
import { sizeOf } from '../tensor/shape.js';
import { tensor } from '../tensor/tensor.js';
import type { Context } from './command.js';
import { classifierOptions } from './image-classifier.js';
import { preprocessingOptions, resolvePreprocessing } from './preprocessing.js';

/** Options about the model: `output` is a file of the commands that use these. */
export const scoredModelOptions = {
  ...preprocessingOptions,
  inputName: z.string().optional().describe('the input that takes images (the only one)'),
  outputName: z
    .string()
    .optional()
    .describe('the output with the scores (logits, probabilities, or the first)'),
  classes: classifierOptions.classes,
  scores: classifierOptions.scores,
  batchSize: classifierOptions.batchSize,
};

const optionsSchema = z.object(scoredModelOptions);

export type ScoredModelOptions = z.output<typeof optionsSchema>;

export interface ScoredModel {
  readonly file: string;
  readonly network: ScoredNetwork;
  readonly spec: ClassifierSpec;
  readonly preprocessing: Preprocessing;
  readonly target: ImageTarget;
}

/** @throws ModelError, UsageError as `scoredNetwork` and `resolvePreprocessing`. */
export async function openScoredModel(
  file: string,
  given: ScoredModelOptions,
  context: Context,
): Promise<ScoredModel> {
  const source = await readModelFile(resolve(context.cwd, file));
  const names = { input: given.inputName, output: given.outputName, scores: given.scores };
  const first = scoredNetwork(source, names);
  const stated = readSpec(source.metadata, first.shape);
  const input = { name: first.input, dtype: 'float32' as const, shape: first.shape };
  const { preprocessing, notes } = resolvePreprocessing(
    given,
    stated?.preprocessing ?? null,
    input,
  );
  for (const note of notes) context.note(note);
  const network = scoredNetwork(source, { ...names, dims: inputDims(1, preprocessing) });
  const named = given.classes ?? stated?.classes;
  const classes = named ?? Array.from({ length: network.classes }, (_, i) => String(i));
  if (classes.length !== network.classes)
    throw new DataError(
      `${file}: ${classes.length} class names for ${network.classes} scores. Name them with --classes.`,
      { expected: network.classes, actual: classes.length },
    );
  const spec = { ...stated, task: 'classification' as const, classes, preprocessing };
  return { file, network, spec, preprocessing, target: targetOf(preprocessing) };
}

/** Pixels of any set as the network takes them. @throws InterruptedError once the signal is aborted. */
export function rowsOf(
  count: number,
  labels: Int32Array,
  pixels: (from: number, count: number) => Promise<Uint8Array> | Uint8Array,
  { preprocessing }: ScoredModel,
  { signal }: Context,
): ImageRows {
  return {
    count,
    labels,
    async rows(from, n) {
      await new Promise((resume) => setImmediate(resume));
      if (signal.aborted) throw new InterruptedError('interrupted before the end');
      const dims = inputDims(n, preprocessing);
      const data = new Float32Array(sizeOf(dims));
      fillInput(await pixels(from, n), n, preprocessing, data);
      return tensor('float32', dims, data);
    },
  };
}

/** Whether a model's classes are mere numbers, because it has no names. */
export const areNumbered = (classes: readonly string[]): boolean =>
  classes.every((name, i) => name === String(i));

/**
 * The images whose class the model knows, by name where it has names of its own.
 * @returns the images and their classes as the model counts them
 */
export function knownImages(
  source: ImageSource,
  own: readonly string[],
  { spec }: ScoredModel,
  heldOut: readonly string[] = [],
): { readonly source: ImageSource; readonly labels: Int32Array } {
  const byName = own.map((name) => (heldOut.includes(name) ? -1 : spec.classes.indexOf(name)));
  const known = byName.some((position) => position >= 0);
  const positions =
    !known && areNumbered(spec.classes) && own.length === spec.classes.length
      ? own.map((_, i) => i)
      : byName;
  const labels = labelsOf(source).map((label) => positions[label] ?? -1);
  const indices = [...labels.keys()].filter((i) => (labels[i] ?? -1) >= 0);
  if (indices.length === 0)
    throw new DataError(
      `none of the images is of a class that the model knows (${spec.classes.join(', ')}): the data have ${own.join(', ')}. --classes renames the model's.`,
      { expected: spec.classes, actual: own },
    );
  return {
    source: subset(source, indices),
    labels: Int32Array.from(indices, (i) => labels[i] ?? -1),
  };
}

/** As `rowsOf`, of a source of images. */
export const sourceRows = (
  source: ImageSource,
  labels: Int32Array,
  opened: ScoredModel,
  context: Context,
): ImageRows =>
  rowsOf(
    source.count,
    labels,
    (from, n) => pixelsOf(source, opened.target, from, n),
    opened,
    context,
  );
