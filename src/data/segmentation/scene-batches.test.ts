import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../../errors.js';
import type { Preprocessing } from '../../onnx/metadata.js';
import { keepDecoded } from './kept-scenes.js';
import { classPixelCounts, meanColour, sceneBatches, sceneRows } from './scene-batches.js';
import { holdOutScenes, type SceneSource, subsetScenes } from './scenes.js';

/** Seven scenes of 3 x 4, all pixels and classes the scene's number; decoding takes some turns. */
function source(): SceneSource & { decoded: number } {
  const made = {
    count: 7,
    decoded: 0,
    name: (index: number) => `scene ${index}`,
    async decode(index: number) {
      made.decoded++;
      await new Promise((resolve) => setTimeout(resolve, index % 3));
      return {
        image: {
          height: 3,
          width: 4,
          channels: 1 as const,
          pixels: new Uint8Array(12).fill(10 * index),
        },
        mask: { height: 3, width: 4, ids: new Uint8Array(12).fill(index) },
      };
    },
  };
  return made;
}

const preprocessing: Preprocessing = {
  ...{ channels: 1, height: 9, width: 9, layout: 'NCHW', colour: 'grey' },
  ...{ scale: 0.5, mean: [20], std: [2] },
};
const options = { preprocessing, batchSize: 2, height: 4, width: 4, seed: 3, input: 'x' };
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

async function taken(steps: readonly number[], from: SceneSource = source()) {
  const { batch } = sceneBatches(from, options);
  const seen: { x: number[]; labels: number[] }[] = [];
  for (const step of steps) {
    const { x, labels } = await batch(step);
    expect([x?.dtype, x?.dims]).toEqual(['float32', [2, 1, 4, 4]]);
    expect([labels?.dtype, labels?.dims]).toEqual(['int32', [2, 4, 4]]);
    seen.push({
      x: Array.from(x?.data ?? [], Number),
      labels: Array.from(labels?.data ?? [], Number),
    });
  }
  return seen;
}

describe('batches of scenes', () => {
  it('take every scene once a pass; below the image the input is 0 and the label void', async () => {
    const seen = await taken(range(7));
    const shown = seen.flatMap(({ labels }) => [labels[0] ?? -1, labels[16] ?? -1]);
    for (const pass of [shown.slice(0, 7), shown.slice(7)])
      expect(pass.toSorted()).toEqual(range(7));
    for (const { x, labels } of seen)
      labels.forEach((id, i) => {
        // 10 * id * 0.5 / 2 - 20 / 2; the mean colour is 40.
        expect(x[i]).toBe(id === 255 ? 0 : 2.5 * id - 10);
      });
    expect(seen[0]?.labels.filter((id) => id === 255).length).toBe(8);
  });

  it('are a pure function of seed and step: resumed in the middle they go on alike', async () => {
    const all = await taken(range(9));
    expect(await taken([5, 6, 7, 8])).toEqual(all.slice(5));
    expect(await taken([2, 7, 1])).toEqual([all[2], all[7], all[1]]);
  });

  it('are decoded ahead', async () => {
    const from = source();
    const { batch, stepsPerEpoch } = sceneBatches(from, options);
    await batch(0);
    expect(stepsPerEpoch).toBe(3);
    expect(from.decoded).toBe(6);
  });

  it('tell of a scene that cannot be decoded, when its step comes', async () => {
    const broken = { ...source(), decode: () => Promise.reject(new DataError('x.png is corrupt')) };
    await expect(sceneBatches(broken, options).batch(0)).rejects.toThrow('x.png is corrupt');
  });

  it('need scenes, and the layout of images', () => {
    expect(() => sceneBatches({ ...source(), count: 0 }, options)).toThrow(
      'training needs scenes, got none',
    );
    const flat: Preprocessing = { ...preprocessing, layout: 'flat' };
    expect(() => sceneBatches(source(), { ...options, preprocessing: flat })).toThrow(UsageError);
  });
});

it('whole scenes come in their order, at their own size, the next one decoded meanwhile', async () => {
  const from = source();
  const { count, row } = sceneRows(from, preprocessing);
  expect(count).toBe(7);
  for (const index of range(7)) {
    const { input, labels, name } = await row(index);
    expect([input.dims, labels.dims, name]).toEqual([[1, 1, 3, 4], [1, 3, 4], `scene ${index}`]);
    expect([...new Set(labels.data)]).toEqual([index]);
    expect([...new Set(input.data)]).toEqual([2.5 * index - 10]);
  }
  expect(from.decoded).toBe(7);
});

it('decoded scenes stay in memory as far as there is room', async () => {
  const from = source();
  // A scene takes 24 bytes.
  const kept = keepDecoded(from, 24 * 5 + 23);
  const pass = async () => {
    for (const index of range(7)) await kept.decode(index);
  };
  await pass();
  await pass();
  expect(from.decoded).toBe(7 + 2);
  expect(await kept.decode(6)).toEqual(await from.decode(6));
});

it('pixels are counted by class', async () => {
  const counts = await classPixelCounts(subsetScenes(source(), [1, 1, 2]), 3);
  expect([...counts.ofClass]).toEqual([0, 24, 12]);
  expect([...counts.besides]).toEqual([0, 24, 12]);
});

it('the colour that the network sees as 0 is found for every order of colours', () => {
  const rgb: Preprocessing = {
    ...preprocessing,
    channels: 3,
    colour: 'rgb',
    scale: 1 / 255,
    mean: [0.2, 0.4, 0.6],
    std: [1, 1, 1],
  };
  expect(meanColour(rgb).map(Math.round)).toEqual([51, 102, 153]);
  expect(meanColour({ ...rgb, colour: 'bgr' }).map(Math.round)).toEqual([153, 102, 51]);
});

it('scenes are held out the same way for the same seed, and never all', () => {
  const { rest, held } = holdOutScenes(source(), 0.3, 1);
  const names = (of: SceneSource) => range(of.count).map((i) => of.name(i));
  expect([rest.count, held.count]).toEqual([5, 2]);
  expect([...names(rest), ...names(held)].toSorted()).toEqual(range(7).map((i) => `scene ${i}`));
  expect(names(holdOutScenes(source(), 2, 1).held)).toEqual(names(held));
  expect(() => holdOutScenes(source(), 7, 1)).toThrow('7 of 7 scenes cannot be held out');
  expect(() => subsetScenes(source(), [7])).toThrow('index 7 is outside the 7 scenes');
});
