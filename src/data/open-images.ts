/** Opens labelled images for a classifier: by the name of a known set, or from a folder in any of the formats. */
import { stat } from 'node:fs/promises';
import { DataError } from '../errors.js';
import { withoutBroken } from './encoded-source.js';
import { dataFolder, type Environment, readReceipt } from './fetch/cache.js';
import { type KnownSet, knownSets } from './fetch/known.js';
import { openFiles } from './formats/files.js';
import { formats } from './formats/table.js';
import type { DecodeProgress } from './image-folder.js';
import { countByClass } from './image-set.js';
import { type ClassificationData, holdOut, type ImageSource, labelsOf } from './image-source.js';
import type { Skipped } from './list-images.js';
import { findPackage } from './mnist.js';

/** How images are opened. */
export interface OpenImagesOptions {
  /** Training images held out to choose settings with, where the data has none itself: how many, or what share. None unless given. */
  readonly validation?: number;
  /** Decides which are held out; 0 unless given. */
  readonly seed?: number;
  /** CIFAR-100 and its like: the coarse classes. */
  readonly coarse?: boolean;
  /**
   * Decodes images that are files once beforehand and leaves out those that cannot be; true unless given. Otherwise
   * the first that is met ends the training.
   */
  readonly verify?: boolean;
  readonly env?: Environment;
  readonly onProgress?: ((progress: DecodeProgress) => void) | undefined;
}

/** Data as it was opened. */
export interface OpenedImages extends ClassificationData {
  /** Name of the known set, or the folder. */
  readonly name: string;
  /** Where it was read from. */
  readonly folder: string;
  /** Name of the format. */
  readonly format: string;
}

/**
 * Opens images. A word that is the name of a known set is that set, out of the cache; `./cifar10` is a folder.
 * @param where a name, a folder, or a .tar.gz of CIFAR as it was downloaded
 * @throws DataError where it is not there, damaged, has fewer than two classes, or a class has no usable image
 * to learn from.
 */
export async function openImages(
  where: string,
  options: OpenImagesOptions = {},
): Promise<OpenedImages> {
  const known = knownSets.find(({ name }) => name === where);
  const folder = known ? await locate(known, options.env) : where;
  const files = await openFiles(folder);
  const format = formats.find((each) => each.recognizes(files));
  if (!format)
    throw new DataError(
      `${where} holds none of the data that is known:\n${formats.map((each) => `  ${each.name}: ${each.files}`).join('\n')}`,
      { path: where },
    );
  const data = await format.read(files, {
    coarse: options.coarse ?? false,
    ...(known?.classNames && { classes: known.classNames }),
  });
  const usable = options.verify === false ? data : await verified(data, options.onProgress);
  requireClasses(usable, where);
  return { ...divided(usable, options), name: where, folder, format: format.name };
}

/** The folder of a known set: in the cache, or where a package has put it. */
async function locate(set: KnownSet, env?: Environment): Promise<string> {
  const cached = dataFolder(set.name, env);
  if (await readReceipt(cached)) return cached;
  for (const folder of set.installed ?? []) if (await stat(folder).catch(() => null)) return folder;
  const installed = set.name === 'mnist' ? findPackage([process.cwd(), import.meta.dirname]) : null;
  if (installed !== null) return installed;
  throw new DataError(
    `${set.name} is not there yet: run \`espalier data get ${set.name}\` (for the folder of this name, say ./${set.name})`,
    { path: cached, expected: set.name },
  );
}

/** Leaves out what cannot be decoded. */
async function verified(
  data: ClassificationData,
  onProgress: OpenImagesOptions['onProgress'],
): Promise<ClassificationData> {
  const { train, validation, test } = data;
  const total = train.count + (validation?.count ?? 0) + (test?.count ?? 0);
  let done = 0;
  const skipped: Skipped[] = [...data.skipped];
  const good = async (source: ImageSource): Promise<ImageSource> => {
    const found = await withoutBroken(source, (file) => {
      done++;
      onProgress?.({ done, total, file });
    });
    skipped.push(...found.skipped);
    return found.source;
  };
  return {
    ...data,
    train: await good(train),
    validation: validation && (await good(validation)),
    test: test && (await good(test)),
    skipped,
  };
}

function requireClasses({ classes, train, skipped }: ClassificationData, where: string): void {
  if (classes.length < 2)
    throw new DataError(
      `${where} has ${classes.length === 0 ? 'no class' : `only the class ${classes[0]}`}, where a classifier needs two`,
      { path: where, actual: classes },
    );
  const empty = countByClass(labelsOf(train), classes.length).indexOf(0);
  if (empty < 0) return;
  const first = skipped[0];
  throw new DataError(
    `class ${classes[empty]} of ${where} has no usable image to learn from${first ? ` (${first.file} ${first.reason})` : ''}: add images of it`,
    { path: where, actual: classes[empty] },
  );
}

function divided(data: ClassificationData, options: OpenImagesOptions): ClassificationData {
  const { validation = 0, seed = 0 } = options;
  if (data.validation !== null || validation === 0) return data;
  const { rest, held } = holdOut(data.train, validation, seed);
  return { ...data, train: rest, validation: held };
}
