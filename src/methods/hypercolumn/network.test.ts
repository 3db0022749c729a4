/** Heads behind a small network: the graph against hypercolumns read and classified one by one on the host. */
import { beforeAll, describe, expect, it } from 'vitest';
import { columnsAt } from '../../dense/hypercolumn-columns.js';
import { tapsModel } from '../../dense/hypercolumn-models.js';
import { hypercolumnTaps } from '../../dense/hypercolumn-taps.js';
import { DataError, ShapeError, UsageError } from '../../errors.js';
import { type Model, model } from '../../graph/graph.js';
import { normal } from '../../nn/init.js';
import { readModel } from '../../onnx/read.js';
import { writeModel } from '../../onnx/write.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import type { Runtime } from '../../runtime/runtime.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type Box, expandBox, mapPoints } from './box.js';
import { boxTrainDefaults, type CellsConfig, cellsDefaults } from './config.js';
import { type BoxImages, fitCells } from './fit.js';
import { gridWeights } from './grid.js';
import { type BoxHead, boxHeadsKey, boxModel, boxNetwork, emptyHead } from './network.js';
import { boxPredictor, heatOf } from './predict.js';
import { figureTarget } from './targets.js';
import { trainBoxes } from './train.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

/** Strides 1, 2 and 4 of odd sizes, and units for the whole image. */
function source(): Model {
  const b = builder();
  const x = b.input('image', 'float32', ['batch', 2, 13, 17]);
  const weight = (name: string, dims: number[]) => b.initializer(name, normal(7, name, dims, 0.3));
  const conv = (
    from: typeof x,
    name: string,
    channels: readonly [number, number],
    stride: number,
  ) =>
    b.Relu(
      b.Conv(from, weight(`${name}.weight`, [channels[1], channels[0], 3, 3]), null, {
        ...{ kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [stride, stride] },
      }),
    );
  const one = conv(x, 'one', [2, 4], 1);
  const two = conv(one, 'two', [4, 5], 2);
  const three = conv(two, 'three', [5, 6], 2);
  const mean = b.GlobalAveragePool(three);
  b.output(b.MatMul(b.Flatten(mean, { axis: 1 }), weight('top.weight', [6, 3])), 'logits');
  return model(b.build('small'));
}

const names = ['one', 'two', 'three', 'top'];
const image: Tensor<'float32'> = normal(3, 'image', [1, 2, 13, 17], 1) as Tensor<'float32'>;
const boxes: readonly Box[] = [
  { top: 1, left: 2, height: 8, width: 6.5 },
  { top: -2, left: 10, height: 9, width: 12 },
];

/** A head of random weights. */
function headOf(grid: number, kernels: readonly number[], outputs: readonly string[]): BoxHead {
  const taps = hypercolumnTaps(source(), names);
  const empty = emptyHead({ ...{ outputs, taps, kernels, grid }, size: 7, expansion: 0.2 });
  return {
    ...empty,
    weights: normal(5, `weights-${grid}`, empty.weights.dims, 0.5) as Tensor<'float32'>,
    bias: normal(6, `bias-${grid}`, empty.bias.dims, 0.5) as Tensor<'float32'>,
  };
}

/** Heat at every place, by hand. */
async function slowHeat(head: BoxHead, box: Box): Promise<number[]> {
  const { taps, kernels, size, grid, outputs, weights, bias, expansion } = head;
  const maps = await (await runtime.load(tapsModel(source(), taps))).run({ image });
  const columns = columnsAt(
    taps.map(({ value }) => maps[value] as Tensor<'float32'>),
    taps.map(({ grids }) => grids),
    mapPoints(expandBox(box, expansion), size),
    { kernels },
  );
  const alpha = gridWeights(grid, size).data;
  const [length, area, cells] = [weights.dims[1] ?? 0, size * size, grid * grid];
  return outputs.flatMap((_, o) =>
    Array.from({ length: area }, (_, at) => {
      let heat = 0;
      for (let k = 0; k < cells; k++) {
        const row = o * cells + k;
        let score = bias.data[row] ?? 0;
        for (let f = 0; f < length; f++)
          score += (weights.data[row * length + f] ?? 0) * (columns[at * length + f] ?? 0);
        heat += (alpha[k * area + at] ?? 0) / (1 + Math.exp(-score));
      }
      return heat;
    }),
  );
}

describe('a network with heads', () => {
  it.each([
    ['one classifier', 1, [1, 1, 1, 1]],
    ['a grid of 3 x 3', 3, [1, 1, 1, 1]],
    ['neighbourhoods', 2, [3, 1, 5, 1]],
  ] as const)(
    'gives what hypercolumns and classifiers give one by one: %s',
    async (_, grid, kernels) => {
      const head = headOf(grid, kernels, ['first', 'second']);
      const predict = await boxPredictor(runtime, boxNetwork(source(), { heat: head }));
      const heats = await predict(image, boxes);
      const heat = heats.get('heat');
      expect(heat?.dims).toEqual([2, 2, 7, 7]);
      for (const [n, box] of boxes.entries()) {
        const slow = await slowHeat(head, box);
        heatOf(heat as Tensor<'float32'>, n).forEach((value, at) => {
          expect(value).toBeCloseTo(slow[at] ?? Number.NaN, 4);
        });
      }
    },
  );

  it('has an output for each head, for images of a batch, and says what they are', async () => {
    const network = boxNetwork(source(), {
      figure: headOf(1, [1, 1, 1, 1], ['figure']),
      parts: headOf(2, [1, 1, 1, 1], ['left', 'right']),
    });
    const made = readModel(writeModel(boxModel(network)));
    expect(JSON.parse(made.metadata[boxHeadsKey] ?? '')).toEqual({
      figure: { outputs: ['figure'], grid: 1, size: 7, expansion: 0.2 },
      parts: { outputs: ['left', 'right'], grid: 2, size: 7, expansion: 0.2 },
    });
    const session = await runtime.load(made);
    expect(session.outputs).toEqual(['figure', 'parts']);
    const other = normal(4, 'other', [1, 2, 13, 17], 1);
    const both = new Float32Array(2 * 2 * 13 * 17);
    both.set(image.data);
    both.set(other.data as Float32Array, image.data.length);
    const { parts } = await session.run({
      image: { dtype: 'float32', dims: [2, 2, 13, 17], data: both },
      boxes: { dtype: 'float32', dims: [2, 4], data: Float32Array.of(1, 2, 8, 6.5, 1, 2, 8, 6.5) },
      owners: { dtype: 'int64', dims: [2], data: BigInt64Array.of(1n, 0n) },
    });
    const predict = await boxPredictor(runtime, network);
    const alone = (await predict(image, boxes.slice(0, 1))).get('parts');
    expect(heatOf(parts as Tensor<'float32'>, 1)).toEqual(alone?.data);
    expect(heatOf(parts as Tensor<'float32'>, 0)).not.toEqual(alone?.data);
  });

  it('refuses boxes outside the image, weights of another grid, and gives nothing for no box', async () => {
    const head = headOf(2, [1, 1, 1, 1], ['figure']);
    const predict = await boxPredictor(runtime, boxNetwork(source(), { heat: head }));
    await expect(predict(image, [{ top: 13, left: 0, height: 2, width: 2 }])).rejects.toThrow(
      /detection 0, 2 x 2 at \(0, 13\), lies outside its image of 17 x 13/,
    );
    expect((await predict(image, [])).size).toBe(0);
    expect(() => boxNetwork(source(), { heat: { ...head, grid: 3 } })).toThrow(ShapeError);
  });
});

/** Bright rectangles that fill the middle of their boxes. */
function rectangles(size: number, expansion: number): BoxImages {
  return {
    count: 12,
    image(i) {
      const picture = normal(i, 'rectangle', [1, 2, 13, 17], 0.3);
      const [top, left] = [2 + (i % 3), 3 + (i % 4)];
      const pixels: number[] = [];
      for (let y = top; y < top + 6; y++)
        for (let x = left; x < left + 7; x++) {
          pixels.push(y * 17 + x);
          for (const c of [0, 1]) picture.data[(c * 13 + y) * 17 + x] = 2;
        }
      const box = { top: top - 1 + (i % 2), left, height: 7, width: 7 };
      const map = { box: expandBox(box, expansion), size, image: { height: 13, width: 17 } };
      return { image: picture, examples: [{ box, targets: figureTarget(pixels, map) }] };
    },
  };
}

describe('training', () => {
  const config: CellsConfig = { ...cellsDefaults, size: 10, grid: 2, places: 40, penalty: 1e-4 };
  const data = rectangles(config.size, config.expansion);
  const fitWith = (change: Partial<CellsConfig> = {}) =>
    fitCells({
      ...{ runtime, source: source(), outputs: ['figure'], data },
      taps: hypercolumnTaps(source(), names),
      config: { ...config, ...change },
    });

  async function errorOf(network: ReturnType<typeof boxNetwork>): Promise<number> {
    const predict = await boxPredictor(runtime, network);
    let [wrong, all] = [0, 0];
    for (let i = 0; i < data.count; i++) {
      const { image: picture, examples } = await data.image(i);
      const heats = await predict(
        picture,
        examples.map(({ box }) => box),
      );
      examples.forEach(({ targets }, n) => {
        const heat = heatOf(heats.get('figure') as Tensor<'float32'>, n);
        targets.forEach((target, at) => {
          all++;
          if ((heat[at] ?? 0) >= 0.5 !== (target === 1)) wrong++;
        });
      });
    }
    return wrong / all;
  }

  it('of each cell alone finds what is in the boxes', async () => {
    const steps: string[] = [];
    const figure = await fitCells({
      ...{ runtime, source: source(), outputs: ['figure'], data, config },
      taps: hypercolumnTaps(source(), names),
      onProgress: (what, done, all) => steps.push(`${what} ${done}/${all}`),
    });
    expect(steps.at(0)).toBe('images 1/12');
    expect(steps.at(-1)).toBe('classifiers 4/4');
    expect(await errorOf(boxNetwork(source(), { figure }))).toBeLessThan(0.03);
    const again = await fitWith();
    expect(again.weights.data).toEqual(figure.weights.data);
    expect((await fitWith({ seed: 2 })).weights.data).not.toEqual(figure.weights.data);
  });

  it('through the blend lowers the loss, of a head alone or of all layers', async () => {
    const empty = emptyHead({
      ...{ outputs: ['figure'], taps: hypercolumnTaps(source(), names) },
      ...{ grid: 2, size: config.size, expansion: config.expansion },
    });
    const network = boxNetwork(source(), { figure: empty });
    for (const train of ['heads', 'all']) {
      const losses: number[] = [];
      const { network: trained, parameters } = await trainBoxes({
        ...{ runtime, network, data },
        config: {
          ...{ ...boxTrainDefaults, train: [train], learningRate: 0.03 },
          ...{ images: 4, boxes: 1, epochs: 40 },
        },
        onEvent: (event) => {
          if (event.type === 'step') losses.push(event.losses.loss ?? 0);
        },
      });
      // An empty head says a half everywhere.
      expect(losses[0]).toBeCloseTo(Math.log(2), 4);
      expect(await errorOf(trained)).toBeLessThan(0.05);
      expect(parameters.has('one.weight')).toBe(train === 'all');
    }
  });

  it('refuses what makes no sense', async () => {
    await expect(fitWith({ places: 0 })).rejects.toThrow(UsageError);
    await expect(fitWith({ kernels: [1, 2, 1, 1] })).rejects.toThrow(/kernels: an odd number/);
    await expect(fitWith({ size: 9 })).rejects.toThrow(
      /targets of example 0 of image 0 are 100 numbers, where 1 maps of 9 x 9 are 81/,
    );
    const none = { count: 1, image: () => ({ image, examples: [] }) };
    const outside = { top: 40, left: 0, height: 2, width: 2 };
    const box = { top: 0, left: 0, height: 4, width: 4 };
    const wrong = {
      count: 1,
      image: () => ({ image, examples: [{ box: outside, targets: new Uint8Array(100) }] }),
    };
    const options = {
      ...{ runtime, source: source(), outputs: ['figure'], config },
      taps: hypercolumnTaps(source(), names),
    };
    await expect(fitCells({ ...options, data: none })).rejects.toThrow(DataError);
    await expect(fitCells({ ...options, data: wrong })).rejects.toThrow(
      /the box of example 0 of image 0, 2 x 2 at \(0, 40\), lies outside/,
    );
    const figure = await fitWith();
    const network = boxNetwork(source(), { figure });
    const training = { ...{ runtime, network, data }, config: boxTrainDefaults };
    await expect(
      trainBoxes({ ...training, config: { ...boxTrainDefaults, train: ['nothing*'] } }),
    ).rejects.toThrow(/no weight of the network is called "nothing\*"/);
    await expect(trainBoxes({ ...training, data: none })).rejects.toThrow(
      /image 0 has no box to learn from/,
    );
    await expect(trainBoxes({ ...training, data: wrong })).rejects.toThrow(/lies outside/);
    const short = {
      ...wrong,
      image: () => ({ image, examples: [{ box, targets: new Uint8Array(9) }] }),
    };
    await expect(trainBoxes({ ...training, data: short })).rejects.toThrow(
      /targets of example 0 of image 0 are 9 numbers, where 1 maps of 10 x 10 are 100/,
    );
    // As many numbers as the first, but lying down.
    const [n = 1, channels = 1, height = 1, width = 1] = image.dims;
    const lying = { ...image, dims: [n, channels, height / 2, 2 * width] };
    const several = {
      count: 2,
      image: (i: number) => ({
        image: i === 0 ? image : lying,
        examples: [{ box, targets: new Uint8Array(100) }],
      }),
    };
    await expect(trainBoxes({ ...training, data: several })).rejects.toThrow(
      /images of boxes must be of one size/,
    );
    const two = boxNetwork(source(), { figure, other: figure });
    await expect(trainBoxes({ ...training, network: two })).rejects.toThrow(
      /one head is trained at a time, the network has 2: figure, other/,
    );
  });
});
