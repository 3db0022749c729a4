/** Whole runs, in small: what is learnt, and what is done where a network collapses. */
import { beforeAll, describe, expect, it } from 'vitest';
import { TrainingError } from '../../errors.js';
import { buildModel } from '../../nn/models/build-model.js';
import { models } from '../../nn/models/table.js';
import { nodeRuntime } from '../../runtime/node.js';
import type { Runtime } from '../../runtime/runtime.js';
import { fillNormal, fillUniform, streamKey } from '../../tensor/random.js';
import { type Tensor, tensor, zeros } from '../../tensor/tensor.js';
import type { CheckpointStore } from '../../train/events.js';
import { classifierNetwork } from '../classifier/network.js';
import type { ImageRows } from '../classifier/score.js';
import { labelsName } from '../classifier/step.js';
import { diversityOf, requireAlive, requireDiverse } from './collapse.js';
import { type ConfidentConfig, checkConfident, confidentPresets } from './config.js';
import { type ConfidentBatches, type TrainConfidentOptions, trainConfident } from './train.js';
import { names } from './updates.js';

const image = [1, 8, 8] as const;
const [n, size, perEpoch] = [8, 64, 6];

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

/** Dark images are class 0, bright ones class 1. */
function images(count: number, step: number): { x: Tensor<'float32'>; labels: Int32Array } {
  const x = zeros('float32', [count, ...image]);
  fillNormal(x.data, streamKey(5, step, 'images'), 0.05);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  x.data.forEach((value, i) => {
    x.data[i] = value + (labels[Math.floor(i / size)] === 1 ? 0.8 : 0.2);
  });
  return { x, labels };
}

function rowsOf(count: number, step: number): ImageRows {
  const { x, labels } = images(count, step);
  const rows = (from: number, many: number) =>
    tensor('float32', [many, ...image], x.data.subarray(from * size, (from + many) * size));
  return { count, labels, rows };
}

const noise = (step: number): Tensor<'float32'> => {
  const x = zeros('float32', [n, ...image]);
  fillUniform(x.data, streamKey(6, step, 'noise'));
  return x;
};

function batchesOf(method: ConfidentConfig['method']): ConfidentBatches {
  return {
    stepsPerEpoch: perEpoch,
    batch(step) {
      const { x, labels } = images(n, step);
      return {
        image: x,
        [labelsName]: tensor('int64', [n], Array.from(labels)),
        ...(method === 'confidence' && { [names.outside]: noise(step) }),
      };
    },
  };
}

type Changes = Partial<ConfidentConfig>;

function start(changes: Changes, more: Partial<TrainConfidentOptions> = {}) {
  const config: ConfidentConfig = {
    ...confidentPresets['two-cores'],
    ...{ batchSize: n, latents: 4, ganWidth: 0.05, epochs: 6, learningRate: 0.01, warmUp: 0 },
    ...changes,
  };
  const built = buildModel(models['small-cnn'], {
    ...{ classes: 2, input: image, width: 0.1, seed: 1 },
  });
  const network = classifierNetwork(built, { classes: 2, head: 'keep', seed: 1 });
  const notices: string[] = [];
  const run = trainConfident({
    ...{ runtime, session: { threads: 1 }, network, config, image },
    ...{ batches: batchesOf(config.method), probe: rowsOf(32, 1000) },
    onEvent: (event) => {
      if (event.type === 'notice') notices.push(event.message);
    },
    ...more,
  });
  return { run, notices };
}

describe('trainConfident', () => {
  it('learns to be unsure of what it is shown from outside, and cross-entropy alone does not', async () => {
    const sure: number[] = [];
    for (const method of ['ce', 'confidence'] as const) {
      const { classify, restarts } = await start({ method, epochs: 10 }).run;
      expect(restarts).toBe(0);
      const own = await classify(rowsOf(32, 2000));
      own.data.forEach((p, at) => {
        if (at % 2 === (at >> 1) % 2) expect(p).toBeGreaterThan(0.9);
      });
      const far = await classify({
        ...{ count: n, labels: new Int32Array(n), rows: () => noise(3000) },
      });
      sure.push(Math.max(...far.data));
    }
    expect(sure[1]).toBeLessThan(0.75);
    expect(sure[0]).toBeGreaterThan(sure[1] ?? 1);
  });

  it('shows the images of the generator with the confidence of the classifier', async () => {
    const epochs: number[] = [];
    const evaluations: Readonly<Record<string, number>>[] = [];
    const { run } = start(
      { method: 'joint', epochs: 2 },
      {
        onSamples({ epoch, images: made, confidence }) {
          epochs.push(epoch);
          expect(made.dims).toEqual([64, ...image]);
          for (const value of confidence) expect(value).toBeGreaterThanOrEqual(0.5);
        },
        onEvent: (event) => {
          if (event.type === 'evaluation') evaluations.push(event.metrics);
        },
      },
    );
    await run;
    expect(epochs).toEqual([1, 2]);
    expect(Object.keys(evaluations[0] ?? {})).toEqual([
      ...['deadUnits', 'generatorDiversity', 'generatorConfidence'],
    ]);
  });

  it('goes back to the last checkpoint where the classifier has collapsed, and ends well', async () => {
    // To a network that sees one image for all, all are the same.
    const shown = rowsOf(32, 1000);
    let looks = 0;
    const rows: ImageRows['rows'] = (from, count) =>
      looks++ === 2
        ? tensor('float32', [count, ...image], new Float32Array(count * size))
        : shown.rows(from, count);
    const { run, notices } = start({ method: 'ce' }, { probe: { ...shown, rows } });
    const { restarts, classify } = await run;
    expect(restarts).toBe(1);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(
      /the classifier collapsed after 3\.00 epochs: .*Going back to step 12, with a learning rate of 0\.005$/,
    );
    const { data } = await classify(rowsOf(32, 2000));
    expect(Math.abs((data[0] ?? 0) - (data[2] ?? 0))).toBeGreaterThan(0.5);
  });

  it('gives up after three times, keeps the checkpoint, and says what may help', async () => {
    const saved: string[] = [];
    const kept = new Map<string, Uint8Array>();
    const store: CheckpointStore = {
      async save(kind, bytes) {
        saved.push(kind);
        kept.set(kind, bytes);
      },
      load: async (kind) => kept.get(kind) ?? null,
    };
    const { run, notices } = start(
      { method: 'ce', learningRate: 1000, clip: null, epochs: 8 },
      { store },
    );
    await expect(run).rejects.toThrow(TrainingError);
    await expect(run).rejects.toThrow(
      /collapsed .* every unit of .* is dead.*went back 3 times before.*checkpoint of step \d+ is kept\. Let the learning rate rise \(schedule warmup:0\.5\+constant\), choose a lower one/,
    );
    expect(notices).toHaveLength(3);
    expect(saved.length).toBeGreaterThanOrEqual(3);
  });
});

describe('a collapse', () => {
  const probe = { spread: 0.5, predicted: 2, dead: 0.1, deadLayers: [] };

  it('is one answer to everything, at once or where it lasts', () => {
    expect(() => requireAlive(probe, 3, 500)).not.toThrow();
    expect(() => requireAlive({ ...probe, spread: 1e-9 }, 0.1, 9)).toThrow(
      /the same probabilities/,
    );
    // One class for all is how slow beginnings look.
    expect(() => requireAlive({ ...probe, predicted: 1 }, 1, 500)).not.toThrow();
    expect(() => requireAlive({ ...probe, predicted: 1 }, 9, 100)).not.toThrow();
    expect(() => requireAlive({ ...probe, predicted: 1 }, 2, 200)).toThrow(
      /the same class to every image, 10 % of its units are dead/,
    );
  });

  it('of a generator is images that are one and the same', () => {
    const alike = new Float32Array(4 * size).fill(0.3);
    expect(diversityOf(alike, 4)).toBeLessThan(1e-6);
    expect(() => requireDiverse(diversityOf(alike, 4), 1)).toThrow(
      /the generator collapsed after 1\.00 epochs/,
    );
    const different = alike.map((value, i) => value + (i < size ? 0.2 : 0));
    expect(() => requireDiverse(diversityOf(different, 4), 1)).not.toThrow();
  });
});

describe('checkConfident', () => {
  it('wants two classes, and settings that make sense', () => {
    const config = confidentPresets.svhn;
    expect(() => checkConfident(config, 10)).not.toThrow();
    expect(() => checkConfident(config, 1)).toThrow(/two classes or more .* got 1/);
    const wrong: [Changes, RegExp][] = [
      [{ beta: -1 }, /invalid beta: a number from 0 on, got -1/],
      [{ batchSize: 1 }, /invalid batchSize: a whole number from 2 on/],
      [{ ganBeta1: 1 }, /invalid ganBeta1/],
      [{ latents: 0.5 }, /invalid latents/],
      [{ learningRate: 0 }, /invalid learningRate/],
    ];
    for (const [changes, sentence] of wrong)
      expect(() => checkConfident({ ...config, ...changes }, 10)).toThrow(sentence);
  });
});
