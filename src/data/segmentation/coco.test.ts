import fc from 'fast-check';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../../../test/cli.js';
import { DataError } from '../../errors.js';
import { eachRun, parseCounts, type Segmentation } from './coco-regions.js';
import { openScenes } from './open-scenes.js';

/** The pixels of a region, as rows of # and . */
function drawn(region: Segmentation, width: number, height: number): string[] {
  const rows = Array.from({ length: height }, () => new Array<string>(width).fill('.'));
  eachRun(region, { width, height }, (from, to, step) => {
    for (let at = from; at < to; at += step) (rows[Math.floor(at / width)] ?? [])[at % width] = '#';
  });
  return rows.map((row) => row.join(''));
}

/** Runs as text, written from the description of the format. */
function asText(runs: readonly number[]): string {
  let text = '';
  runs.forEach((run, i) => {
    let left = i > 2 ? run - (runs[i - 2] ?? 0) : run;
    for (let more = true; more; ) {
      const group = left & 31;
      left >>= 5;
      more = group & 16 ? left !== -1 : left !== 0;
      text += String.fromCharCode(48 + group + (more ? 32 : 0));
    }
  });
  return text;
}

describe('regions', () => {
  it('of runs go down the columns, from outside on', () => {
    // Column 0: rows 1 and 2; column 1: row 0; column 2: row 1.
    expect(drawn({ size: [3, 4], counts: [1, 3, 3, 1, 4] }, 4, 3)).toEqual([
      '.#..',
      '#.#.',
      '#...',
    ]);
  });

  it('of runs as text are the same', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { maxLength: 40 }), (runs) => {
        expect(parseCounts(asText(runs))).toEqual(runs);
      }),
      { seed: 2 },
    );
    const runs = [5, 3, 40, 2, 50];
    expect(drawn({ size: [10, 10], counts: asText(runs) }, 10, 10)).toEqual(
      drawn({ size: [10, 10], counts: runs }, 10, 10),
    );
  });

  it('of polygons are the pixels whose centres they hold', () => {
    expect(drawn([[1, 0, 4, 0, 4, 2, 1, 2]], 5, 3)).toEqual(['.###.', '.###.', '.....']);
    expect(drawn([[0, 0, 4, 0, 0, 4]], 4, 4)).toEqual(['###.', '##..', '#...', '....']);
    // Two, of which one leaves the image.
    expect(
      drawn(
        [
          [0, 0, 1, 0, 1, 1, 0, 1],
          [2, 1, 9, 1, 9, 9, 2, 9],
        ],
        4,
        2,
      ),
    ).toEqual(['#...', '..##']);
  });

  it.each<[string, Segmentation, RegExp]>([
    ['too many pixels', { size: [2, 2], counts: [1, 9] }, /runs that go beyond its 4 pixels/],
    ['another size', { size: [2, 3], counts: [6] }, /has runs for 3 x 2 pixels, its image 2 x 2/],
    ['text that breaks off', { size: [2, 2], counts: 'o' }, /damaged at character/],
    ['a polygon of two corners', [[0, 0, 1, 1]], /fewer than three corners/],
  ])('with %s are refused', (_, region, sentence) => {
    expect(() => drawn(region, 2, 2)).toThrow(DataError);
    expect(() => drawn(region, 2, 2)).toThrow(sentence);
  });
});

describe('COCO instances', () => {
  let folder: Folder;
  beforeEach(async () => {
    folder = makeFolder();
    const made = sharp({ create: { width: 4, height: 2, channels: 3, background: 'teal' } });
    for (const part of ['train', 'val'])
      folder.write(`${part}2017/1.jpg`, await made.jpeg().toBuffer());
  });
  afterEach(() => folder.remove());

  const box = (left: number, top: number, right: number, bottom: number) => [
    [left, top, right, top, right, bottom, left, bottom],
  ];
  const annotations = (list: readonly object[]) => ({
    images: [{ id: 7, file_name: '1.jpg', width: 4, height: 2, license: 1 }],
    categories: [
      { id: 90, name: 'brush' },
      { id: 3, name: 'car' },
    ],
    annotations: list.map((one) => ({ image_id: 7, ...one })),
  });
  const write = (content: unknown, part = 'train') =>
    folder.write(`annotations/instances_${part}2017.json`, JSON.stringify(content));
  const idsOf = async () => [...(await (await openScenes(folder.path)).train.decode(0)).mask.ids];
  const failure = async () => {
    const error = await openScenes(folder.path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataError);
    return String(error);
  };

  it('become classes by the order of the category ids, in parts by file', async () => {
    write(annotations([{ category_id: 3, segmentation: box(0, 0, 2, 2) }]));
    write(
      annotations([{ category_id: 90, segmentation: { size: [2, 4], counts: [6, 2] } }]),
      'val',
    );
    const data = await openScenes(folder.path);
    expect([data.format, data.classes]).toEqual(['COCO instances', ['background', 'car', 'brush']]);
    expect(await idsOf()).toEqual([1, 1, 0, 0, 1, 1, 0, 0]);
    expect([...((await data.validation?.decode(0))?.mask.ids ?? [])]).toEqual([
      0, 0, 0, 2, 0, 0, 0, 2,
    ]);
    expect(data.validation?.name(0)).toBe('val2017/1.jpg');
  });

  it('lie over each other: the smaller in front, of equals the later, crowds behind and void', async () => {
    const small = { category_id: 90, segmentation: box(1, 0, 2, 1) };
    const large = { category_id: 3, segmentation: box(0, 0, 3, 1) };
    const crowd = { category_id: 3, iscrowd: 1, segmentation: { size: [2, 4], counts: [0, 8] } };
    const expected = [1, 2, 1, 255, 255, 255, 255, 255];
    for (const list of [
      [small, large, crowd],
      [crowd, large, small],
    ]) {
      write(annotations(list));
      expect(await idsOf()).toEqual(expected);
    }
    write(annotations([small, { ...small, category_id: 3 }]));
    expect((await idsOf())[1]).toBe(1);
  });

  it('that are damaged are refused', async () => {
    folder.write('annotations/instances_train2017.json', '{');
    expect(await failure()).toMatch(/instances_train2017\.json is no JSON/);
    write({ images: [] });
    expect(await failure()).toMatch(/is not in COCO's form: categories: /);
    write(annotations([{ category_id: 5, segmentation: [] }]));
    expect(await failure()).toContain(
      'has an annotation of category 5, which is not among its categories',
    );
    write(annotations([{ category_id: 3, segmentation: { size: [2, 4], counts: [9] } }]));
    expect(await failure()).toContain(
      'an annotation of train2017/1.jpg has runs that go beyond its 8 pixels',
    );
    write({ ...annotations([]), images: [{ id: 7, file_name: '2.jpg', width: 4, height: 2 }] });
    expect(await failure()).toContain('2.jpg is missing, which');
  });
});
