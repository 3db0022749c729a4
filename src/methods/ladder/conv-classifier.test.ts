import { describe, expect, it } from 'vitest';
import { model } from '../../graph/graph.js';
import { readModel } from '../../onnx/read.js';
import { writeModel } from '../../onnx/write.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import { fillUniform, streamKey } from '../../tensor/random.js';
import { type Tensor, tensor, toNumbers } from '../../tensor/tensor.js';
import type { Images } from './batches.js';
import { pixelsOf } from './classifier.js';
import {
  convClassifier,
  convClassifierModel,
  convStatisticsOf,
  foldConv,
  prepared,
} from './conv-classifier.js';
import {
  type ConvLadderConfig,
  type ConvNetwork,
  convLadderConfig,
  modesOf,
  networkShape,
} from './conv-config.js';
import { encodeConv } from './conv-encoder.js';
import { convLadderStep } from './conv-step.js';
import { trainConvLadder } from './conv-train.js';
import { errorOf } from './train.js';
import { whiteningOf } from './whitening.js';

const runtime = await nodeRuntime();

/** Images of two classes, class by class: bright above or bright below. */
function images(count: number, shape: readonly [number, number, number]): Images {
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const unit = new Float32Array(count * size);
  fillUniform(unit, streamKey(1, 0, 'images'));
  const labels = Int32Array.from({ length: count }, (_, i) => (i < count / 2 ? 0 : 1));
  const bytes = Uint8Array.from(unit, (value, i) => {
    const isBelow = Math.floor(i / width) % height >= height / 2;
    return 120 * value + (isBelow === (labels[Math.floor(i / size)] === 1) ? 120 : 0);
  });
  return { images: bytes, count, labels };
}

function configOf(network: ConvNetwork, shape: readonly [number, number, number]) {
  const [mode = 'gamma'] = modesOf(network);
  return { ...convLadderConfig(network, mode, shape, 2), batchSize: 12 };
}

/** Initial parameters, the shifts and scales among them moved away from 0 and 1. */
function parametersOf(config: ConvLadderConfig, whitening: Map<string, Tensor> | null) {
  const { initial, parameters } = convLadderStep(config, whitening);
  return new Map(
    parameters.map((name): [string, Tensor] => {
      const value = initial.get(name) as Tensor;
      const offset = new Float32Array(value.data.length);
      fillUniform(offset, streamKey(2, 0, name));
      const moved = toNumbers(value).map((x, i) => x + (offset[i] ?? 0) - 0.5);
      return [name, /beta|gamma/.test(name) ? tensor('float32', value.dims, moved) : value];
    }),
  );
}

/** Logits of the clean pass over a whole set, normalised by its own statistics. */
async function cleanLogits(
  config: ConvLadderConfig,
  parameters: ReadonlyMap<string, Tensor>,
  set: Images,
  whitening: Map<string, Tensor> | null,
): Promise<number[]> {
  const pixels = set.images.length / set.count;
  const b = builder();
  const rows = b.input('rows', 'float32', [set.count, pixels]);
  const image = prepared(b, config, rows, whitening);
  const { logits } = encodeConv(b, config, networkShape(config), image, 'clean');
  b.output(b.Transpose(logits, { perm: [1, 0] }), 'logits');
  const session = await runtime.load(model(b.build('clean', 'inputs')));
  const known = [...parameters].filter(([name]) => session.inputs.includes(name));
  const results = await session.run({
    ...Object.fromEntries(known),
    rows: tensor('float32', [set.count, pixels], pixelsOf(set, 0, set.count, pixels)),
  });
  return Array.from(results['logits']?.data as Float32Array);
}

describe('the classifier that normalisation is folded into', () => {
  it.each([
    ['conv-small', [1, 10, 11]],
    ['conv-large', [3, 22, 23]],
    ['conv-fc', [1, 28, 28]],
  ] as const)(
    '%s is the clean pass with fixed statistics',
    { timeout: 60_000 },
    async (network, shape) => {
      const config = configOf(network, shape);
      const set = images(12, shape);
      const whitening =
        config.whitening === 'zca' ? new Map(await whiteningOf(runtime, set)) : null;
      const parameters = parametersOf(config, whitening);
      const statistics = await (await convStatisticsOf(runtime, config, set, whitening))(
        parameters,
      );
      // The clean pass divides by n, the statistics for testing by n - 1.
      const variance = statistics.variance.map((layer) => layer.map((value) => (value * 11) / 12));
      const weights = foldConv(config, parameters, { ...statistics, variance }, whitening);

      const made = convClassifierModel(config, weights, { kept: 'yes' });
      const read = readModel(writeModel(made));
      expect(read.metadata).toMatchObject({ kept: 'yes' });
      const session = await runtime.load(read);
      const pixels = set.images.length / set.count;
      const results = await session.run({
        pixel_values: tensor('float32', [12, ...shape], pixelsOf(set, 0, 12, pixels)),
      });
      expect(results['logits']?.dims).toEqual([12, 2]);
      const logits = Array.from(results['logits']?.data as Float32Array);
      const expected = await cleanLogits(config, parameters, set, whitening);
      logits.forEach((value, i) => {
        expect(Math.abs(value - (expected[i] ?? 0))).toBeLessThan(2e-3);
      });
      const classify = await convClassifier(runtime, config);
      const probabilities = await classify(weights, set);
      const fromFile = results['probabilities']?.data as Float32Array;
      probabilities.data.forEach((value, i) => {
        expect(value).toBeCloseTo(fromFile[i] ?? 0, 4);
      });
    },
  );
});

describe('training', () => {
  it.each(['gamma', 'supervised'] as const)(
    'learns in mode %s',
    { timeout: 60_000 },
    async (mode) => {
      const shape = [1, 12, 12] as const;
      const set = images(40, shape);
      const config = convLadderConfig('conv-small', mode, shape, 2);
      const trained = await trainConvLadder({
        runtime,
        session: { threads: 1 },
        config: { ...config, batchSize: 20, epochs: 12, learningRate: 0.01 },
        data: { labelled: set, unlabelled: set, validation: set, shape },
      });
      expect(trained.step).toBe(24);
      expect(errorOf(await trained.classify(set), set)).toBeLessThan(0.05);
    },
  );
});

describe('settings', () => {
  it('are refused where a network has none for a mode', () => {
    expect(() => convLadderConfig('conv-small', 'full', [1, 28, 28], 10)).toThrow(
      'conv-small has no settings for the mode full: its modes are gamma (the default) and supervised',
    );
  });

  it.each([
    ['conv-small', [1, 28, 28], [16, 8]],
    ['conv-large', [3, 32, 32], [17, 8]],
  ] as const)('%s have pools whose last window may be cut off', (network, shape, sizes) => {
    const { layers } = networkShape(convLadderConfig(network, 'gamma', shape, 10));
    const pools = layers.filter(({ layer }) => layer.kind === 'maxPool');
    expect(pools.map(({ output }) => output[1])).toEqual(sizes);
  });

  it('are refused where images are too small', () => {
    const config = convLadderConfig('conv-fc', 'full', [1, 20, 20], 10);
    expect(() => networkShape(config)).toThrow(
      'images of 20 x 20 are too small for conv-fc: its layer 1 takes larger maps than 20 x 20. Give --height and --width, as 28 x 28',
    );
  });
});
