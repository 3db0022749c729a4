import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../../../test/cli.js';
import { DataError } from '../../errors.js';
import { cocoDetections } from './coco.js';

let folder: Folder;
beforeEach(async () => {
  folder = makeFolder();
  const made = sharp({ create: { width: 6, height: 4, channels: 3, background: 'teal' } });
  folder.write('images/a.png', await made.png().toBuffer());
});
afterEach(() => folder.remove());

const rectangle = [[1, 1, 3, 1, 3, 3, 1, 3]];
const person = {
  ...{ image_id: 7, category_id: 1, bbox: [1, 1, 2, 2], segmentation: rectangle },
  keypoints: [1, 2, 2, 0, 0, 0],
};
const content = (annotations: readonly object[]) => ({
  images: [{ id: 7, file_name: 'a.png', width: 6, height: 4 }],
  categories: [
    { id: 5, name: 'dog' },
    { id: 1, name: 'person', keypoints: ['nose', 'tail'] },
  ],
  annotations,
});
const open = (annotations: unknown, results?: unknown) => {
  folder.write('instances.json', JSON.stringify(annotations));
  if (results) folder.write('results.json', JSON.stringify(results));
  return cocoDetections({
    annotations: join(folder.path, 'instances.json'),
    images: join(folder.path, 'images'),
    ...(results ? { results: join(folder.path, 'results.json') } : {}),
  });
};
const sentence = async (run: Promise<unknown>): Promise<string> => {
  const error = await run.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DataError);
  return String(error);
};

describe('COCO detections', () => {
  it('have boxes, pixels and keypoints of the annotations, crowds left out', async () => {
    const crowd = { ...person, iscrowd: 1 };
    const source = await open(content([person, crowd]));
    expect(source.classes).toEqual(['background', 'person', 'dog']);
    expect(source.keypoints).toEqual(['nose', 'tail']);
    expect([source.count, source.name(0)]).toEqual([1, 'a.png']);
    const { things, detections, image } = await source.decode(0);
    expect([image.width, image.height]).toEqual([6, 4]);
    expect(things).toEqual([
      {
        classId: 1,
        box: { top: 1, left: 1, height: 2, width: 2 },
        pixels: Uint32Array.of(7, 8, 13, 14),
        parts: null,
        keypoints: [{ y: 2, x: 1 }, null],
      },
    ]);
    expect(detections).toEqual([{ classId: 1, box: things[0]?.box, score: 1, thing: 0 }]);
  });

  it('take the boxes of a detector', async () => {
    const results = [{ image_id: 7, category_id: 5, bbox: [0.5, 1, 3, 2.5], score: 0.25 }];
    const { detections } = await (await open(content([person]), results)).decode(0);
    expect(detections).toEqual([
      {
        classId: 2,
        box: { top: 1, left: 0.5, height: 2.5, width: 3 },
        score: 0.25,
        thing: null,
      },
    ]);
  });

  it('refuse boxes outside the image or of no area', async () => {
    const decode = async (bbox: readonly number[]) =>
      (await open(content([{ ...person, bbox }]))).decode(0);
    expect(await sentence(decode([6, 0, 2, 2]))).toContain(
      'the box of annotation 0 of a.png, 2 x 2 at (6, 0), lies outside its image of 6 x 4',
    );
    expect(await sentence(decode([1, 1, 0, 2]))).toContain(
      'the box of annotation 0 of a.png, 0 x 2 at (1, 1), has no area',
    );
    const results = [{ image_id: 7, category_id: 5, bbox: [-3, 1, 3, 2], score: 1 }];
    expect(await sentence((await open(content([person]), results)).decode(0))).toContain(
      'the box of detection 0 of a.png, 3 x 2 at (-3, 1), lies outside',
    );
  });

  it('refuse files that are damaged', async () => {
    expect(await sentence(open({ images: [] }))).toMatch(/not in COCO's form of annotations/);
    expect(await sentence(open(content([{ ...person, category_id: 9 }])))).toContain(
      'entry 0 is of category 9, which the annotations do not list',
    );
    expect(await sentence(open(content([{ ...person, image_id: 9 }])))).toContain(
      'entry 0 is of image 9, which',
    );
    const few = { ...person, keypoints: [1, 2, 2] };
    expect(await sentence((await open(content([few]))).decode(0))).toContain(
      'has 3 numbers of keypoints, where 2 keypoints are three each',
    );
    const runs = { ...person, segmentation: { size: [4, 6], counts: [99] } };
    expect(await sentence((await open(content([runs]))).decode(0))).toContain(
      'annotation 0 of a.png has runs that go beyond its 24 pixels',
    );
    const larger = content([]);
    larger.images[0] = { id: 7, file_name: 'a.png', width: 60, height: 4 };
    expect(await sentence((await open(larger)).decode(0))).toContain('has annotations of 60 x 4');
  });
});
