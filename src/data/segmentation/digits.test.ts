import { beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../errors.js';
import { loadMnist, type Mnist } from '../mnist.js';
import { digitClasses, digitScenes } from './digits.js';
import { openScenes } from './open-scenes.js';
import type { Scene, SegmentationData } from './scenes.js';

let data: SegmentationData;
let mnist: Mnist;
beforeAll(async () => {
  data = await digitScenes({ seed: 5 });
  mnist = await loadMnist();
});
const scenes = (count: number): Promise<Scene[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => data.train.decode(index)));

describe('digit scenes', () => {
  it('have the parts and classes that they say', async () => {
    expect(data.classes).toEqual(digitClasses);
    expect(data.classes.slice(0, 3)).toEqual(['background', '0', '1']);
    expect([data.train.count, data.validation?.count, data.test?.count]).toEqual([2000, 200, 500]);
    const { image, mask } = await data.train.decode(0);
    expect([image.channels, image.height, image.width, image.pixels.length]).toEqual([
      3,
      64,
      64,
      3 * 64 * 64,
    ]);
    expect(mask.ids.length).toBe(64 * 64);
    expect(data.train.name(3)).toBe('digits, train scene 3');
  });

  it('are a pure function of seed, part and index', async () => {
    const again = await digitScenes({ seed: 5 });
    await again.train.decode(9);
    expect(await again.train.decode(4)).toEqual(await data.train.decode(4));
    expect(await data.train.decode(4)).not.toEqual(await data.train.decode(5));
    expect(await (await digitScenes({ seed: 6 })).train.decode(4)).not.toEqual(
      await data.train.decode(4),
    );
    expect(await data.test?.decode(4)).not.toEqual(await data.train.decode(4));
  });

  it('say of every pixel which digit it shows: the front one', async () => {
    let hidden = 0;
    for (const { mask, instances = [] } of await scenes(60)) {
      const expected = new Uint8Array(mask.ids.length);
      for (const { classId, pixels } of instances) for (const at of pixels) expected[at] = classId;
      expect(mask.ids).toEqual(expected);
      const covered = new Set(instances.flatMap(({ visible }) => [...visible]));
      expect(covered.size).toBe(mask.ids.filter((id) => id > 0).length);
      for (const { pixels, visible } of instances) hidden += pixels.length - visible.length;
    }
    expect(hidden).toBeGreaterThan(0);
  });

  it('tell of each digit which it is, its box and its frame', async () => {
    const counts = new Set<number>();
    for (const { instances = [] } of await scenes(60)) {
      counts.add(instances.length);
      for (const { classId, sourceIndex, box, frame, pixels } of instances) {
        expect(classId).toBe(1 + (mnist.train.labels?.[sourceIndex] ?? 0));
        expect(sourceIndex).toBeLessThan(55_000);
        const [ys, xs] = [
          [...pixels].map((at) => Math.floor(at / 64)),
          [...pixels].map((at) => at % 64),
        ];
        expect([box.top, box.top + box.height - 1]).toEqual([Math.min(...ys), Math.max(...ys)]);
        expect([box.left, box.left + box.width - 1]).toEqual([Math.min(...xs), Math.max(...xs)]);
        expect(frame.side).toBeGreaterThanOrEqual(26);
        expect(frame.side).toBeLessThanOrEqual(38);
        expect(frame.top + frame.side).toBeLessThanOrEqual(64);
      }
    }
    // A digit for which no place is found is left out.
    expect([...counts].filter((count) => count > 1).toSorted()).toEqual([2, 3, 4]);
  });

  it('at their own size are the digits of MNIST, pixel by pixel', async () => {
    const { train } = await digitScenes({ height: 28, width: 28, digits: [1, 1], sides: [1, 1] });
    for (let index = 0; index < 10; index++) {
      const { mask, instances = [] } = await train.decode(index);
      const from = (instances[0]?.sourceIndex ?? 0) * 784;
      const digit = mnist.train.images.subarray(from, from + 784);
      expect(Array.from(mask.ids, (id) => id > 0)).toEqual(
        Array.from(digit, (value) => value >= 127.5),
      );
    }
  });

  it('are made of other digits for validation and for test', async () => {
    for (let index = 0; index < 20; index++) {
      const held = (await data.validation?.decode(index))?.instances ?? [];
      for (const { sourceIndex } of held) expect(sourceIndex).toBeGreaterThanOrEqual(55_000);
      const measured = (await data.test?.decode(index))?.instances ?? [];
      for (const { sourceIndex, classId } of measured)
        expect(mnist.test.labels?.[sourceIndex]).toBe(classId - 1);
    }
  });

  it('can be told from their grounds, which have a texture', async () => {
    for (const { image, mask } of await scenes(20)) {
      const area = mask.ids.length;
      const light = (i: number) =>
        [0, 1, 2].reduce((sum, c) => sum + (image.pixels[c * area + i] ?? 0), 0) / 3;
      const of = (isInk: boolean) =>
        [...mask.ids.keys()].filter((i) => (mask.ids[i] ?? 0) > 0 === isInk).map(light);
      const mean = (values: number[]) =>
        values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(Math.abs(mean(of(true)) - mean(of(false)))).toBeGreaterThan(40);
      expect(new Set(of(false).map(Math.round)).size).toBeGreaterThan(15);
    }
  });

  it('are what the word digits opens', async () => {
    const opened = await openScenes('digits', {
      seed: 5,
      digits: { train: 10, test: 0 },
      validation: 3,
    });
    expect([opened.format, opened.train.count, opened.validation?.count, opened.test]).toEqual([
      'built-in',
      10,
      3,
      null,
    ]);
    expect(await opened.train.decode(4)).toEqual(await data.train.decode(4));
  });

  it.each([
    [
      { height: 8 },
      'height of the digit scenes must be a whole number of pixels from 16 to 4096, got 8',
    ],
    [{ train: 0 }, 'train of the digit scenes must be a whole number of scenes, got 0'],
    [{ digits: [3, 2] }, 'digits of the digit scenes must be two whole numbers'],
    [{ sides: [0, 1] }, 'sides of the digit scenes'],
    [{ overlap: 2 }, 'overlap of the digit scenes'],
  ] as const)('refuse %j', async (options, sentence) => {
    const error = await digitScenes(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toContain(sentence);
  });
});
