import { describe, expect, it } from 'vitest';
import { readModel } from '../../onnx/read.js';
import { writeModel } from '../../onnx/write.js';
import { nodeRuntime } from '../../runtime/node.js';
import { fillUniform, streamKey } from '../../tensor/random.js';
import type { Images } from './batches.js';
import {
  classifier,
  classifierModel,
  foldNormalization,
  pixelsOf,
  statisticsOf,
} from './classifier.js';
import { type LadderConfig, ladderConfig } from './config.js';
import { ladderStep } from './step.js';
import { errorOf, trainLadder } from './train.js';

const runtime = await nodeRuntime();
const pixels = 9;
const config: LadderConfig = {
  ...ladderConfig('100', 'full', pixels, 2, [6, 5]),
  batchSize: 20,
  inputNoise: 0.05,
  layerNoise: 0.05,
};

/** Images of two classes, dark and bright, class by class. */
function images(count: number): Images {
  const unit = new Float32Array(count * pixels);
  fillUniform(unit, streamKey(1, 0, 'images'));
  const labels = Int32Array.from({ length: count }, (_, i) => (i < count / 2 ? 0 : 1));
  const bytes = Uint8Array.from(
    unit,
    (value, i) => 120 * value + (labels[Math.floor(i / pixels)] ?? 0) * 120,
  );
  return { images: bytes, count, labels };
}

describe('the statistics for testing', () => {
  it('are those of the clean pass over one batch, the variance unbiased', async () => {
    const set = images(20);
    const { initial, parameters } = ladderStep(config);
    const known = new Map([...initial].filter(([name]) => parameters.includes(name)));
    const { mean, variance } = await (await statisticsOf(runtime, config, set))(known);
    const x = pixelsOf(set, 0, 20, pixels);
    const W = known.get('encoder.0.W')?.data as Float32Array;
    for (let unit = 0; unit < 6; unit++) {
      const z = Array.from({ length: 20 }, (_, row) => {
        let sum = 0;
        for (let k = 0; k < pixels; k++)
          sum += (W[unit * pixels + k] ?? 0) * (x[row * pixels + k] ?? 0);
        return sum;
      });
      const average = z.reduce((a, c) => a + c, 0) / 20;
      expect(mean[0]?.[unit]).toBeCloseTo(average, 5);
      expect(variance[0]?.[unit]).toBeCloseTo(
        z.reduce((a, c) => a + (c - average) ** 2, 0) / 19,
        4,
      );
    }
  });

  it('do not depend on labelled images coming class by class', async () => {
    const set = images(80);
    const { initial, parameters } = ladderStep(config);
    const known = new Map([...initial].filter(([name]) => parameters.includes(name)));
    const whole = await (await statisticsOf(runtime, { ...config, batchSize: 80 }, set))(known);
    const parts = await (await statisticsOf(runtime, config, set))(known);
    parts.variance[0]?.forEach((value, unit) => {
      expect(value / (whole.variance[0]?.[unit] ?? 0)).toBeGreaterThan(0.7);
    });
  });
});

describe('the classifier', () => {
  it('learns, and is the same as a file', { timeout: 60_000 }, async () => {
    const set = images(80);
    const shape = [1, 3, 3];
    const trained = await trainLadder({
      runtime,
      session: { threads: 1 },
      config: { ...config, epochs: 30, learningRate: 0.01 },
      data: { labelled: set, unlabelled: set, validation: set, shape },
    });
    const probabilities = await trained.classify(set);
    expect(errorOf(probabilities, set)).toBeLessThan(0.05);
    expect(trained.step).toBe(30 * 4);
    const unjudged = { labelled: set, unlabelled: null, validation: null, shape };
    await expect(trainLadder({ runtime, config, data: unjudged, patience: 2 })).rejects.toThrow(
      /patience needs validation data/,
    );

    const made = classifierModel(config, shape, trained.weights, { kept: 'yes' });
    const read = readModel(writeModel(made));
    expect(read.metadata).toMatchObject({ kept: 'yes' });
    expect(read.graph.nodes.map(({ op }) => op)).toEqual([
      'Flatten',
      'Gemm',
      'Relu',
      'Gemm',
      'Relu',
      'Gemm',
      'Softmax',
    ]);
    const session = await runtime.load(read);
    const results = await session.run({
      pixel_values: { dtype: 'float32', dims: [80, ...shape], data: pixelsOf(set, 0, 80, pixels) },
    });
    expect(results['logits']?.dims).toEqual([80, 2]);
    const fromFile = results['probabilities']?.data as Float32Array;
    probabilities.data.forEach((value, i) => {
      expect(fromFile[i]).toBeCloseTo(value, 5);
    });
  });

  it('folds normalisation into weights and biases', async () => {
    const { initial } = ladderStep(config);
    const statistics = {
      mean: [6, 5, 2].map((units) => new Float64Array(units).fill(0.5)),
      variance: [6, 5, 2].map((units) => new Float64Array(units).fill(4)),
    };
    const folded = foldNormalization(config, initial, statistics);
    const W = initial.get('encoder.0.W')?.data as Float32Array;
    expect(folded.get('layer.1.weight')?.data[7]).toBeCloseTo((W[7] ?? 0) / 2, 6);
    expect(folded.get('layer.1.bias')?.data[0]).toBeCloseTo(-0.25, 6);
    const classify = await classifier(runtime, config, [1, 3, 3]);
    const rows = await classify(folded, images(4));
    expect(rows.dims).toEqual([4, 2]);
    expect((rows.data[0] ?? 0) + (rows.data[1] ?? 0)).toBeCloseTo(1, 5);
  });
});
