import { copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../../../test/cli.js';
import { DataError } from '../../errors.js';
import { openImages } from '../open-images.js';
import { parseMat } from './mat5.js';
import { parseSvhn } from './svhn.js';

const fixtures = join(import.meta.dirname, '../../../test/fixtures');
let folder: Folder;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => folder.remove());

async function failure(work: Promise<unknown>): Promise<DataError> {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}
/** Cuts a file to `count` lengths from nothing to all but a byte. */
const cuts = (bytes: Uint8Array, count: number) =>
  Array.from({ length: count }, (_, i) =>
    bytes.subarray(0, Math.floor((i * (bytes.length - 1)) / (count - 1))),
  );

describe.each(['compressed', 'plain'])('SVHN, %s', (form) => {
  const bytes = readFileSync(join(fixtures, `svhn-${form}.mat`));

  it('gives images row by row, and the digit 0 for label 10', () => {
    const set = parseSvhn(bytes, 'x.mat');
    expect([set.count, set.shape]).toEqual([7, [3, 32, 32]]);
    expect(set.labels).toEqual(Int32Array.of(1, 2, 0, 9, 0, 5, 3));
    // The formula of test/fixtures/data-sets.py.
    for (const [n, channel, row, column] of [
      [0, 0, 0, 0],
      [3, 1, 5, 17],
      [6, 2, 31, 30],
    ] as const)
      expect(set.images[((n * 3 + channel) * 32 + row) * 32 + column]).toBe(
        (row * 7 + column * 3 + channel * 50 + n * 11) % 256,
      );
  });

  it('is refused wherever it is cut off', () => {
    for (const cut of cuts(bytes, 60)) expect(() => parseSvhn(cut, 'x.mat')).toThrow(DataError);
  });

  it('is refused or read, but never a crash, where a byte is damaged', () => {
    for (let at = 0; at < bytes.length; at += 13) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      try {
        parseSvhn(damaged, 'x.mat');
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    }
  });
});

describe('SVHN', () => {
  it('is opened with its parts', async () => {
    copyFileSync(join(fixtures, 'svhn-plain.mat'), join(folder.path, 'test_32x32.mat'));
    copyFileSync(join(fixtures, 'svhn-compressed.mat'), join(folder.path, 'train_32x32.mat'));
    const error = await failure(openImages(folder.path));
    // The fixture has no 4, 6, 7 and 8.
    expect(error.message).toMatch(/^class 4 of .* has no usable image to learn from/);
  });

  it('tells what else a file is', () => {
    const later = Buffer.alloc(600);
    later.write('MATLAB 7.3 MAT-file, Platform: GLNXA64');
    expect(() => parseMat(later, 'x.mat')).toThrow(/version 7\.3.*save it with -v7/);
    expect(() => parseMat(Buffer.from('<html>'), 'x.mat')).toThrow(/no MAT-file of level 5/);
    const empty = readFileSync(join(fixtures, 'svhn-plain.mat')).subarray(0, 128);
    expect(() => parseSvhn(empty, 'x.mat')).toThrow(/^x\.mat has no arrays: X .* are expected/);
  });
});

describe('parquet', () => {
  const bytes = readFileSync(join(fixtures, 'images.parquet'));
  beforeEach(() => {
    folder.write('data/train-00000-of-00001.parquet', bytes);
    folder.write('data/test-00000-of-00001.parquet', bytes);
  });

  it('gives images and class names, and leaves out what is no image', async () => {
    const data = await openImages(folder.path);
    expect([data.format, data.classes]).toEqual(['parquet', ['ant', 'bee', 'cat']]);
    expect([data.train.count, data.test?.count, data.validation]).toEqual([4, 4, null]);
    expect([0, 1, 2, 3].map((i) => data.train.label(i))).toEqual([0, 1, 2, 0]);
    expect(data.train.name(1)).toBe('data/train-00000-of-00001.parquet, row 2');
    const { width, height, channels, pixels } = await data.train.decode(1);
    expect([width, height, channels, pixels[0]]).toEqual([4, 3, 1, 30]);
    expect(data.skipped).toEqual([
      {
        file: 'data/train-00000-of-00001.parquet, row 1',
        reason: expect.stringMatching(/^is corrupt/),
      },
      { file: 'data/test-00000-of-00001.parquet, row 1', reason: expect.any(String) },
    ]);
  });

  it('is refused wherever it is cut off', async () => {
    for (const cut of cuts(bytes, 12)) {
      folder.write('data/test-00000-of-00001.parquet', cut);
      const { message } = await failure(openImages(folder.path));
      expect(message).toMatch(/test-00000-of-00001\.parquet cannot be read as parquet/);
    }
  });

  it('is refused where there is nothing to train with', async () => {
    folder.remove();
    folder = makeFolder();
    folder.write('test-00000-of-00001.parquet', bytes);
    expect((await failure(openImages(folder.path))).message).toMatch(
      /no row to train with in test-/,
    );
  });
});

/** An idx file. */
function idx(magic: number, dims: readonly number[], data: readonly number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.writeUInt32BE(magic, 0);
  dims.forEach((dim, axis) => {
    header.writeUInt32BE(dim, 4 + 4 * axis);
  });
  return Buffer.concat([header, Buffer.from(data)]);
}

describe('idx', () => {
  beforeEach(() => {
    folder.write('train-images-idx3-ubyte', idx(0x803, [3, 1, 2], [1, 2, 3, 4, 5, 6]));
    folder.write('train-labels-idx1-ubyte', idx(0x801, [3], [0, 1, 0]));
    folder.write('t10k-images-idx3-ubyte.gz', gzipSync(idx(0x803, [1, 1, 2], [7, 8])));
    folder.write('t10k-labels-idx1-ubyte.gz', gzipSync(idx(0x801, [1], [1])));
    folder.write('classes.txt', 'no\nyes\n');
  });

  it('gives both parts, plain and compressed, and the names of classes.txt', async () => {
    const data = await openImages(folder.path);
    expect([data.format, data.classes]).toEqual(['idx', ['no', 'yes']]);
    expect([data.train.count, data.test?.count, data.test?.label(0)]).toEqual([3, 1, 1]);
    expect(await data.train.decode(1)).toEqual({
      ...{ width: 2, height: 1, channels: 1 },
      pixels: Uint8Array.of(3, 4),
    });
  });

  it('is refused where labels are missing or beyond the classes', async () => {
    folder.write('classes.txt', 'no\n');
    expect((await failure(openImages(folder.path))).message).toMatch(/label 1 of image 1/);
    folder.write('a/train-images-idx3-ubyte', idx(0x803, [1, 1, 2], [1, 2]));
    const { message } = await failure(openImages(join(folder.path, 'a')));
    expect(message).toMatch(/train-labels-idx1-ubyte is missing/);
  });
});

describe('folders by class', () => {
  const jpeg = (level: number) =>
    sharp({
      create: { width: 40, height: 20, channels: 3, background: { r: level, g: 0, b: 9 } },
    })
      .jpeg()
      .toBuffer();

  it('are read with train/, val/ and test/', async () => {
    folder.write('train/cat/a.png', 10);
    folder.write('train/dog/b.jpg', await jpeg(200));
    folder.write('val/dog/c.png', 30);
    folder.write('test/cat/d.png', 40);
    folder.write('readme.txt', 'x');
    const data = await openImages(folder.path);
    expect([data.format, data.classes]).toEqual(['folders', ['cat', 'dog']]);
    expect([data.validation?.label(0), data.test?.label(0)]).toEqual([1, 0]);
    const grey = await data.train.decode(0);
    expect([grey.channels, grey.width, grey.pixels[0]]).toEqual([1, 4, 10]);
    const photo = await data.train.decode(1);
    expect([photo.channels, photo.width, photo.height, photo.pixels.length]).toEqual([
      3, 40, 20, 2400,
    ]);
    expect(photo.pixels[0]).toBeGreaterThan(190);
    expect(photo.pixels[800]).toBeLessThan(10);
    expect(await data.train.decode(1, { shortSide: 10 })).toMatchObject({ width: 20, height: 10 });
    expect(await data.train.decode(1, { shortSide: 99 })).toMatchObject({ width: 40, height: 20 });
    expect(data.skipped).toEqual([{ file: 'readme.txt', reason: 'is not part of the layout' }]);
  });

  it('are read without train/ around them, and in the layout with few labels', async () => {
    folder.write('plain/cat/a.png', 1);
    folder.write('plain/dog/a.png', 2);
    const plain = await openImages(join(folder.path, 'plain'));
    expect([plain.train.count, plain.validation, plain.test]).toEqual([2, null, null]);
    folder.write('few/labelled/cat/a.png', 1);
    folder.write('few/labelled/dog/a.png', 2);
    folder.write('few/unlabelled/x.png', 3);
    const few = await openImages(join(folder.path, 'few'));
    expect([few.train.count, few.notes]).toEqual([
      2,
      ['unlabelled/ is not used: it has no labels'],
    ]);
  });

  it('leave out a corrupt PNG among good ones, and say why; unverified, the decoding says it', async () => {
    const whole = await sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    folder.write('cat/a.png', 1);
    folder.write('cat/b.png', whole.subarray(0, whole.length - 20));
    folder.write('dog/a.png', 2);
    const progress: string[] = [];
    const data = await openImages(folder.path, {
      onProgress: ({ done, total, file }) => progress.push(`${done}/${total} ${file}`),
    });
    expect([data.train.count, data.train.label(1)]).toEqual([2, 1]);
    expect(data.skipped).toEqual([
      { file: 'cat/b.png', reason: expect.stringMatching(/^is corrupt: /) },
    ]);
    expect(progress.at(-1)).toMatch(/^3\/3 /);
    const unverified = await openImages(folder.path, { verify: false });
    expect(unverified.train.count).toBe(3);
    expect((await failure(unverified.train.decode(1))).message).toMatch(/cat\/b\.png is corrupt/);
  });

  it('are refused where there is nothing, one class, or a class without an image', async () => {
    expect((await failure(openImages(folder.path))).message).toMatch(
      /holds no class folder[\s\S]*train\//,
    );
    folder.write('cat/a.png', 1);
    expect((await failure(openImages(folder.path))).message).toMatch(/only the class cat/);
    folder.write('dog/a.png', 'hello');
    expect((await failure(openImages(folder.path))).message).toMatch(
      /^class dog of .* has no usable image to learn from \(dog\/a\.png is not a PNG/,
    );
  });

  it('are not followed out of their folder', async () => {
    folder.write('secret.png', 9);
    folder.write('set/cat/a.png', 1);
    folder.write('set/dog/a.png', 2);
    symlinkSync(join(folder.path, 'secret.png'), join(folder.path, 'set/cat/b.png'));
    const data = await openImages(join(folder.path, 'set'));
    expect(data.train.count).toBe(2);
    expect(data.skipped[0]?.reason).toMatch(/link to outside/);
  });
});

describe('openImages', () => {
  it('says what is not there', async () => {
    expect((await failure(openImages(join(folder.path, 'none')))).message).toMatch(/no such file/);
    const env = { ESPALIER_CACHE: folder.path };
    expect((await failure(openImages('cifar100', { env }))).message).toMatch(
      /^cifar100 is not there yet: run `espalier data get cifar100`/,
    );
    writeFileSync(join(folder.path, 'a.zip'), 'PK');
    expect((await failure(openImages(join(folder.path, 'a.zip')))).message).toMatch(/is a file/);
  });

  it('holds out validation images, the same for the same seed', async () => {
    for (let i = 0; i < 10; i++) {
      folder.write(`cat/${i}.png`, i);
      folder.write(`dog/${i}.png`, 100 + i);
    }
    const names = async (seed: number) => {
      const { train, validation } = await openImages(folder.path, { validation: 0.25, seed });
      expect([train.count, validation?.count]).toEqual([15, 5]);
      const held = Array.from({ length: 5 }, (_, i) => validation?.name(i));
      const rest = Array.from({ length: 15 }, (_, i) => train.name(i));
      expect(new Set([...held, ...rest]).size).toBe(20);
      return held;
    };
    expect(await names(1)).toEqual(await names(1));
    expect(await names(1)).not.toEqual(await names(2));
    for (const validation of [20, 0.001, 1.5])
      expect((await failure(openImages(folder.path, { validation }))).message).toMatch(
        /cannot be held out/,
      );
  });
});
