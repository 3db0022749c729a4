import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../../../test/cli.js';
import { DataError } from '../../errors.js';
import { camvidColours } from './camvid-colours.js';
import { type OpenScenesOptions, openScenes } from './open-scenes.js';
import type { SceneSource } from './scenes.js';

let folder: Folder;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => folder.remove());

/** A mask of one row. */
const mask = (name: string, ids: number[], options: Partial<Parameters<typeof encode>[0]> = {}) =>
  folder.write(
    name,
    encode({
      width: ids.length,
      height: 1,
      channels: 1,
      depth: 8,
      data: Uint8Array.from(ids),
      ...options,
    }),
  );
/** A mask of one row of colours. */
const colours = (name: string, pixels: number[][]) =>
  mask(name, [...pixels.keys()], { channels: 3, data: Uint8Array.from(pixels.flat()) });

async function image(name: string, width = 3, height = 1): Promise<void> {
  const made = sharp({ create: { width, height, channels: 3, background: 'teal' } });
  folder.write(name, await (name.endsWith('.png') ? made.png() : made.jpeg()).toBuffer());
}

const open = (options?: OpenScenesOptions) => openScenes(folder.path, options);
const failure = async (options?: OpenScenesOptions): Promise<string> => {
  const error = await open(options).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DataError);
  return String(error).replaceAll(folder.path, 'FOLDER').replace('DataError: ', '');
};
/** Name and ids of each scene. */
const content = async (source: SceneSource | null) =>
  source &&
  Promise.all(
    Array.from({ length: source.count }, async (_, i) => {
      const { mask: made, image: shown } = await source.decode(i);
      expect([shown.width, shown.height]).toEqual([made.width, made.height]);
      return [source.name(i), [...made.ids]];
    }),
  );

describe('pairs of folders', () => {
  it('are read flat, with names and colours for the classes', async () => {
    await image('images/b.jpg');
    await image('images/a.png');
    mask('masks/a.png', [0, 1, 255]);
    mask('masks/b.png', [1, 1, 0]);
    mask('masks/z.png', [1, 1, 0]);
    folder.write('id2label.json', '{"1": "dog", "0": "other", "255": "void"}');
    const data = await open();
    expect([data.format, data.classes]).toEqual(['pairs', ['other', 'dog']]);
    expect(await content(data.train)).toEqual([
      ['images/a.png', [0, 1, 255]],
      ['images/b.jpg', [1, 1, 0]],
    ]);
    expect([data.validation, data.test]).toEqual([null, null]);
    expect(data.skipped).toEqual([{ file: 'masks/z.png', reason: 'is the mask of no image' }]);
    expect(data.palette).toEqual([
      [0, 0, 0],
      [128, 0, 0],
    ]);
  });

  it.each([
    ['above', (kind: string, part: string) => `${part}/${kind}`],
    ['below', (kind: string, part: string) => `${kind}/${part}`],
  ])('are read with the parts %s', async (_, path) => {
    for (const part of ['train', 'val', 'test']) {
      await image(`${path('images', part)}/x.jpg`);
      mask(`${path('labels', part)}/x.png`, [0, 1, 2]);
    }
    const { classes, train, validation, test, notes } = await open();
    expect(classes).toEqual(['0', '1', '2']);
    expect(notes).toEqual([
      'no classes.txt or id2label.json: 3 classes by the numbers in the masks, named 0 to 2',
    ]);
    expect([train.count, validation?.count, test?.count]).toEqual([1, 1, 1]);
    expect(train.name(0)).toBe(`${path('images', 'train')}/x.jpg`);
  });

  it("of colours are read by a table, the user's or the folder's", async () => {
    await image('images/a.jpg');
    colours('masks/a.png', [
      [0, 0, 0],
      [9, 9, 9],
      [7, 0, 0],
    ]);
    expect(await failure()).toMatch(/a\.png is of colours \(3 of them: .*--mask-colours FILE/);
    folder.write('mine.txt', 'thing 9 9 9\nother 7 0 0\nvoid 0 0 0');
    const data = await open({ maskColours: join(folder.path, 'mine.txt') });
    expect([data.classes, await content(data.train)]).toEqual([
      ['thing', 'other'],
      [['images/a.jpg', [255, 0, 1]]],
    ]);
    folder.write('colours.txt', 'other 7 0 0\nthing 9 9 9\nvoid 0 0 0');
    expect((await open()).palette).toEqual([
      [7, 0, 0],
      [9, 9, 9],
    ]);
  });

  it('shifted by one are read so where asked', async () => {
    await image('images/a.jpg');
    mask('masks/a.png', [0, 1, 2]);
    const data = await open({ reduceZeroLabel: true });
    expect([data.classes.length, await content(data.train)]).toEqual([
      2,
      [['images/a.jpg', [255, 0, 1]]],
    ]);
  });

  it('hold out validation scenes where there are none', async () => {
    for (let i = 0; i < 5; i++) {
      await image(`images/${i}.jpg`);
      mask(`masks/${i}.png`, [0, 1, 1]);
    }
    const data = await open({ validation: 2, seed: 3 });
    expect([data.train.count, data.validation?.count]).toEqual([3, 2]);
  });

  it('refuse a mask of another size than its image', async () => {
    await image('images/a.jpg', 5, 2);
    mask('masks/a.png', [0, 1, 1]);
    folder.write('classes.txt', 'x\ny');
    expect(await failure()).toBe(
      'FOLDER/masks/a.png is 3 x 1 pixels, its image 5 x 2 (FOLDER/images/a.jpg): a mask has the size of its image. Resize masks without blending (nearest neighbour)',
    );
  });

  it('refuse a class id beyond the classes', async () => {
    await image('images/a.jpg');
    mask('masks/a.png', [0, 1, 2]);
    folder.write('classes.txt', 'x\ny\n');
    expect(await failure()).toContain(
      'masks/a.png has the class id 2 at row 0, column 2, where 2 classes are known',
    );
    expect((await open({ classes: ['x', 'y', 'z'] })).classes).toEqual(['x', 'y', 'z']);
  });

  it('refuse images without masks', async () => {
    await image('images/a.jpg');
    await image('images/b.jpg');
    await image('images/c.jpg');
    mask('masks/a.png', [0, 1, 1]);
    await image('masks/b.jpg');
    expect(await failure()).toBe(
      'FOLDER/images/b.jpg has no mask: FOLDER/masks/b.png is missing (masks/b.jpg is no PNG); 2 of 3 images have none. Add it, or remove the image',
    );
  });

  it('refuse images and masks that cannot be read', async () => {
    await image('images/a.jpg');
    folder.write('images/b.jpg', 'nonsense');
    mask('masks/a.png', [0, 1, 1]);
    mask('masks/b.png', [0, 1, 1]);
    expect(await failure()).toMatch(/b\.jpg is not a PNG, JPEG or WebP image inside/);
    // Without looking at all of them first it is found when it is decoded.
    const { train } = await open({ verify: false });
    await expect(train.decode(1)).rejects.toThrow('is not a PNG, JPEG or WebP image inside');
  });

  it('leave out scenes of void alone, and refuse a set of them', async () => {
    await image('images/a.jpg');
    await image('images/b.jpg');
    mask('masks/a.png', [255, 255, 255]);
    mask('masks/b.png', [255, 0, 1]);
    const data = await open();
    expect(await content(data.train)).toEqual([['images/b.jpg', [255, 0, 1]]]);
    expect(data.notes[1]).toBe('1 of the 2 train scenes are left out: all their pixels are void');
    expect(data.skipped).toEqual([{ file: 'images/a.jpg', reason: 'has a mask of void alone' }]);
    mask('masks/b.png', [255, 255, 255]);
    folder.write('classes.txt', 'x\ny');
    expect(await failure()).toContain(
      'all pixels of the 2 training masks of FOLDER are void (255): nothing to learn from',
    );
  });

  it('say what to do with masks of 0 and 255', async () => {
    await image('images/a.jpg');
    mask('masks/a.png', [0, 255, 0]);
    expect(await failure()).toContain(
      'have no class but 0 (255 is void): to learn 255 as a class, give --mask-colours FILE',
    );
  });
});

describe('PASCAL VOC', () => {
  const lists = 'VOC2012/ImageSets/Segmentation';
  const scene = async (name: string, ids: number[]) => {
    await image(`VOC2012/JPEGImages/${name}.jpg`);
    const palette = Array.from({ length: 256 }, (_, i) => [i, 255 - i, 0]);
    mask(`VOC2012/SegmentationClass/${name}.png`, ids, { palette });
  };

  it('is read by its lists, palettes as indices', async () => {
    await scene('a', [0, 15, 255]);
    await scene('b', [20, 0, 0]);
    folder.write(`${lists}/train.txt`, 'a\n');
    folder.write(`${lists}/val.txt`, 'b\n');
    folder.write(`${lists}/test.txt`, 'c\n');
    const data = await open();
    expect([data.format, data.classes.length, data.classes[15]]).toEqual([
      'PASCAL VOC',
      21,
      'person',
    ]);
    expect(data.palette[15]).toEqual([192, 128, 128]);
    expect(await content(data.train)).toEqual([['VOC2012/JPEGImages/a.jpg', [0, 15, 255]]]);
    expect(await content(data.validation)).toEqual([['VOC2012/JPEGImages/b.jpg', [20, 0, 0]]]);
    expect([data.test, data.notes]).toEqual([null, ['the test part is not used: it has no masks']]);
  });

  it('honours seg11valid, and trains on none of it', async () => {
    for (const name of ['a', 'b', 'c']) await scene(name, [0, 1, 2]);
    folder.write(`${lists}/trainval.txt`, 'a\nb\n');
    folder.write(`${lists}/val.txt`, 'c\n');
    folder.write(`${lists}/seg11valid.txt`, 'b\n');
    const data = await open();
    expect([data.train.count, data.train.name(0)]).toEqual([1, 'VOC2012/JPEGImages/a.jpg']);
    expect(data.validation?.name(0)).toBe('VOC2012/JPEGImages/b.jpg');
    expect(data.notes).toEqual([
      '1 scenes of trainval.txt are in seg11valid.txt too, and are not trained on',
      'the validation scenes are those of seg11valid.txt',
    ]);
  });

  it('refuses lists that name what is not there', async () => {
    await scene('a', [0, 1, 2]);
    folder.write(`${lists}/train.txt`, 'a\nb\n');
    expect(await failure()).toBe(
      'FOLDER/VOC2012/JPEGImages/b.jpg is missing, which a list of scenes names',
    );
    await image('VOC2012/JPEGImages/b.jpg');
    expect(await failure()).toContain(
      'b.jpg has no mask: FOLDER/VOC2012/SegmentationClass/b.png is missing',
    );
  });
});

describe('CamVid', () => {
  it('is read in the form of numbers', async () => {
    for (const part of ['train', 'val']) {
      await image(`${part}/x.png`);
      mask(`${part}annot/x.png`, [0, 10, 11]);
    }
    const data = await open();
    expect([data.format, data.classes.length, data.classes[10]]).toEqual([
      'CamVid',
      11,
      'Bicyclist',
    ]);
    expect(await content(data.validation)).toEqual([['val/x.png', [0, 10, 255]]]);
    await image('train/y.png');
    expect(await failure()).toContain(
      'FOLDER/train/y.png has no mask: FOLDER/trainannot/y.png is missing',
    );
  });

  it('is read in the form of colours: 32 to 11', async () => {
    await image('train/x.png');
    await image('val/y.png', 4);
    colours('train_labels/x_L.png', [
      [0, 0, 0],
      [128, 0, 192],
      [64, 128, 192],
    ]);
    colours('val_labels/y_L.png', [
      [0, 0, 64],
      [64, 128, 64],
      [192, 0, 192],
      [128, 128, 64],
    ]);
    const data = await open();
    expect([data.format, data.classes[3], data.classes[8]]).toEqual([
      'CamVid, colours',
      'Road',
      'Car',
    ]);
    expect(await content(data.train)).toEqual([['train/x.png', [255, 3, 8]]]);
    expect(await content(data.validation)).toEqual([['val/y.png', [2, 9, 10, 6]]]);
    expect(camvidColours().ids.size).toBe(32);
    await image('train/z.png');
    expect(await failure()).toContain('z_L.png is missing');
  });

  const data = process.env['ESPALIER_DATA'] ?? join(import.meta.dirname, '../../../../shared/data');
  const real = join(data, 'camvid');
  it.skipIf(!existsSync(real))(
    'itself has 367 and 101 scenes (skipped where there is no such data)',
    async () => {
      const { train, validation, classes } = await openScenes(real, { verify: false });
      expect([train.count, validation?.count, classes.length]).toEqual([367, 101, 11]);
      const { mask: first, image: shown } = await train.decode(0);
      expect([first.width, first.height, shown.channels]).toEqual([480, 360, 3]);
      expect(first.ids.every((id) => id < 11 || id === 255)).toBe(true);
      // A street: sky above, road below.
      expect(first.ids[240]).not.toBe(3);
      expect(
        first.ids.subarray(355 * 480, 356 * 480).filter((id) => id === 3).length,
      ).toBeGreaterThan(50);
    },
  );
});

it('Cityscapes has 19 classes of its 34 labels', async () => {
  const labelIds = Array.from({ length: 34 }, (_, id) => id);
  await image('leftImg8bit/train/aachen/aachen_0_leftImg8bit.png', 34);
  mask('gtFine/train/aachen/aachen_0_gtFine_labelIds.png', labelIds);
  await image('leftImg8bit/test/bonn/bonn_0_leftImg8bit.png', 34);
  mask(
    'gtFine/test/bonn/bonn_0_gtFine_labelIds.png',
    labelIds.map(() => 3),
  );
  const data = await open();
  expect([data.format, data.classes.length, data.palette.length]).toEqual(['Cityscapes', 19, 19]);
  const [, ids] = (await content(data.train))?.[0] ?? [];
  const known = (ids as number[]).filter((id) => id !== 255);
  expect(known).toEqual(Array.from({ length: 19 }, (_, id) => id));
  expect([(ids as number[])[7], (ids as number[])[33], (ids as number[])[29]]).toEqual([
    0, 18, 255,
  ]);
  // The masks of the test part are withheld: theirs are void.
  expect([data.test, data.notes]).toEqual([
    null,
    ['the test part is not used: all its pixels are void'],
  ]);
  folder.write('leftImg8bit/train/aachen/aachen_1_leftImg8bit.png', 'x');
  expect(await failure()).toContain('aachen_1_gtFine_labelIds.png is missing');
});

it('ADE20K has classes from 1 on, and void', async () => {
  await image('images/training/ADE_train_1.jpg');
  mask('annotations/training/ADE_train_1.png', [0, 1, 150]);
  folder.write(
    'objectInfo150.txt',
    'Idx\tRatio\tTrain\tVal\tStuff\tName\n1\t0.1\t5\t1\t1\twall\n150\t0.0\t5\t1\t0\tflag, banner\n',
  );
  const data = await open();
  expect([data.format, data.classes.length]).toEqual(['ADE20K', 150]);
  expect([data.classes[0], data.classes[1], data.classes[149]]).toEqual(['wall', '2', 'flag']);
  expect(await content(data.train)).toEqual([['images/training/ADE_train_1.jpg', [255, 0, 149]]]);
});

it('a folder in no layout is told which are known', async () => {
  await image('pictures/a.jpg');
  const said = await failure();
  expect(said).toMatch(
    /^FOLDER holds no images with masks in a layout that is known \(digits is the built-in set\):\n/,
  );
  for (const name of ['PASCAL VOC', 'Cityscapes', 'CamVid', 'COCO instances', 'pairs'])
    expect(said).toContain(`  ${name}: `);
});
