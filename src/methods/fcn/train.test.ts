/** Segmenters of made-up scenes, trained through the whole method. */
import { beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../errors.js';
import { model } from '../../graph/graph.js';
import { layers } from '../../nn/layers.js';
import { readModel } from '../../onnx/read.js';
import { writeModel } from '../../onnx/write.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import type { Runtime } from '../../runtime/runtime.js';
import { fillUniform, streamKey } from '../../tensor/random.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import type { CheckpointKind, CheckpointStore, TrainEvent } from '../../train/events.js';
import { type FcnConfig, fcnPresets } from './config.js';
import { type FcnNetwork, fcnNetwork } from './network.js';
import { confusionOver, type LabelledScenes, largest, segmenter } from './score.js';
import { fcnStep, pixelLabelsName } from './step.js';
import { type TrainFcnOptions, trainFcn, trainStages } from './train.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

/** Stride 4 with maps of stride 1 and 2 on the way, then a linear layer over all of 16 x 16. */
function source() {
  const b = builder();
  const net = layers(b, 3);
  const image = b.input('image', 'float32', ['batch', 1, 16, 16]);
  let x = b.Relu(net.conv('conv1', image, 8, { kernel: 3, pad: 1 }));
  x = net.maxPool(x, { kernel: 2 });
  x = b.Relu(net.normalize('bn2', net.conv('conv2', x, 12, { kernel: 3, pad: 1 })));
  x = net.maxPool(x, { kernel: 2 });
  x = net.dropout(b.Relu(net.conv('conv3', x, 16, { kernel: 3, pad: 1 })), 0.2);
  b.output(net.linear('top', net.b.Flatten(net.b.GlobalAveragePool(x)), 7), 'logits');
  return model(b.build('source'));
}

const [height, width] = [24, 28];
const classes = 3;
/** A dark ground with one bright and one middling box; a row of void. */
function scene(seed: number): { pixels: Float32Array; labels: Int32Array } {
  const pixels = new Float32Array(height * width);
  fillUniform(pixels, streamKey(seed, 0, 'noise'));
  const labels = new Int32Array(height * width);
  const places = new Float32Array(4);
  fillUniform(places, streamKey(seed, 0, 'places'));
  for (let box = 1; box < classes; box++) {
    const top = Math.floor((places[box * 2 - 2] ?? 0) * (height - 8));
    const left = Math.floor((places[box * 2 - 1] ?? 0) * (width - 8));
    for (let y = top; y < top + 8; y++) labels.fill(box, y * width + left, y * width + left + 8);
  }
  pixels.forEach((noise, i) => {
    pixels[i] = 0.2 * noise + 1.5 * (labels[i] ?? 0) - 1;
  });
  labels.fill(255, 0, width);
  return { pixels, labels };
}

const batchSize = 4;
const batches = {
  stepsPerEpoch: 10,
  size: [height, width] as const,
  batch(step: number) {
    const images = Array.from({ length: batchSize }, (_, i) => scene(1 + ((step * 4 + i) % 40)));
    return {
      image: tensor(
        'float32',
        [batchSize, 1, height, width],
        images.flatMap(({ pixels }) => [...pixels]),
      ),
      [pixelLabelsName]: tensor(
        'int32',
        [batchSize, height, width],
        images.flatMap(({ labels }) => [...labels]),
      ),
    };
  },
};
const validation: LabelledScenes = {
  count: 4,
  scene(i) {
    const { pixels, labels } = scene(100 + i);
    return { image: tensor('float32', [1, 1, height, width], pixels), labels };
  },
};

const config: FcnConfig = {
  ...fcnPresets.modern,
  batchSize,
  learningRate: 0.02,
  epochs: 10,
};
const network = (finest = 4): FcnNetwork => fcnNetwork(source(), { classes, finest });
const run = (options: Partial<TrainFcnOptions> = {}) =>
  trainFcn({
    ...{ runtime, session: { threads: 1 }, network: network(1), config, batches },
    ...options,
  });

/** Checkpoints in memory. */
function memory(): CheckpointStore {
  const kept = new Map<CheckpointKind, Uint8Array>();
  return {
    save: async (kind, bytes) => void kept.set(kind, bytes),
    load: async (kind) => kept.get(kind) ?? null,
  };
}

describe('training', () => {
  it('learns, and the saved model says what the trained one did', async () => {
    const events: TrainEvent[] = [];
    // Seeds 1 to 12 reach 0.866 to 0.903 in twelve epochs; in ten, 0.843 to 0.890.
    const trained = await run({
      config: { ...config, epochs: 12 },
      validation,
      onEvent: (event) => void events.push(event),
    });
    const judged = events.flatMap((event) => (event.type === 'evaluation' ? [event.metrics] : []));
    expect(judged).toHaveLength(12);
    expect(judged.at(-1)?.['meanIu']).toBeGreaterThan(0.85);
    const again = readModel(writeModel(trained.model({ saved: 'yes' })));
    expect(again.metadata).toMatchObject({ saved: 'yes' });
    const session = await runtime.load(writeModel(again), { threads: 1 });
    const { image } = await validation.scene(0);
    const { probabilities } = await session.run({ image });
    expect(largest(probabilities as Tensor<'float32'>)).toEqual(await trained.segment(image));
  });

  it('goes from coarse to fine, each stage at its own rate, and resumes where it was', async () => {
    const networks = [4, 2, 1].map(network);
    const stores = networks.map(memory);
    const events: TrainEvent[] = [];
    const options = {
      ...{ runtime, session: { threads: 1 }, networks, batches, validation },
      config: { ...config, epochs: 3, stageRate: 0.5, schedule: 'constant' },
      storeOf: (stage: number) => stores[stage] as CheckpointStore,
      onEvent: (event: TrainEvent) => void events.push(event),
    };
    const stages = await trainStages(options);
    expect(stages.map((each) => each.network.stride)).toEqual([4, 2, 1]);
    const rates = events.flatMap((event) => (event.type === 'step' ? [event.learningRate] : []));
    expect([...new Set(rates)]).toEqual([0.02, 0.01, 0.005]);
    const figures = events.flatMap((event) =>
      event.type === 'evaluation' ? [event.metrics['meanIu'] ?? 0] : [],
    );
    expect(figures[8]).toBeGreaterThan(figures[2] ?? 1);
    const again = await trainStages({ ...options, resume: true });
    expect(again.map(({ step }) => step)).toEqual([30, 30, 30]);
    expect(again[2]?.parameters).toEqual(stages[2]?.parameters);
  });

  it('stops at an interruption, and the stages after it do not begin', async () => {
    const stop = new AbortController();
    const stages = await trainStages({
      ...{ runtime, session: { threads: 1 }, networks: [4, 2].map(network), batches, config },
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 3 && stop.abort(),
    });
    expect(stages).toHaveLength(1);
    expect(stages[0]).toMatchObject({ reason: 'interrupted', step: 3 });
  });

  it('takes every loss, weights of classes, live normalisation and learned kernels', async () => {
    const steps = { ...config, epochs: 1, classWeights: [0.5, 1, 2] };
    for (const loss of ['focal', 'dice', 'cross-entropy+dice'] as const)
      await run({ config: { ...steps, loss, batchNorm: 'live' } });
    const learned = await run({ config: { ...steps, upsampling: 'learned', clip: 1 } });
    const kernels = network(1).kernels;
    expect(kernels).toEqual(['upscore_4to2.weight', 'upscore_2to1.weight']);
    for (const kernel of kernels) {
      const [before, after] = [network(1).graph.initializers, learned.parameters].map((weights) =>
        weights.get(kernel),
      );
      expect(after?.data).not.toEqual(before?.data);
    }
    const step = (upsampling: FcnConfig['upsampling']) =>
      fcnStep(network(1), { ...config, upsampling }, [height, width]).parameters;
    expect(step('intermediate')).toContain(kernels[0]);
    expect(step('intermediate')).not.toContain(kernels[1]);
    expect(step('fixed')).not.toContain(kernels[0]);
  });

  it("takes the paper's recipes", async () => {
    const online = { ...fcnPresets['paper-online'], epochs: 1, batchSize, learningRate: 1e-6 };
    const batch = { ...fcnPresets['paper-batch'], epochs: 1, batchSize, train: ['scores'] };
    for (const chosen of [online, batch]) {
      const { parameters } = await run({ config: chosen });
      expect(parameters.has('score_4.weight')).toBe(true);
    }
  });

  it('refuses settings that make no sense, and labels beyond the classes', async () => {
    for (const wrong of [
      { epochs: 0 },
      { classWeights: [1, 2] },
      { stageRate: 0 },
      { train: ['conv9*'] },
    ])
      await expect(run({ config: { ...config, ...wrong } })).rejects.toThrow(UsageError);
    const labels = tensor('int32', [batchSize, height, width], new Int32Array(4 * 24 * 28).fill(7));
    const wrong = { ...batches, batch: (k: number) => ({ ...batches.batch(k), labels }) };
    await expect(run({ batches: wrong })).rejects.toThrow(/loss became NaN/);
  });
});

describe('the confusion of scenes', () => {
  it('leaves void out', async () => {
    const counted = await confusionOver(
      async () => new Uint8Array(height * width),
      new Map(),
      validation,
      classes,
    );
    expect(counted.counts.reduce((a, c) => a + c)).toBe(4 * (height - 1) * width);
  });

  it('is not that of a network that diverged', async () => {
    const segmented = network();
    const bias = segmented.scores[0]?.bias ?? '';
    const segment = await segmenter(runtime, segmented, new Set([bias]));
    const diverged = new Map([[bias, tensor('float32', [3], [0, Number.NaN, 0])]]);
    await expect(confusionOver(segment, diverged, validation, classes)).rejects.toThrow(
      /the score of class 1 at row 0, column 0 is not a number/,
    );
  });
});
