/** CIFAR-10 and CIFAR-100 in their binary form, unpacked or in the .tar.gz. */
import { DataError } from '../../errors.js';
import { sourceOf } from '../image-source.js';
import { type CifarLabels, cifar10Classes, parseCifar } from './cifar-record.js';
import type { Files } from './files.js';
import { baseName, classNames, type Format, namesIn } from './format.js';

/** Name of the file that is called so, in whichever folder; undefined where there is none. */
const find = (files: Files, base: string): string | undefined =>
  files.names.find((name) => baseName(name) === base);

const isBatch = (name: string): boolean => /^data_batch_\d+\.bin$/.test(baseName(name));

async function readNames(files: Files, base: string): Promise<string[] | null> {
  const name = find(files, base);
  return name === undefined ? null : namesIn(await files.read(name));
}

const load = (files: Files, names: readonly string[]) =>
  Promise.all(
    names.map(async (name) => ({ path: files.path(name), bytes: await files.read(name) })),
  );

/** `data_batch_*.bin` and `test_batch.bin`. */
export const cifar10Binary: Format = {
  name: 'cifar10-binary',
  files: 'data_batch_1.bin to data_batch_5.bin, test_batch.bin',
  recognizes: (files) => files.names.some(isBatch),
  async read(files, options) {
    const batches = files.names.filter(isBatch);
    const classes =
      options.classes ?? (await readNames(files, 'batches.meta.txt')) ?? cifar10Classes;
    const labels: CifarLabels = { bytes: 1, at: 0, classes };
    const test = find(files, 'test_batch.bin');
    const notes =
      batches.length < 5 ? [`only ${batches.length} of the 5 training files are there`] : [];
    return {
      classes,
      train: sourceOf(parseCifar(await load(files, batches), labels), 'data_batch'),
      validation: null,
      test:
        test === undefined
          ? null
          : sourceOf(parseCifar(await load(files, [test]), labels), 'test_batch'),
      ...{ notes, skipped: [] },
    };
  },
};

/** `train.bin` and `test.bin` with coarse and fine labels. */
export const cifar100Binary: Format = {
  name: 'cifar100-binary',
  files: 'train.bin, test.bin, fine_label_names.txt, coarse_label_names.txt',
  recognizes: (files) => find(files, 'train.bin') !== undefined,
  async read(files, { coarse = false, classes: given }) {
    const train = find(files, 'train.bin');
    if (train === undefined)
      throw new DataError(`${files.where} has no train.bin`, { path: files.where });
    const names =
      given ?? (await readNames(files, `${coarse ? 'coarse' : 'fine'}_label_names.txt`));
    const classes = classNames(coarse ? 20 : 100, names, files.path(train));
    const labels: CifarLabels = { bytes: 2, at: coarse ? 0 : 1, classes };
    const test = find(files, 'test.bin');
    return {
      classes,
      train: sourceOf(parseCifar(await load(files, [train]), labels), 'train.bin'),
      validation: null,
      test:
        test === undefined
          ? null
          : sourceOf(parseCifar(await load(files, [test]), labels), 'test.bin'),
      notes: names
        ? []
        : ['there is no file of class names: the classes are called by their numbers'],
      skipped: [],
    };
  },
};
