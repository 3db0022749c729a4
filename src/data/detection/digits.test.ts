import { beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../errors.js';
import { boxOverlap } from '../../methods/hypercolumn/box.js';
import type { DetectionScene, DetectionSource } from './detections.js';
import { type DetectionData, digitDetections } from './digits.js';

let exact: DetectionData;
let jittered: DetectionData;
beforeAll(async () => {
  exact = await digitDetections({ seed: 5, boxes: 'exact' });
  jittered = await digitDetections({ seed: 5 });
});
const first = (source: DetectionSource, count: number): Promise<DetectionScene[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => source.decode(i)));

describe('digits as detections', () => {
  it('have exact boxes around their ink, of score 1', async () => {
    for (const { things, detections, image } of await first(exact.train, 20)) {
      expect(detections.length).toBe(things.length);
      things.forEach(({ box, classId, pixels }, i) => {
        expect(detections[i]).toEqual({ box, classId, score: 1, thing: i });
        for (const at of pixels) {
          const [y, x] = [Math.floor(at / image.width), at % image.width];
          expect(y >= box.top && y < box.top + box.height).toBe(true);
          expect(x >= box.left && x < box.left + box.width).toBe(true);
        }
      });
    }
  });

  it('have thirds of their height as parts', async () => {
    for (const { things, image } of await first(exact.train, 10))
      for (const { box, pixels, parts } of things)
        pixels.forEach((at, i) => {
          const down = (Math.floor(at / image.width) + 0.5 - box.top) / box.height;
          expect(parts?.[i]).toBe(down < 1 / 3 ? 0 : down < 2 / 3 ? 1 : 2);
        });
  });

  it('have the outermost points of their ink as keypoints, where these can be seen', async () => {
    let hidden = 0;
    for (const { things, image } of await first(exact.train, 40))
      for (const { box, keypoints, pixels } of things) {
        const [top, bottom, left, right] = keypoints;
        if (top) expect(top.y).toBe(box.top);
        if (bottom) expect(bottom.y).toBe(box.top + box.height - 1);
        if (left) expect(left.x).toBe(box.left);
        if (right) expect(right.x).toBe(box.left + box.width - 1);
        for (const point of keypoints)
          if (point) expect(pixels.includes(point.y * image.width + point.x)).toBe(true);
          else hidden++;
      }
    expect(hidden).toBeGreaterThan(0);
    expect(hidden).toBeLessThan(40);
  });

  it('have jittered boxes in the image that overlap the digits, surer where they overlap more', async () => {
    const overlaps: number[] = [];
    const scores: number[] = [];
    let [wrong, nothing, found, there] = [0, 0, 0, 0];
    for (const { things, detections, image } of await first(jittered.train, 150)) {
      there += things.length;
      expect(detections.map(({ score }) => score)).toEqual(
        detections.map(({ score }) => score).toSorted((a, b) => b - a),
      );
      for (const { thing, box, classId, score } of detections) {
        expect(box.top >= 0 && box.left >= 0).toBe(true);
        expect(box.top + box.height).toBeLessThanOrEqual(image.height + 1e-4);
        expect(box.left + box.width).toBeLessThanOrEqual(image.width + 1e-4);
        const truth = thing === null ? undefined : things[thing];
        if (!truth) {
          nothing++;
          continue;
        }
        found++;
        overlaps.push(boxOverlap(box, truth.box));
        scores.push(score);
        if (classId !== truth.classId) wrong++;
        expect(classId >= 1 && classId <= 10).toBe(true);
      }
    }
    const mean = (list: readonly number[]) => list.reduce((sum, v) => sum + v, 0) / list.length;
    expect(mean(overlaps)).toBeGreaterThan(0.7);
    expect(mean(overlaps)).toBeLessThan(0.9);
    expect(correlation(overlaps, scores)).toBeGreaterThan(0.4);
    expect(nothing / 150).toBeGreaterThan(0.15);
    expect(nothing / 150).toBeLessThan(0.45);
    expect(wrong).toBeGreaterThan(0);
    expect(found).toBeLessThan(there);
    expect(found).toBeGreaterThan(0.9 * there);
  });

  it('are jittered by the seed and the scene, not alike in all parts', async () => {
    const again = await digitDetections({ seed: 5 });
    const other = await digitDetections({ seed: 5, boxes: { seed: 1 } });
    expect(await again.train.decode(3)).toEqual(await jittered.train.decode(3));
    expect((await other.train.decode(3)).things).toEqual((await jittered.train.decode(3)).things);
    expect((await other.train.decode(3)).detections).not.toEqual(
      (await jittered.train.decode(3)).detections,
    );
  });

  it('refuse settings that make no sense', async () => {
    await expect(digitDetections({ boxes: { shift: -1 } })).rejects.toThrow(UsageError);
    await expect(digitDetections({ boxes: { missed: 2 } })).rejects.toThrow(
      /missed of the jitter must be a share in \[0, 1\], got 2/,
    );
  });
});

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (list: readonly number[]) => list.reduce((sum, v) => sum + v, 0) / list.length;
  const [ma, mb] = [mean(a), mean(b)];
  const product = (x: readonly number[], mx: number, y: readonly number[], my: number) =>
    x.reduce((sum, v, i) => sum + (v - mx) * ((y[i] ?? 0) - my), 0);
  return product(a, ma, b, mb) / Math.sqrt(product(a, ma, a, ma) * product(b, mb, b, mb));
}
