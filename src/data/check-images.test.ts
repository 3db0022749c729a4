import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../../test/cli.js';
import { checkImages } from './check-images.js';
import { openImages } from './open-images.js';

let folder: Folder;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => folder.remove());

const plain = (width: number, height: number, r: number) =>
  sharp({ create: { width, height, channels: 3, background: { r, g: 0, b: 0 } } })
    .png()
    .toBuffer();
const check = async () => checkImages(await openImages(folder.path, { verify: false }));

describe('checkImages', () => {
  it('counts classes, sizes, colours, duplicates, broken and tiny images', async () => {
    const same = await plain(20, 20, 1);
    folder.write('train/cat/a.png', same);
    folder.write('train/cat/b.png', await plain(20, 20, 2));
    folder.write('train/cat/c.png', await plain(30, 20, 3));
    folder.write('train/dog/a.png', same);
    folder.write('train/dog/broken.png', same.subarray(0, 40));
    folder.write('test/dog/a.png', await sharp(same).webp({ lossless: true }).toBuffer());
    folder.write('test/dog/grey.png', 9);
    folder.write('notes.txt', 'x');
    const report = await check();
    expect(report.counts).toEqual({ train: 5, validation: null, test: 2 });
    expect(report.classes).toEqual([
      { name: 'cat', train: 3, validation: null, test: 0 },
      { name: 'dog', train: 1, validation: null, test: 2 },
    ]);
    expect(report.sizes[0]).toEqual({ width: 20, height: 20, count: 4 });
    expect(report.channels).toEqual({ grey: 1, rgb: 5 });
    expect(report.duplicates).toEqual({
      ...{ groups: 1, surplus: 2, acrossSplits: 1, acrossClasses: 1 },
      examples: [['test/dog/a.png', 'train/cat/a.png', 'train/dog/a.png']],
    });
    expect(report.broken).toEqual([
      { file: 'train/dog/broken.png', reason: expect.stringMatching(/^is corrupt/) },
    ]);
    expect(report.skipped.map(({ file }) => file)).toEqual(['notes.txt']);
    expect(report.tiny).toEqual(['test/dog/grey.png']);
    expect([report.imbalance, report.faults]).toEqual([3, []]);
  });

  it('names the classes that cannot be learnt', async () => {
    folder.write('cat/a.png', 1);
    folder.write('dog/a.png', '\x89PNG no more');
    const report = await check();
    expect(report.faults).toEqual(['class dog has no usable image to learn from']);
    expect(report.broken[0]?.file).toBe(join('dog', 'a.png'));
  });
});
