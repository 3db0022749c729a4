import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { type DecodeProgress, loadImageFolder } from './image-folder.js';
import { datasets } from './table.js';

let base = '';
let root = '';
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'images-'));
  root = join(base, 'mine');
  mkdirSync(root);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const target = { height: 3, width: 3, channels: 1 } as const;
const encoded = new Map<number, Buffer>();

/** A PNG of one grey. */
async function png(level: number): Promise<Buffer> {
  const background = { r: level, g: level, b: level };
  const bytes =
    encoded.get(level) ??
    (await sharp({ create: { width: 4, height: 4, channels: 3, background } })
      .png()
      .toBuffer());
  encoded.set(level, bytes);
  return bytes;
}

/** Writes files under the root: a number is a PNG of that grey, a string the content. */
async function write(files: Readonly<Record<string, number | string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'number' ? await png(content) : content);
  }
}
const twoClasses = { 'labelled/dog/a.png': 10, 'labelled/cat/b.png': 20, 'labelled/cat/a.PNG': 30 };

/** The reasons for skipped files, by file. */
const reasons = (skipped: readonly { file: string; reason: string }[]) =>
  Object.fromEntries(skipped.map(({ file, reason }) => [file, reason]));

describe('loadImageFolder', () => {
  it('reads classes in order of name, with files in order of name', async () => {
    await write({ ...twoClasses, 'unlabelled/x.png': 40, 'test/dog/t.png': 50 });
    const { labelled, unlabelled, test, found, skipped } = await loadImageFolder(root, target);
    expect(labelled.classes).toEqual(['cat', 'dog']);
    expect(labelled.names).toEqual([
      'labelled/cat/a.PNG',
      'labelled/cat/b.png',
      'labelled/dog/a.png',
    ]);
    expect(labelled.labels).toEqual(Int32Array.of(0, 0, 1));
    expect([0, 9, 18].map((at) => labelled.images[at])).toEqual([30, 20, 10]);
    expect(labelled.shape).toEqual([1, 3, 3]);
    expect([unlabelled.names, unlabelled.labels]).toEqual([['unlabelled/x.png'], null]);
    expect([test?.labels, test?.images[0]]).toEqual([Int32Array.of(1), 50]);
    expect(found).toEqual({ labelled: 3, unlabelled: 1, test: 1, byClass: [2, 1] });
    expect(skipped).toEqual([]);
  });

  it('takes the American spelling, and does without unlabelled and test images', async () => {
    await write({ 'labeled/a/1.png': 1, 'labeled/b/1.png': 2 });
    const { labelled, unlabelled, test } = await loadImageFolder(root, target);
    expect([labelled.count, unlabelled.count, unlabelled.images.length, test]).toEqual([
      2,
      0,
      0,
      null,
    ]);
    await write({ 'unlabeled/x.png': 3 });
    expect((await loadImageFolder(root, target)).unlabelled.count).toBe(1);
    await write({ 'labelled/a/1.png': 1 });
    await expect(loadImageFolder(root, target)).rejects.toThrow(/holds both labelled and labeled/);
  });

  it('goes on after a corrupt image among good ones, and says what it left out and why', async () => {
    await write({
      ...twoClasses,
      'labelled/cat/.DS_Store': 'x',
      'labelled/cat/aa.png': '\x89PNG no more',
      'labelled/cat/b.txt': 'x',
      'labelled/cat/more/c.png': 1,
      'labelled/loose.png': 1,
      'unlabelled/m.png': 5,
      'unlabelled/n.png': '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
      'unlabelled/o.png': '',
      'unlabelled/p.png': 6,
      'readme.txt': 'x',
    });
    const { labelled, unlabelled, found, skipped } = await loadImageFolder(root, target);
    expect(found).toMatchObject({ labelled: 3, unlabelled: 2 });
    expect([0, 9, 18].map((at) => labelled.images[at])).toEqual([30, 20, 10]);
    expect([unlabelled.images[0], unlabelled.images[9]]).toEqual([5, 6]);
    expect(unlabelled.names).toEqual(['unlabelled/m.png', 'unlabelled/p.png']);
    expect(reasons(skipped)).toEqual({
      'labelled/cat/.DS_Store': 'is hidden',
      'labelled/cat/aa.png': expect.stringMatching(/^is (corrupt|not a PNG)/),
      'labelled/cat/b.txt': expect.stringContaining('is not an image file'),
      'labelled/cat/more': expect.stringContaining('is a folder'),
      'labelled/loose.png': 'lies outside the class folders',
      'readme.txt': 'is not part of the layout',
      'unlabelled/n.png': 'is not a PNG, JPEG or WebP image inside',
      'unlabelled/o.png': 'is empty',
    });
  });

  it('ends at the first unusable file where it is to be strict', async () => {
    await write({ ...twoClasses, 'labelled/cat/.hidden': 'x' });
    await expect(loadImageFolder(root, { ...target, strict: true })).resolves.toBeDefined();
    await write({ 'unlabelled/bad.png': 'hello' });
    await expect(loadImageFolder(root, { ...target, strict: true })).rejects.toThrow(
      /unlabelled\/bad\.png is not a PNG, JPEG or WebP image inside: remove it/,
    );
  });

  it('does not follow links that leave the folder, but those that stay', async () => {
    await write(twoClasses);
    writeFileSync(join(base, 'secret.png'), await png(9));
    symlinkSync(join(base, 'secret.png'), join(root, 'labelled/cat/z.png'));
    symlinkSync(base, join(root, 'labelled/zoo'));
    symlinkSync(join(root, 'gone.png'), join(root, 'labelled/cat/gone.png'));
    symlinkSync('../dog/a.png', join(root, 'labelled/cat/c.png'));
    const { labelled, skipped } = await loadImageFolder(root, target);
    expect(labelled.classes).toEqual(['cat', 'dog']);
    expect(labelled.names).toContain('labelled/cat/c.png');
    const outside = 'is a link to outside the folder, which is not followed';
    expect(reasons(skipped)).toEqual({
      'labelled/cat/gone.png': 'cannot be read: no such file or folder',
      'labelled/cat/z.png': outside,
      'labelled/zoo': outside,
    });
  });

  it('reports progress', async () => {
    await write({ ...twoClasses, 'unlabelled/x.png': 1 });
    const seen: DecodeProgress[] = [];
    await loadImageFolder(root, { ...target, onProgress: (progress) => seen.push(progress) });
    expect(seen.map(({ done, total }) => `${done}/${total}`)).toEqual(['1/4', '2/4', '3/4', '4/4']);
    expect(seen.map(({ file }) => file)).toContain('unlabelled/x.png');
  });
});

describe('a folder that is laid out otherwise', () => {
  /** The DataError, which must show the layout. */
  async function refusal(folder: string): Promise<string> {
    const error = await loadImageFolder(folder, target).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataError);
    const { message } = error as DataError;
    expect(message).toContain('labelled/\n    cat/');
    return message;
  }

  it('may be missing, a file, or empty', async () => {
    expect(await refusal(join(root, 'none'))).toContain('none cannot be read: no such file');
    expect(await refusal(root)).toContain('mine is empty');
    await write({ 'a.txt': 'x' });
    expect(await refusal(join(root, 'a.txt'))).toContain('is a file and not a folder');
    expect(await refusal(root)).toContain('has no labelled/');
  });

  it('may have no class, or one alone', async () => {
    mkdirSync(join(root, 'labelled'));
    expect(await refusal(root)).toContain('holds no class folder');
    await write({ 'labelled/cat/a.png': 1 });
    expect(await refusal(root)).toContain('holds only the class cat');
  });

  it('may have a labelled folder that leads elsewhere', async () => {
    symlinkSync(base, join(root, 'labelled'));
    expect(await refusal(root)).toContain('labelled is a link to outside');
  });
});

describe('a class', () => {
  it('without an image file is named', async () => {
    await write({ ...twoClasses, 'labelled/emu/notes.txt': 'x' });
    await expect(loadImageFolder(root, target)).rejects.toThrow(
      /^class emu has no usable image in .*emu \(labelled\/emu\/notes\.txt is not an image file/,
    );
  });

  it('without an image that can be decoded is named, with what is wrong', async () => {
    await write({ ...twoClasses, 'labelled/emu/a.png': 'hello' });
    await expect(loadImageFolder(root, target)).rejects.toThrow(
      /^class emu has no usable image .*\(labelled\/emu\/a\.png is not a PNG/,
    );
  });

  it('of the test images must be one of the labelled', async () => {
    await write({ ...twoClasses, 'test/emu/a.png': 1 });
    await expect(loadImageFolder(root, target)).rejects.toThrow(
      /emu is of no class that was trained on: the labelled classes are cat, dog/,
    );
  });
});

describe('the data set folder', () => {
  it('learns from all images, the labelled ones without their labels too', async () => {
    await write({ ...twoClasses, 'unlabelled/x.png': 40, 'unlabelled/y.gif': 'x' });
    const data = await datasets.folder.load({ folder: root, height: 2, channels: 1, labels: 2 });
    expect([data.labelled.count, data.unlabelled.count]).toEqual([2, 4]);
    expect(data.unlabelled.labels).toBeNull();
    expect(data.unlabelled.names?.at(-1)).toBe('unlabelled/x.png');
    expect([data.shape, data.classes]).toEqual([
      [1, 2, 2],
      ['cat', 'dog'],
    ]);
    expect(data.notes).toEqual([
      '3 labelled images in 2 classes (cat 2, dog 1), 1 unlabelled, 0 to test with',
      'skipped files: 1',
    ]);
    expect(data.skipped.map(({ file }) => file)).toEqual(['unlabelled/y.gif']);
  });

  it('says what is wrong with its options', async () => {
    await expect(datasets.folder.load({})).rejects.toThrow(/needs the option folder/);
    await expect(datasets.folder.load({ folder: root, height: 0 })).rejects.toThrow(/0 x 0/);
  });

  it('names a class with fewer labels than are asked for', async () => {
    await write(twoClasses);
    await expect(datasets.folder.load({ folder: root, labels: 4 })).rejects.toThrow(
      /^class dog has only 1 labelled image; 2 are wanted/,
    );
  });
});
