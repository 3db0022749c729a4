/** The images of `train confident`: those of the data, classes held out of them, and images from outside. */
import { resolve } from 'node:path';
import { requireSameSize } from '../data/confident-batches.js';
import { knownSets } from '../data/fetch/known.js';
import { type ImageSource, labelsOf, subset } from '../data/image-source.js';
import { type OpenedImages, openImages } from '../data/open-images.js';
import { openOutsideImages } from '../data/outside-images.js';
import { DataError, UsageError } from '../errors.js';
import { relabelled } from './classifier-classes.js';
import type { Context } from './command.js';
import type { ConfidentOptions } from './confident-options.js';
import { openImageData } from './image-data.js';
import { checkHeldOut, heldOutSet, type OutsideSet } from './ood-sets.js';

export interface ConfidentData {
  /** Without the classes that are held out. */
  readonly data: OpenedImages;
  /** What the method `confidence` learns to be unsure of; null for the others. */
  readonly outside: ImageSource | null;
  /** Images of classes held out that are not learnt from, where there are any. */
  readonly held: readonly OutsideSet[];
}

/**
 * Opens both sets.
 * @throws UsageError where options do not fit each other or a class is not there; DataError as `openImages`, and where
 *   images from outside are of another size.
 */
export async function openConfidentData(
  given: ConfidentOptions,
  context: Context,
): Promise<ConfidentData> {
  const isNeeded = given.method === 'confidence';
  if (isNeeded !== (given.outside !== undefined))
    throw new UsageError(
      isNeeded
        ? '--method confidence needs images from outside: give --outside'
        : `--outside is for --method confidence: ${given.method} sees no images from outside. Give --out for what it is judged on`,
    );
  const opened = await openImageData(given, context);
  const { data, held } = withoutClasses(opened, given.holdOut ?? []);
  if (given.outside === undefined) return { data, outside: null, held };
  const outside = await learntFrom(given.outside, given, context);
  if (!given.resize) await requireSameSize(data.train, outside, given.outside);
  return { data, outside, held };
}

/** The training images of data with classes, or else all images of a folder. */
async function learntFrom(
  word: string,
  { verify }: ConfidentOptions,
  { cwd, env }: Context,
): Promise<ImageSource> {
  const where = knownSets.some(({ name }) => name === word) ? word : resolve(cwd, word);
  try {
    return (await openImages(where, { verify, env })).train;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return (await openOutsideImages(where, { verify, env })).source;
  }
}

/** The data without some classes, and the test images (or else the validation images) of those. */
function withoutClasses(
  data: OpenedImages,
  names: readonly string[],
): { data: OpenedImages; held: OutsideSet[] } {
  if (names.length === 0) return { data, held: [] };
  checkHeldOut(names, data.classes, data.classes);
  const kept = data.classes.filter((name) => !names.includes(name));
  const indices = data.classes.map((name) => kept.indexOf(name));
  const of = (source: ImageSource): ImageSource => {
    const labels = labelsOf(source);
    const chosen = [...labels.keys()].filter((i) => (indices[labels[i] ?? -1] ?? -1) >= 0);
    return relabelled(subset(source, chosen), indices);
  };
  const judged = data.test ?? data.validation;
  const held = judged && heldOutSet(judged, data.classes, names);
  return {
    data: {
      ...{ ...data, classes: kept, train: of(data.train) },
      ...{ validation: data.validation && of(data.validation), test: data.test && of(data.test) },
    },
    held: held && held.source.count > 0 ? [held] : [],
  };
}
