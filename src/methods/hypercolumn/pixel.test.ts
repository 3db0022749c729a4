import { beforeAll, describe, expect, it } from 'vitest';
import { convolutionalize } from '../../dense/convolutionalize.js';
import { columnLength } from '../../dense/hypercolumn.js';
import { hypercolumnModel } from '../../dense/hypercolumn-models.js';
import { hypercolumnTaps } from '../../dense/hypercolumn-taps.js';
import { DataError, InterruptedError, ShapeError, UsageError } from '../../errors.js';
import { type Model, model } from '../../graph/graph.js';
import { normal } from '../../nn/init.js';
import { layers } from '../../nn/layers.js';
import { buildModel } from '../../nn/models/build-model.js';
import { models } from '../../nn/models/table.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import type { Runtime } from '../../runtime/runtime.js';
import { streamKey } from '../../tensor/random.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { checkPixelConfig, scribbleDefaults } from './pixel-config.js';
import { drawPixels, gatherPixels } from './pixel-examples.js';
import { featureReader, featuresAt } from './pixel-features.js';
import { fitPixels } from './pixel-fit.js';
import type { PixelHead } from './pixel-head.js';
import { pixelModel, pixelScorer } from './pixel-model.js';
import { spreadTaps } from './pixel-taps.js';
import { trainPixels } from './pixel-train.js';

/** Maps of strides 1, 2 and 4 of images of any size. */
function backbone(): Model {
  const b = builder();
  const net = layers(b, 3);
  let x = b.Relu(
    net.conv('conv1', b.input('image', 'float32', ['batch', 1, 'height', 'width']), 6, {
      kernel: 3,
      pad: 1,
    }),
  );
  x = net.maxPool(x, { kernel: 2 });
  x = net.maxPool(b.Relu(net.conv('conv2', x, 8, { kernel: 3, pad: 1 })), { kernel: 2 });
  b.output(b.Relu(net.conv('conv3', x, 10, { kernel: 3, pad: 1 })), 'top');
  return model(b.build('backbone'));
}

const source = backbone();
const taps = hypercolumnTaps(source, ['conv1', 'conv2', 'conv3']);
const session = { threads: 1 };
const [height, width] = [21, 18];

/** Dark on the left, bright on the right, with noise. */
const image = (() => {
  const x = normal(5, 'image', [1, 1, height, width], 0.2) as Tensor<'float32'>;
  return tensor(
    'float32',
    x.dims,
    x.data.map((value, i) => value + (i % width < 9 ? -1 : 1)),
  );
})();
const strokes = (left: number, right: number): Uint8Array => {
  const ids = new Uint8Array(height * width).fill(255);
  for (let y = 4; y < 16; y++) {
    ids[y * width + 3] = left;
    ids[y * width + 14] = right;
  }
  return ids;
};
let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

const exampleOf = async (ids: Uint8Array, points = 3000) => {
  const read = await featureReader(runtime, source, taps, session);
  const features = await read(image);
  return gatherPixels({
    ...{ taps, count: 1, points, seed: 1 },
    image: async () => ({ features, ids }),
  });
};

describe('taps where nobody names any', () => {
  it('are the ones that the strides of SqueezeNet ask for', () => {
    const { model: dense } = convolutionalize(buildModel(models.squeezenet), { pooling: 'none' });
    const found = hypercolumnTaps(dense, spreadTaps(dense));
    const named = hypercolumnTaps(dense, ['conv1', 'fire3', 'fire5', 'fire7', 'fire9']);
    expect(found.map(({ value }) => value)).toEqual(named.map(({ value }) => value));
  });

  it('are one of each stride of a residual network, and no more than asked for', () => {
    const { model: dense } = convolutionalize(buildModel(models.resnet18), { pooling: 'none' });
    const strides = (count?: number) =>
      hypercolumnTaps(dense, spreadTaps(dense, count)).map(({ grids }) => grids?.[0].stride);
    expect(strides()).toEqual([2, 4, 8, 16, 32]);
    expect(strides(3)).toEqual([2, 8, 32]);
  });
});

describe('pixels that are learnt from', () => {
  it('are all where they are few', () => {
    const ids = strokes(1, 0);
    const { points, labels, weights } = drawPixels(ids, width, 100, streamKey(1, 0, 'test'));
    expect(labels).toHaveLength(24);
    labels.forEach((id, n) => {
      expect(ids[(points[2 * n] ?? 0) * width + (points[2 * n + 1] ?? 0)]).toBe(id);
    });
    expect([...weights]).toEqual(new Array(24).fill(1));
  });

  it('are as many of each class as there are, up to a share, and stand for all', () => {
    const ids = Uint8Array.from({ length: 1000 }, (_, i) => (i < 10 ? 0 : i < 400 ? 1 : 2));
    const { labels, weights, points } = drawPixels(ids, 50, 90, streamKey(1, 0, 'test'));
    expect([0, 1, 2].map((id) => labels.filter((own) => own === id).length)).toEqual([10, 40, 40]);
    expect(weights.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1000, 1);
    const places = labels.map((_, n) => n).length;
    expect(
      new Set(Array.from({ length: places }, (_, n) => points.slice(2 * n, 2 * n + 2).join())),
    ).toHaveProperty('size', 90);
  });

  it('are missing where nothing is labelled', async () => {
    await expect(exampleOf(strokes(255, 255))).rejects.toThrow(
      new DataError(
        'no pixel has a label, all are 255: draw strokes with the number of the class, from 0 on',
      ),
    );
    await expect(exampleOf(strokes(0, 1).subarray(width))).rejects.toThrow(
      /give one for each pixel/,
    );
    const wide = Uint16Array.of(0, 256);
    expect(() => drawPixels(wide, 2, 9, streamKey(1, 0, 'test'))).toThrow(
      /pixel 1 has the label 256/,
    );
  });
});

describe.each([0, 5])('a classifier with %i hidden units', (hidden) => {
  const config = { ...scribbleDefaults, hidden, penalty: 1e-3 };

  it('tells the sides of an image apart from two strokes, and the model says the same as the columns', async () => {
    const ids = strokes(0, 1);
    const trained = await trainPixels({
      ...{ runtime, session, source, taps, config, classes: ['dark', 'bright'] },
      images: [{ image, ids }],
    });
    expect(trained.accuracies).toEqual([1, 1]);
    expect(trained.pixels).toBe(24);
    const net = await runtime.load(trained.model, session);
    const { probabilities, uncertainty } = await net.run({ image });
    const columns = await (await runtime.load(hypercolumnModel(source, taps), session)).run({
      image,
    });
    const p = (probabilities as Tensor<'float32'>).data;
    const u = (uncertainty as Tensor<'float32'>).data;
    expect(uncertainty?.dims).toEqual([1, 1, height, width]);
    const area = height * width;
    const all = (columns['hypercolumns'] as Tensor<'float32'>).data;
    const length = columnLength(taps);
    let wrong = 0;
    for (let i = 0; i < area; i++) {
      const column = Float64Array.from({ length }, (_, c) => all[c * area + i] ?? 0);
      const expected = byHand(trained.head, column);
      expect(p[i]).toBeCloseTo(expected[0] ?? 0, 4);
      const entropy = -expected.reduce((sum, q) => sum + (q > 0 ? q * Math.log(q) : 0), 0);
      expect(u[i]).toBeCloseTo(entropy / Math.log(2), 3);
      if ((p[i] ?? 0) > 0.5 !== i % width < 9) wrong++;
    }
    expect(wrong / area).toBeLessThan(0.1);
  });

  it('gives from layers made before what the whole model gives', async () => {
    const read = await featureReader(runtime, source, taps, session);
    const features = await read(image);
    const fit = await fitPixels({
      ...{ runtime, session, config, classes: ['a', 'b'] },
      examples: await exampleOf(strokes(0, 1)),
    });
    const score = await pixelScorer(runtime, taps, fit.head, features, session);
    const net = await runtime.load(pixelModel(source, taps, fit.head), session);
    const [fast, whole] = [await score(features), await net.run({ image })];
    for (const name of ['probabilities', 'uncertainty'] as const)
      fast[name].data.forEach((value, i) => {
        expect(value).toBeCloseTo((whole[name] as Tensor<'float32'>).data[i] ?? Number.NaN, 4);
      });
  });
});

/** Probabilities of a column, step by step. */
function byHand({ layers: [first, second] }: PixelHead, column: Float64Array): number[] {
  const apply = (layer: PixelHead['layers'][number], x: ArrayLike<number>): number[] =>
    Array.from(layer.bias.data, (bias, o) => {
      let sum = bias;
      for (let i = 0; i < x.length; i++)
        sum += (layer.weights.data[o * x.length + i] ?? 0) * (x[i] ?? 0);
      return sum;
    });
  if (!first) return [];
  const below = apply(first, column);
  const scores = second
    ? apply(
        second,
        below.map((value) => Math.max(0, value)),
      )
    : below;
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((total, one) => total + one, 0);
  return powers.map((power) => power / sum);
}

describe('a fit', () => {
  const classes = ['a', 'b', 'c'];
  const fitted = async (ids: Uint8Array, more: object = {}) =>
    fitPixels({
      ...{ runtime, session, classes, config: scribbleDefaults },
      examples: await exampleOf(ids),
      ...more,
    });

  it('never predicts a class without a label, and says nothing of how well it is told', async () => {
    const { head, accuracies } = await fitted(strokes(0, 2));
    expect(accuracies[1]).toBeNaN();
    const read = await featureReader(runtime, source, taps, session);
    const features = await read(image);
    const { probabilities } = await (await pixelScorer(runtime, taps, head, features, session))(
      features,
    );
    const area = height * width;
    expect(Math.max(...probabilities.data.subarray(area, 2 * area))).toBe(0);
  });

  it('comes to where the gradient is 0: as a logistic regression of two classes does', async () => {
    const costs: number[] = [];
    const options = { onStep: (_: number, cost: number) => costs.push(cost) };
    const { steps, loss } = await fitted(strokes(0, 1), options);
    expect(costs).toHaveLength(steps);
    expect(costs).toEqual([...costs].sort((a, c) => c - a));
    expect(loss).toBeLessThan(costs.at(-1) ?? 0);
  });

  it('lets every class count alike only where that is asked for', async () => {
    const ids = strokes(0, 1);
    // A long stroke of the first class, over places that look alike for both.
    for (let x = 0; x < width; x++) ids[18 * width + x] = 0;
    const config = { ...scribbleDefaults, penalty: 100 };
    const share = async (balance: boolean): Promise<number> => {
      const { head } = await fitted(ids, { config: { ...config, balance } });
      const columns = featuresAt(
        taps,
        await (await featureReader(runtime, source, taps, session))(image),
        [10, 9],
      );
      return byHand(head, Float64Array.from(columns))[0] ?? 0;
    };
    expect(await share(false)).toBeGreaterThan(0.65);
    expect(await share(true)).toBeCloseTo(0.5, 1);
  });

  it('refuses what says nothing', async () => {
    await expect(fitted(strokes(1, 1))).rejects.toThrow(
      'all labelled pixels are of one class, 1 (b): draw strokes of another class as well',
    );
    await expect(fitted(strokes(0, 7))).rejects.toThrow(/label 7, where there are 3 classes/);
    const examples = await exampleOf(strokes(0, 1));
    examples.data[4] = Number.NaN;
    await expect(fitted(strokes(0, 1), { examples })).rejects.toThrow(
      /feature 4 .* is not a number/,
    );
    await expect(fitted(strokes(0, 1), { signal: AbortSignal.abort() })).rejects.toThrow(
      InterruptedError,
    );
    const first = {
      weights: normal(1, 'w', [2, 3], 1) as Tensor<'float32'>,
      bias: tensor('float32', [2], [0, 0]),
    };
    expect(() => pixelModel(source, taps, { layers: [first] })).toThrow(ShapeError);
    for (const wrong of [
      { hidden: -1 },
      { penalty: Number.NaN },
      { points: 0 },
      { iterations: 0.5 },
    ])
      expect(() => checkPixelConfig({ ...scribbleDefaults, ...wrong })).toThrow(UsageError);
  });
});
