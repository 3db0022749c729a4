/** Segmenters from classifiers: what they are made of, and that finer ones start out as coarser ones. */
import { beforeAll, describe, expect, it } from 'vitest';
import { convolutionalize } from '../../dense/convolutionalize.js';
import { ModelError } from '../../errors.js';
import { type Model, model } from '../../graph/graph.js';
import { normal } from '../../nn/init.js';
import { buildModel } from '../../nn/models/build-model.js';
import { models } from '../../nn/models/table.js';
import { nodeRuntime } from '../../runtime/node.js';
import type { Runtime } from '../../runtime/runtime.js';
import type { Tensor } from '../../tensor/tensor.js';
import { paddedAsInPaper } from './backbone.js';
import { atOnceScale } from './config.js';
import {
  type FcnNetwork,
  type FcnOptions,
  fcnModel,
  fcnNetwork,
  weightsOf,
  withWeights,
} from './network.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

const classes = 3;
const squeezenet = buildModel(models.squeezenet, { classes: 5, width: 0.125, seed: 1 });
const vgg16 = buildModel(models.vgg16, { classes: 5, width: 1 / 64, seed: 2 });

/** A network whose score layers of the strides named are not zero. */
function network(source: Model, options: Omit<FcnOptions, 'classes'>, strides: number[]) {
  const made = fcnNetwork(source, { classes, ...options });
  const drawn = made.scores
    .filter(({ stride }) => strides.includes(stride))
    .map(({ weight }): [string, Tensor] => {
      const dims = made.graph.initializers.get(weight)?.dims ?? [];
      return [weight, normal(3, weight, dims, 1)];
    });
  return withWeights(made, new Map(drawn));
}

async function probabilities(made: FcnNetwork, height: number, width: number) {
  const session = await runtime.load(fcnModel(made, new Map()), { threads: 1 });
  const image = normal(5, 'image', [1, made.channels, height, width], 1);
  const { probabilities: found } = await session.run({ [made.input]: image });
  return found as Tensor<'float32'>;
}

const largestDifference = (a: Tensor<'float32'>, b: Tensor<'float32'>): number => {
  expect(a.dims).toEqual(b.dims);
  return a.data.reduce((most, x, i) => Math.max(most, Math.abs(x - (b.data[i] ?? 0))), 0);
};

describe('a segmenter', () => {
  it('takes images of any size and gives each pixel probabilities', async () => {
    const made = network(squeezenet, { finest: 8 }, [16, 8]);
    expect(made.graph.outputs[0]).toMatchObject({
      name: 'probabilities',
      shape: [made.dimensions.batch, classes, made.dimensions.height, made.dimensions.width],
    });
    expect(made.scores.map(({ stride }) => stride)).toEqual([16, 8]);
    for (const [height, width] of [
      [64, 64],
      [75, 102],
    ] as const) {
      const found = await probabilities(made, height, width);
      expect(found.dims).toEqual([1, classes, height, width]);
      const sums = new Float64Array(height * width);
      found.data.forEach((p, i) => {
        sums[i % sums.length] = (sums[i % sums.length] ?? 0) + p;
      });
      expect(Math.min(...sums)).toBeCloseTo(1, 5);
      expect(Math.max(...sums)).toBeCloseTo(1, 5);
    }
  });

  it('keeps the weights of its source under their names, without the classes of it', () => {
    const { graph } = fcnNetwork(squeezenet, { classes });
    const before = squeezenet.graph.initializers;
    expect(graph.initializers.get('fire9.squeeze1x1.weight')).toEqual(
      before.get('fire9.squeeze1x1.weight'),
    );
    expect(graph.initializers.has('conv10.weight')).toBe(false);
    expect(graph.initializers.get('score_16.weight')?.dims).toEqual([classes, 64, 1, 1]);
  });

  it('starts out as the coarser one, since new score layers are zero', async () => {
    const coarse = await probabilities(network(squeezenet, {}, [16]), 75, 102);
    for (const finest of [8, 4, 2]) {
      const fine = await probabilities(network(squeezenet, { finest }, [16]), 75, 102);
      expect(largestDifference(fine, coarse)).toBeLessThan(1e-5);
    }
  });

  it('goes on from the weights of a coarser one', async () => {
    const coarse = network(squeezenet, {}, [16]);
    const fine = withWeights(fcnNetwork(squeezenet, { classes, finest: 8 }), weightsOf(coarse));
    const pair = [await probabilities(fine, 64, 80), await probabilities(coarse, 64, 80)] as const;
    expect(largestDifference(...pair)).toBeLessThan(1e-5);
  });

  it('scales its skips for training all at once', () => {
    const scales = [atOnceScale, atOnceScale ** 2];
    const { graph } = fcnNetwork(vgg16, { classes, skips: ['pool4', 'pool3'], scales });
    const factors = graph.nodes
      .filter(({ op }) => op === 'Mul')
      .map(({ inputs }) => graph.initializers.get(inputs[1] ?? '')?.data[0]);
    expect(factors.map(Number)).toEqual([expect.closeTo(0.01, 6), expect.closeTo(0.0001, 8)]);
  });
});

describe('taps', () => {
  it('are found as pools, layers, nodes and values', () => {
    const strides = (source: Model, ...skips: string[]) =>
      fcnNetwork(source, { classes, skips }).scores.map(({ stride }) => stride);
    expect(strides(vgg16, 'pool4', 'pool3')).toEqual([32, 16, 8]);
    expect(strides(vgg16, 'features.17')).toEqual([32, 8]);
    expect(strides(squeezenet, 'fire5', 'fire3')).toEqual([16, 8, 4]);
    const value = squeezenet.graph.nodes.find(({ op }) => op === 'Concat')?.outputs[0] ?? '';
    expect(strides(squeezenet, value)).toEqual([16, 4]);
  });

  it('that are not there are refused with the nearest name', () => {
    const make = (...skips: string[]) => fcnNetwork(vgg16, { classes, skips });
    expect(() => make('pol4')).toThrow(ModelError);
    expect(() => make('pol4')).toThrow(/no layer, node or value "pol4"\. Did you mean "pool4"\?/);
    expect(() => make('classifier.6')).toThrow(ModelError);
    expect(() => fcnNetwork(vgg16, { classes, finest: 3 })).toThrow(/it has 32, 16, 8, 4, 2/);
  });
});

describe('the two alignments', () => {
  it('agree to the pixel on VGG16 wherever the last map has cells on both sides', async () => {
    const dense = convolutionalize(vgg16, { pooling: 'none' });
    const padded = model(paddedAsInPaper(dense.model.graph, dense.input));
    const skips = ['pool4', 'pool3'];
    const paper = network(vgg16, { skips, alignment: 'paper' }, [32, 16, 8]);
    const exact = network(padded, { skips, size: [224, 224] }, [32, 16, 8]);
    const [height, width] = [90, 107];
    const [a, b] = [
      await probabilities(paper, height, width),
      await probabilities(exact, height, width),
    ];
    expect(a.dims).toEqual([1, classes, height, width]);
    let most = 0;
    // The last map's first cell stands at pixel 12.5, and before it the paper's scores fade to 0. What is summed with
    // that reaches the cell of stride 8 at 16.5, and pixels before 24.5.
    for (let c = 0; c < classes; c++)
      for (let y = 25; y < height - 25; y++)
        for (let x = 25; x < width - 25; x++) {
          const at = (c * height + y) * width + x;
          most = Math.max(most, Math.abs((a.data[at] ?? 0) - (b.data[at] ?? 1)));
        }
    expect(most).toBeLessThan(1e-5);
    // And they are no constant there.
    expect(new Set(a.data.map((p) => Math.round(p * 1e4))).size).toBeGreaterThan(20);
  });

  it.each([
    [97, 64],
    [100, 101],
    [111, 82],
  ])(
    'cover an image of %i x %i, also where a pool left the finer map a cell short',
    async (height, width) => {
      for (const alignment of ['paper', 'exact'] as const) {
        const made = network(squeezenet, { finest: 4, alignment }, [16, 8, 4]);
        const found = await probabilities(made, height, width);
        expect(found.dims).toEqual([1, classes, height, width]);
      }
    },
  );
});
