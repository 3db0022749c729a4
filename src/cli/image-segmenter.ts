/** Any ONNX segmenter, opened so that image files of any size go in and classes of pixels come out. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { openRegions, type Regions } from '../data/large/regions.js';
import { vocPalette } from '../data/segmentation/palette.js';
import type { Rgb } from '../data/segmentation/scenes.js';
import { ModelError, UsageError } from '../errors.js';
import type { Model, ValueInfo } from '../graph/graph.js';
import { type Preprocessing, readSpec } from '../onnx/metadata.js';
import { nodeRuntime } from '../runtime/node.js';
import type { Session } from '../runtime/runtime.js';
import { formatShape } from '../tensor/shape.js';
import type { Context } from './command.js';
import type { ClassifierOptions } from './image-classifier.js';
import { resolvePreprocessing } from './preprocessing.js';
import { didYouMean } from './suggest.js';
import { counted } from './text-table.js';
import { defined } from './training-run.js';

/** What of a command's options is about the segmenter: as of a classifier, `scores` and `batchSize` apart. */
export type SegmenterFileOptions = Omit<ClassifierOptions, 'scores' | 'batchSize'>;

/** Options of every command that runs segmenters over images. */
export const tileOption = z
  .int()
  .min(16)
  .optional()
  .describe('side in pixels of the pieces that large images go through in (by memory)');

/** A segmenter ready to run. */
export interface ImageSegmenter {
  readonly path: string;
  readonly model: Model;
  readonly session: Session;
  readonly input: string;
  readonly output: string;
  readonly classes: readonly string[];
  /** Whether `classes` are names, or mere numbers because the model has none. */
  readonly isNamed: boolean;
  /** A colour for each class. */
  readonly palette: readonly Rgb[];
  /** Its height and width do not count. */
  readonly preprocessing: Preprocessing;
  /** Opens an image with the channels that the model takes. @throws DataError where it cannot be read. */
  openImage(path: string): Promise<Regions>;
}

/** Whether a model tells what each pixel is: by its own words, or by an output that is a map. */
export function isSegmenter({ graph, metadata }: Model, output?: string): boolean {
  if (readSpec(metadata)?.task === 'segmentation') return true;
  const outputs = output === undefined ? graph.outputs : graph.outputs.filter(named(output));
  return outputs.length > 0 && outputs.every(isMap);
}

const named =
  (name: string) =>
  (info: ValueInfo): boolean =>
    info.name === name;

/** A row of scores for an image may be written as a map of one position. */
function isMap({ shape }: ValueInfo): boolean {
  return shape?.length === 4 && !shape.slice(2).every((dim) => dim === 1);
}

/**
 * Makes a segmenter of a model that `isSegmenter`.
 * @param file as the user named it
 * @throws ModelError where it has no map of classes, UsageError where options do not fit it.
 */
export async function openSegmenter(
  file: string,
  model: Model,
  options: SegmenterFileOptions,
  context: Context,
): Promise<ImageSegmenter> {
  const { graph, metadata } = model;
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  const input = choose(file, '--input', inputs, options.input);
  const output = chooseOutput(file, graph.outputs, options.output);
  const spec = readSpec(metadata, input.shape ?? []);
  // Any size goes in: one that nobody states must not be asked for.
  const size = {
    height: 1,
    width: 1,
    ...defined({ height: options.height, width: options.width }),
  };
  const { preprocessing, notes } = resolvePreprocessing(
    { ...options, ...size },
    spec?.preprocessing ?? null,
    input,
  );
  const width = output.shape?.[1];
  const names = options.classes ?? spec?.classes;
  const classes = names ?? numbered(file, width);
  if (typeof width === 'number' && width !== classes.length) {
    const sentence = `${options.classes ? '--classes' : file}: ${counted(classes.length, 'class name')} for the ${width} scores of "${output.name}"`;
    const details = { expected: width, actual: classes.length };
    throw options.classes ? new UsageError(sentence, details) : new ModelError(sentence, details);
  }
  const { threads } = options;
  const session = await (await nodeRuntime()).load(model, defined({ threads }));
  for (const note of notes) context.note(note);
  return {
    ...{ path: file, model, session, classes, preprocessing },
    ...{ input: input.name, output: output.name, isNamed: names !== undefined },
    palette: spec?.palette?.length === classes.length ? spec.palette : vocPalette(classes.length),
    openImage: (path) =>
      openRegions(resolve(context.cwd, path), { channels: preprocessing.channels === 1 ? 1 : 3 }),
  };
}

function numbered(file: string, width: unknown): string[] {
  if (typeof width === 'number') return Array.from({ length: width }, (_, i) => String(i));
  throw new UsageError(`${file} does not say how many classes it has: name them with --classes`);
}

function chooseOutput(
  file: string,
  outputs: readonly ValueInfo[],
  wanted: string | undefined,
): ValueInfo {
  if (wanted !== undefined) return choose(file, '--output', outputs, wanted);
  const maps = outputs.filter(isMap);
  const chosen = maps.find(named('probabilities')) ?? maps.find(named('logits')) ?? maps[0];
  if (chosen) return chosen;
  const seen = outputs.map(({ name, shape }) => `${name} ${formatShape(shape ?? [])}`);
  throw new ModelError(
    `${file} gives ${seen.join(', ')}: none is a map (batch, classes, height, width)`,
    { actual: seen },
  );
}

function choose(
  file: string,
  flag: '--input' | '--output',
  values: readonly ValueInfo[],
  wanted: string | undefined,
): ValueInfo {
  const names = values.map(({ name }) => name);
  const what = flag.slice(2);
  const found = wanted === undefined ? values : values.filter(named(wanted));
  const [only, ...more] = found;
  if (only && more.length === 0) return only;
  if (wanted === undefined)
    throw new ModelError(
      `${file} has ${counted(names.length, what)} (${names.join(', ')}): a segmenter of images has one`,
      { actual: names },
    );
  throw new UsageError(
    `${flag}: ${file} has no ${what} "${wanted}".${didYouMean(wanted, names)} It has ${names.join(', ')}`,
    { expected: names, actual: wanted },
  );
}
