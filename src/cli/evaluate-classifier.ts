/** The figures of a classifier on labelled images: what `evaluate` does with one. */
import { knownSets } from '../data/fetch/known.js';
import { pixelsOf } from '../data/image-batches.js';
import { type ImageSource, labelsOf } from '../data/image-source.js';
import { hiddenReason } from '../data/list-images.js';
import type { OpenedImages } from '../data/open-images.js';
import { DataError, UsageError } from '../errors.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import type { Context, Output } from './command.js';
import { describeEvaluation, evaluate, figuresByName, thresholdFigures } from './evaluation.js';
import {
  type ClassifierOptions,
  type ImageClassifier,
  openClassifier,
} from './image-classifier.js';
import { type ImageDataOptions, openImageData } from './image-data.js';
import { counted } from './text-table.js';
import { type GateOptions, gatesOf, missedThresholds } from './thresholds.js';

/** Options about which images, and what of them. */
export interface EvaluateOptions extends ImageDataOptions, ClassifierOptions, GateOptions {
  readonly folder?: string | undefined;
  readonly split: 'test' | 'validation' | 'train' | 'labelled';
  readonly strict?: boolean | undefined;
  readonly topK?: number | undefined;
}

type Options = EvaluateOptions;

/**
 * Judges a classifier.
 * @throws DataError where there are no such images, UsageError for options that do not fit; what `openClassifier` throws.
 */
export async function evaluateClassifier(
  model: string,
  given: EvaluateOptions,
  context: Context,
): Promise<Output> {
  const thresholds = gatesOf(given, thresholdFigures);
  const classifier = await openClassifier(model, given, context);
  const data = await openImageData({ ...given, data: placeOf(given) }, context);
  if (given.strict) refuseSkipped(data);
  const source = splitOf(data, given);
  const truth = matchClasses(given.data, data.classes, labelsOf(source), classifier);
  const probabilities = await classifyAll(source, classifier, given.batchSize, context);
  const k = Math.min(given.topK ?? 5, classifier.classes.length);
  const evaluation = evaluate(probabilities, truth, namesOf(classifier, data.classes), k);
  const error = missedThresholds(thresholds, figuresByName(evaluation));
  return {
    json: { model, data: given.data, split: given.split, ...evaluation },
    text: `${model} on ${given.data}, ${counted(source.count, `${given.split} image`)}\n\n${describeEvaluation(evaluation)}`,
    ...(error && { error }),
  };
}

/** The name or folder to open: `--data folder --folder photos` is `--data photos`. */
export function placeOf({ data, folder }: Pick<Options, 'data' | 'folder'>): string {
  if (data === 'folder' && folder === undefined)
    throw new UsageError(
      '--data folder needs --folder; or name the folder itself, as in --data photos',
    );
  if (folder !== undefined && data !== 'folder' && !knownSets.some(({ name }) => name === data))
    throw new UsageError(
      `--data ${data} and --folder ${folder} are two places: give one of them, or --data folder`,
      { actual: folder },
    );
  return folder ?? data;
}

function refuseSkipped({ skipped }: OpenedImages): void {
  const bad = skipped.find(({ reason }) => reason !== hiddenReason);
  if (bad)
    throw new DataError(`${bad.file} ${bad.reason}: remove it, or do without --strict`, {
      path: bad.file,
      actual: bad.reason,
    });
}

/** The images that `--split` names. @throws DataError where there are none. */
export function splitOf(
  data: OpenedImages,
  { split, data: name }: Pick<Options, 'split' | 'data'>,
): ImageSource {
  const { train, validation, test } = data;
  const source = { train, labelled: train, validation, test }[split];
  if (source && source.count > 0) return source;
  const others = Object.entries({ validation, train })
    .filter(([other, images]) => other !== split && images && images.count > 0)
    .map(([other]) => `--split ${other}`);
  const remedy = split === 'test' ? 'put them into test/<class>/*' : 'hold some out (--validation)';
  throw new DataError(`${name} has no ${split} images: ${remedy}, or give ${others.join(' or ')}`, {
    path: data.folder,
  });
}

/** Class probabilities of all images, decoded a batch at a time: (count, classes). */
async function classifyAll(
  source: ImageSource,
  { target, classes, classify }: ImageClassifier,
  batch: number,
  context: Context,
): Promise<Tensor<'float32'>> {
  const { count } = source;
  const probabilities = new Float32Array(count * classes.length);
  const bar = context.bar('classifying', count);
  try {
    for (let from = 0; from < count; from += batch) {
      const n = Math.min(batch, count - from);
      const { data } = await classify(await pixelsOf(source, target, from, n), n);
      probabilities.set(data, from * classes.length);
      bar.update(from + n);
    }
  } finally {
    bar.end();
  }
  return tensor('float32', [count, classes.length], probabilities);
}

/**
 * The true classes as the model counts them: by name where it has names, so that a data set may hold some of its
 * classes in another order; by number where it has none.
 */
export function matchClasses(
  data: string,
  own: readonly string[],
  labels: Int32Array,
  { classes, isNamed, path }: Pick<ImageClassifier, 'classes' | 'isNamed' | 'path'>,
): Int32Array {
  const positions = isNamed
    ? own.map((name) => classes.indexOf(name))
    : own.map((_, i) => (own.length === classes.length ? i : -1));
  const stranger = own.find((_, i) => (positions[i] ?? -1) < 0);
  if (stranger !== undefined)
    throw new DataError(
      isNamed
        ? `class "${stranger}" of ${data} is none of ${path}, which knows ${classes.join(', ')}. --classes renames them`
        : `${data} has ${own.length} classes, ${path} tells ${classes.length} apart`,
      { expected: classes, actual: own },
    );
  return labels.map((label) => positions[label] ?? -1);
}

/** Names of the model's classes for people: its own, or the data's where it has only numbers and they are as many. */
export const namesOf = (
  { classes, isNamed }: Pick<ImageClassifier, 'classes' | 'isNamed'>,
  own: readonly string[],
): readonly string[] => (isNamed || own.length !== classes.length ? classes : own);
