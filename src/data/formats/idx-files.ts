/** MNIST and its relatives: pairs of idx files, plain or with `.gz` after their names. */
import { DataError } from '../../errors.js';
import { readIdxPair } from '../idx.js';
import { sourceOf, subset } from '../image-source.js';
import type { Files } from './files.js';
import { baseName, type Format, namesIn } from './format.js';

const imagesPattern = /^(.*?)(train|t10k|test)-images[-.]idx3[-.]ubyte(\.gz)?$/;

/** The file of labels that goes with a file of images. */
function labelsFor(files: Files, images: string): string {
  const labels = images.replace('-images', '-labels').replace('idx3', 'idx1');
  const plain = labels.replace(/\.gz$/, '');
  const found = files.names.find((name) => name === plain || name === `${plain}.gz`);
  if (found !== undefined) return found;
  throw new DataError(`${files.path(labels)} is missing: it has the labels of the images`, {
    path: files.path(labels),
  });
}

/** Class names: those given, those of `classes.txt`, or the numbers of MNIST's digits. */
async function readClasses(
  files: Files,
  given: readonly string[] | undefined,
): Promise<readonly string[]> {
  if (given) return given;
  if (files.names.includes('classes.txt')) return namesIn(await files.read('classes.txt'));
  return Array.from({ length: 10 }, (_, digit) => String(digit));
}

/** `train-images-idx3-ubyte`, `t10k-images-idx3-ubyte` and their labels. */
export const idxFiles: Format = {
  name: 'idx',
  files:
    'train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (or .gz); classes.txt',
  recognizes: (files) => files.names.some((name) => imagesPattern.test(baseName(name))),
  async read(files, options) {
    if (files.folder === null)
      throw new DataError(`${files.where} holds idx files: unpack it first`, { path: files.where });
    const classes = await readClasses(files, options.classes);
    const part = async (isTrain: boolean) => {
      const images = files.names.find((name) => {
        const kind = imagesPattern.exec(baseName(name))?.[2];
        return kind !== undefined && (kind === 'train') === isTrain;
      });
      if (images === undefined) return null;
      const labels = labelsFor(files, images);
      const { set } = await readIdxPair(files.path(images), files.path(labels), classes);
      return sourceOf(set, baseName(images));
    };
    const [found, test] = [await part(true), await part(false)];
    const train = found ?? (options.judgedOnly && test ? subset(test, []) : null);
    if (train === null)
      throw new DataError(`${files.where} has no train-images-idx3-ubyte: nothing to learn from`, {
        path: files.where,
      });
    return { classes, train, validation: null, test, notes: [], skipped: [] };
  },
};
