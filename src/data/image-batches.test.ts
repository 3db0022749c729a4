import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import type { Network } from '../methods/classifier/network.js';
import { labelsName } from '../methods/classifier/step.js';
import type { Preprocessing } from '../onnx/metadata.js';
import type { Tensor } from '../tensor/tensor.js';
import { imageBatches, imageRows } from './image-batches.js';
import type { ImageSource } from './image-source.js';
import { prefetch } from './prefetch.js';

/** Twelve grey images of 2 x 2, all pixels the image's number; decoding takes some turns. */
function source(): ImageSource & { decoded: number } {
  const made = {
    count: 12,
    decoded: 0,
    label: (index: number) => index % 3,
    name: (index: number) => `image ${index}`,
    async decode(index: number) {
      made.decoded++;
      await new Promise((resolve) => setTimeout(resolve, index % 3));
      return { height: 2, width: 2, channels: 1 as const, pixels: new Uint8Array(4).fill(index) };
    },
  };
  return made;
}

const preprocessing: Preprocessing = {
  ...{ channels: 1, height: 2, width: 2, layout: 'NCHW', colour: 'grey' },
  ...{ scale: 0.5, mean: [1], std: [2] },
};
const network = { input: { name: 'x' } } as unknown as Network;
const options = { network, preprocessing, batchSize: 5, seed: 3 };

const taken = async (from: ImageSource, steps: readonly number[], seed = 3) => {
  const { batch } = imageBatches(from, { ...options, seed });
  const seen: { numbers: number[]; labels: number[] }[] = [];
  for (const step of steps) {
    const feeds = await batch(step);
    const x = feeds['x'] as Tensor<'float32'>;
    expect(x.dims).toEqual([5, 1, 2, 2]);
    // pixel * 0.5 / 2 - 1 / 2
    const numbers = [0, 1, 2, 3, 4].map((i) => 4 * ((x.data[4 * i] ?? 0) + 0.5));
    seen.push({ numbers, labels: Array.from(feeds[labelsName]?.data as BigInt64Array, Number) });
  }
  return seen;
};

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

describe('batches', () => {
  it('take every image once a pass, with its label, in a new order each time', async () => {
    const seen = await taken(source(), range(0, 12));
    const numbers = seen.flatMap((batch) => batch.numbers);
    const passes = range(0, 5).map((pass) => numbers.slice(12 * pass, 12 * (pass + 1)));
    for (const pass of passes) expect(pass.toSorted((a, b) => a - b)).toEqual(range(0, 12));
    expect(new Set(passes.map(String)).size).toBe(5);
    for (const { numbers: of, labels } of seen) expect(labels).toEqual(of.map((i) => i % 3));
  });

  it('are functions of the seed and the step, wherever one begins', async () => {
    const all = await taken(source(), range(0, 20));
    expect(await taken(source(), range(7, 20))).toEqual(all.slice(7));
    expect(await taken(source(), [3, 4, 11, 12, 0])).toEqual([3, 4, 11, 12, 0].map((i) => all[i]));
    expect(await taken(source(), range(0, 20), 4)).not.toEqual(all);
  });

  it('are decoded ahead, and no further', async () => {
    const from = source();
    const { batch } = imageBatches(from, { ...options, ahead: 2 });
    await batch(0);
    expect(from.decoded).toBe(15);
    await batch(1);
    expect(from.decoded).toBe(20);
  });

  it('tell what could not be decoded when it is due, not before', async () => {
    const broken: ImageSource = {
      ...source(),
      async decode(index) {
        if (index === 7) throw new DataError('image 7 is corrupt');
        return { height: 2, width: 2, channels: 1, pixels: new Uint8Array(4) };
      },
    };
    const { batch } = imageBatches(broken, options);
    const outcomes = await Promise.allSettled(range(0, 3).map((step) => batch(step)));
    const failed = outcomes.filter(({ status }) => status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(3);
    expect(() => imageBatches({ ...source(), count: 0 }, options)).toThrow(DataError);
  });
});

it('rows are the images in their order', async () => {
  const rows = imageRows(source(), preprocessing);
  expect([...rows.labels]).toEqual(range(0, 12).map((i) => i % 3));
  const x = (await rows.rows(4, 3)) as Tensor<'float32'>;
  expect([...x.data]).toEqual([4, 5, 6].flatMap((i) => new Array(4).fill(i / 4 - 0.5)));
});

it('prefetching counts what came late', async () => {
  const finish: (() => void)[] = [];
  const made: number[] = [];
  const batches = prefetch<number>((step) => {
    made.push(step);
    return new Promise((resolve) => finish.push(() => resolve(step)));
  }, 1);
  const first = batches.at(0);
  expect(made).toEqual([0, 1]);
  finish[0]?.();
  finish[1]?.();
  expect(await first).toBe(0);
  expect(await batches.at(1)).toBe(1);
  expect(batches.late).toBe(0);
  const third = batches.at(2);
  finish[2]?.();
  expect(await third).toBe(2);
  expect(batches.late).toBe(1);
});
