/**
 * SVHN's cropped digits (Netzer et al. 2011, "Format 2"): MAT-files with `X`, 32 x 32 x 3 x count bytes in MATLAB's
 * order, and `y`, labels 1 to 10, where 10 stands for the digit 0.
 * @see http://ufldl.stanford.edu/housenumbers/
 */
import { DataError } from '../../errors.js';
import type { ImageSet } from '../image-set.js';
import { sourceOf } from '../image-source.js';
import type { Files } from './files.js';
import { allocate, baseName, type Format } from './format.js';
import { parseMat } from './mat5.js';

const digits: readonly string[] = Array.from({ length: 10 }, (_, digit) => String(digit));

/**
 * The images of one file.
 * @throws DataError where it is no such file, or a label is not 1 to 10.
 */
export function parseSvhn(bytes: Uint8Array, path: string): ImageSet {
  const arrays = parseMat(bytes, path);
  const [x, y] = [arrays.get('X'), arrays.get('y')];
  const [rows = 0, columns = 0, channels, count = 1] = x?.dims ?? [];
  if (!x || !y || !(x.data instanceof Uint8Array) || rows * columns === 0 || channels !== 3)
    throw new DataError(
      `${path} has ${[...arrays].map(([name, { dims }]) => `${name} (${dims.join(' x ')})`).join(', ') || 'no arrays'}: ` +
        'X (32 x 32 x 3 x count, bytes) and y (count) are expected',
      { path, actual: [...arrays.keys()] },
    );
  if (y.data.length !== count)
    throw new DataError(`${path} holds ${count} images and ${y.data.length} labels`, {
      path,
      expected: count,
      actual: y.data.length,
    });
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const label = y.data[i] ?? 0;
    if (!Number.isInteger(label) || label < 1 || label > 10)
      throw new DataError(
        `label ${label} of image ${i} in ${path} is out of range: labels go from 1 to 10`,
        { path, expected: 10, actual: label },
      );
    labels[i] = label % 10;
  }
  // The first dimension, the row, varies fastest: each plane is transposed.
  const images = allocate(x.data.length, path);
  const plane = rows * columns;
  for (let from = 0; from < images.length; from += plane)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        images[from + row * columns + column] = x.data[from + column * rows + row] ?? 0;
  return { images, count, shape: [3, rows, columns], labels, classes: digits, names: null };
}

const find = (files: Files, base: string): string | undefined =>
  files.names.find((name) => baseName(name) === base);

/** `train_32x32.mat` and `test_32x32.mat`; the extra images are not used. */
export const svhn: Format = {
  name: 'svhn',
  files: 'train_32x32.mat, test_32x32.mat',
  recognizes: (files) => find(files, 'train_32x32.mat') !== undefined,
  async read(files) {
    const part = async (base: string) => {
      const name = find(files, base);
      if (name === undefined) return null;
      return sourceOf(parseSvhn(await files.read(name), files.path(name)), base);
    };
    const train = await part('train_32x32.mat');
    if (train === null)
      throw new DataError(`${files.where} has no train_32x32.mat`, { path: files.where });
    const extra = find(files, 'extra_32x32.mat');
    return {
      classes: digits,
      train,
      validation: null,
      test: await part('test_32x32.mat'),
      notes: extra === undefined ? [] : [`${baseName(extra)} is left out`],
      skipped: [],
    };
  },
};
