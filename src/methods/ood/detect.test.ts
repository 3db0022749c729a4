/** Detectors as they are used, and the models that they make, run by ONNX Runtime alone. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { DataError, ModelError, NotFittedError, ShapeError, UsageError } from '../../errors.js';
import { type Model, model } from '../../graph/graph.js';
import { normal } from '../../nn/init.js';
import { readSpec } from '../../onnx/metadata.js';
import { writeModel } from '../../onnx/write.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import { fillNormal, streamKey } from '../../tensor/random.js';
import { sizeOf } from '../../tensor/shape.js';
import { tensor } from '../../tensor/tensor.js';
import type { ImageRows } from '../classifier/score.js';
import { outOfDistributionDetector } from './detect.js';
import { scoredNetwork } from './network.js';
import { detectorNames } from './table.js';

const runtime = await nodeRuntime();
const shape = [2, 6, 6] as const;

/** A small network whose file fixes the batch at 1 and ends in a softmax called like an output that we make. */
function network(batch: number | string, classes = 3): Model {
  const b = builder();
  const x = b.input('image', 'float32', [batch, ...shape]);
  const w1 = b.initializer('conv.weight', normal(1, 'conv', [4, 2, 3, 3], 0.5));
  const map = b.Relu(b.Conv(x, w1, { pads: [1, 1, 1, 1] }));
  const pooled = b.Flatten(b.MaxPool(map, { kernel_shape: [2, 2], strides: [2, 2] }));
  const w2 = b.initializer('fc.weight', normal(1, 'fc', [36, classes], 0.4));
  b.output(b.Softmax(b.MatMul(pooled, w2), { axis: 1 }), 'probabilities');
  return model(b.build());
}

function images(
  count: number,
  name: string,
  scale = 1,
  dims: readonly number[] = shape,
): ImageRows {
  const size = sizeOf(dims);
  const data = new Float32Array(count * size);
  fillNormal(data, streamKey(3, 0, name), scale);
  return {
    count,
    labels: Int32Array.from({ length: count }, (_, i) => i % 3),
    rows: (from, n) => tensor('float32', [n, ...dims], data.slice(from * size, (from + n) * size)),
  };
}

const spec = {
  task: 'classification',
  classes: ['a', 'b', 'c'],
  preprocessing: null,
} as const;
const calibration = { method: 'vector', weights: [0.5, 0.6, 0.7], bias: [0, 0.1, -0.1] } as const;

describe.each(detectorNames)('%s', (name) => {
  const make = () =>
    outOfDistributionDetector(name, {
      runtime,
      network: scoredNetwork(network(1)),
      batch: 16,
      settings: { temperature: 2, epsilon: 0.05, neighbours: 2 },
    });

  it('gives in plain ONNX Runtime what it gives here', async () => {
    const detector = make();
    await detector.fit(images(40, 'training'));
    await detector.setThreshold(images(40, 'held out'), { tpr: 0.8 });
    const judged = images(21, 'judged', 1.5);
    const wanted = await detector.predict(judged, calibration);
    const made = detector.model(spec, calibration);
    const session = await InferenceSession.create(writeModel(made));
    expect([...session.outputNames].sort()).toEqual(['probabilities', 'score', 'verdict']);
    for (const count of [21, 1]) {
      const { dims, data } = await judged.rows(0, count);
      const feeds = { image: new OrtTensor('float32', data as Float32Array, dims) };
      const { probabilities, score, verdict } = await session.run(feeds);
      expect(probabilities?.dims).toEqual([count, 3]);
      expect(score?.dims).toEqual([count]);
      expect([...((verdict?.data ?? []) as Int32Array)]).toEqual([
        ...wanted.verdicts.subarray(0, count),
      ]);
      ((score?.data ?? []) as Float32Array).forEach((value, i) => {
        expect(value).toBeCloseTo(wanted.scores[i] ?? 0, 4);
      });
      ((probabilities?.data ?? []) as Float32Array).forEach((value, i) => {
        expect(value).toBeCloseTo(wanted.probabilities.data[i] ?? 0, 5);
      });
    }
    expect(wanted.verdicts).toContain(-1);
    expect(Math.max(...wanted.verdicts)).toBeGreaterThanOrEqual(0);
    const said = readSpec(made.metadata);
    expect(said?.thresholds?.['score']).toBe(detector.threshold);
    expect(said?.outputs?.['verdict']).toMatch(/-1 \(outside: not known\)/);
    expect(said?.provenance?.['detector']).toMatchObject({ name, truePositiveRate: 0.8 });
  });

  it('accepts the stated share of the held-out images', async () => {
    const detector = make();
    await detector.fit(images(40, 'training'));
    const heldOut = images(60, 'held out');
    await detector.setThreshold(heldOut, { tpr: 0.9 });
    const { verdicts } = await detector.predict(heldOut);
    const accepted = verdicts.filter((verdict) => verdict >= 0).length;
    expect(accepted).toBeGreaterThanOrEqual(54);
    expect(accepted).toBeLessThanOrEqual(56);
  });

  it('says what is missing', async () => {
    const detector = make();
    await expect(detector.score(images(2, 'x'))).rejects.toThrow(NotFittedError);
    await expect(detector.predict(images(2, 'x'))).rejects.toThrow(
      `${name}: \`predict\` before \`fit\``,
    );
    await expect(detector.setThreshold(images(2, 'x'))).rejects.toThrow(NotFittedError);
    await detector.fit(images(12, 'training'));
    expect(detector.threshold).toBeNull();
    await expect(detector.predict(images(2, 'x'))).rejects.toThrow(/before `setThreshold`/);
    expect(() => detector.model(spec)).toThrow(/before `setThreshold`/);
    await expect(detector.setThreshold(images(5, 'x'), { threshold: -1e9 })).rejects.toThrow(
      /no score of the held-out images meets the threshold -1000000000/,
    );
    await expect(detector.setThreshold(images(0, 'x'))).rejects.toThrow(DataError);
    await expect(detector.score(images(2, 'x', 1, [2, 5, 6]))).rejects.toThrow(ShapeError);
    await expect(detector.score(images(2, 'x', 1, [2, 5, 6]))).rejects.toThrow(
      /shape \[2, 5, 6\] do not fit the network, whose input "image" takes \[2, 6, 6\]/,
    );
  });
});

describe('settings and data that do not fit', () => {
  const use = (settings: object, name: 'knn' | 'mahalanobis' | 'odin' | 'energy') =>
    outOfDistributionDetector(name, {
      runtime,
      network: scoredNetwork(network('n')),
      settings,
    }).fit(images(9, 'training'));

  it('are refused', async () => {
    await expect(use({ temperature: 0 }, 'energy')).rejects.toThrow(UsageError);
    await expect(use({ epsilon: -1 }, 'odin')).rejects.toThrow(/invalid step -1 of ODIN/);
    await expect(use({ neighbours: 10 }, 'knn')).rejects.toThrow(/10th neighbour .* 9 images/);
    await expect(use({ taps: ['fcc'] }, 'mahalanobis')).rejects.toThrow(/no layer.*"fcc"/s);
    await expect(use({ taps: ['fcc'] }, 'mahalanobis')).rejects.toThrow(ModelError);
  });

  it('include classes and images that teach nothing', async () => {
    const detector = outOfDistributionDetector('mahalanobis', {
      runtime,
      network: scoredNetwork(network('n')),
    });
    const alike = { ...images(6, 'training'), labels: new Int32Array(6) };
    await expect(detector.fit(alike)).rejects.toThrow(/of one class: Mahalanobis/);
    await expect(detector.fit(images(0, 'training'))).rejects.toThrow(/needs images to learn/);
  });

  it('include a model of one class, one without rows of scores, and unknown names', () => {
    expect(() => scoredNetwork(network('n', 1))).toThrow(/1 class apart .* at least two/);
    expect(() => scoredNetwork(network('n'), { output: 'score' })).toThrow(UsageError);
    expect(() => scoredNetwork(network('n'), { input: 'x' })).toThrow(/no input "x"/);
    const b = builder();
    b.output(b.Relu(b.input('image', 'float32', ['n', 1, 4, 4])), 'map');
    expect(() => scoredNetwork(model(b.build()))).toThrow(/none is a row of two or more/);
  });
});

describe('maps as features', () => {
  it('are averaged over the image, and named by their layer', async () => {
    const detector = outOfDistributionDetector('mahalanobis', {
      runtime,
      network: scoredNetwork(network('n')),
      settings: { taps: ['conv', 'fc'] },
    });
    await detector.fit(images(40, 'training'));
    expect((await detector.score(images(3, 'x'))).every(Number.isFinite)).toBe(true);
  });
});
