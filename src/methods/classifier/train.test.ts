/** A classifier of made-up images, trained through the whole method. */
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelError, UsageError } from '../../errors.js';
import { type Model, model } from '../../graph/graph.js';
import { normal } from '../../nn/init.js';
import { readModel } from '../../onnx/read.js';
import { writeModel } from '../../onnx/write.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import type { Runtime } from '../../runtime/runtime.js';
import { fillUniform, streamKey } from '../../tensor/random.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import type { TrainEvent } from '../../train/events.js';
import { balancedWeights, type ClassifierConfig, fineTuningDefaults } from './config.js';
import { classifierNetwork, type Network } from './network.js';
import { figuresOf, type ImageRows } from './score.js';
import { classifierStep, labelsName } from './step.js';
import { type TrainClassifierOptions, trainClassifier } from './train.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

/** (batch, 1, 4, 4) to `old` classes, its batch fixed at 1 and its scores reshaped to it, as exporters leave them. */
function source(old = 5): Model {
  const b = builder();
  const x = b.input('image', 'float32', [1, 1, 4, 4]);
  const weight = (name: string, dims: number[], std: number) =>
    b.initializer(name, normal(3, name, dims, std));
  const flat = b.Reshape(x, b.constant(tensor('int64', [2], [1, 16])));
  const hidden = b.Relu(
    b.Gemm(flat, weight('hidden.weight', [16, 12], 0.4), weight('hidden.bias', [12], 0)),
  );
  const scores = b.Add(
    b.MatMul(hidden, weight('top.weight', [12, old], 0.4)),
    weight('top.bias', [old], 0),
  );
  const shaped = b.Reshape(scores, b.constant(tensor('int64', [2], [1, old])));
  b.output(b.Softmax(shaped, { axis: 1 }), 'scores');
  return model(b.build('source'), { author: 'somebody' });
}

const names = { weight: 'top.weight', bias: 'top.bias' };
const count = 96;
/** Which quarter of the image is bright: four classes. */
const pixels = new Float32Array(count * 16);
fillUniform(pixels, streamKey(1, 0, 'pixels'));
const labels = Int32Array.from({ length: count }, (_, i) => i % 4);
labels.forEach((label, i) => {
  for (let k = 0; k < 4; k++) {
    const at = i * 16 + label * 4 + k;
    pixels[at] = (pixels[at] ?? 0) + 1;
  }
});
const rows = (from: number, n: number): Tensor<'float32'> =>
  tensor('float32', [n, 1, 4, 4], pixels.slice(from * 16, (from + n) * 16));
const images: ImageRows = { count, labels, rows };

const config: ClassifierConfig = { ...fineTuningDefaults, learningRate: 0.03, epochs: 20 };
const network = (head: 'new' | 'keep' = 'new', classes = 4): Network =>
  classifierNetwork(readModel(writeModel(source())), { classes, head, seed: 7 });

const run = (options: Partial<TrainClassifierOptions> = {}) => {
  const { batchSize } = options.config ?? config;
  return trainClassifier({
    runtime,
    session: { threads: 1 },
    network: network(),
    config,
    batches: {
      stepsPerEpoch: count / batchSize,
      batch(step) {
        const from = (step * batchSize) % count;
        const of = [...labels.subarray(from, from + batchSize)];
        return { image: rows(from, batchSize), [labelsName]: tensor('int64', [batchSize], of) };
      },
    },
    ...options,
  });
};

describe('a network read from a model', () => {
  it('has a free batch and a new head, its other weights as they were', () => {
    const made = network();
    expect(made.input.shape).toEqual(['batch', 1, 4, 4]);
    expect(made.head).toMatchObject({ ...names, classes: 4, axis: 1 });
    expect(made.graph.outputs[0]).toMatchObject({ name: 'scores', shape: ['batch', 4] });
    const before = source().graph.initializers;
    expect(made.graph.initializers.get('hidden.weight')).toEqual(before.get('hidden.weight'));
    expect(made.graph.initializers.get('top.weight')?.dims).toEqual([12, 4]);
    expect(made.metadata).toEqual({ author: 'somebody' });
  });

  it('keeps its head where the classes are as many', () => {
    const kept = network('keep', 5).graph.initializers;
    expect(kept.get('top.weight')).toEqual(source().graph.initializers.get('top.weight'));
    expect(() => network('keep', 4)).toThrow(UsageError);
    expect(() => network('keep', 4)).toThrow(/tells 5 classes apart, the data have 4/);
  });

  it('is refused where no layer with weights comes last', () => {
    const b = builder();
    b.output(b.Exp(b.input('x', 'float32', ['batch', 3])), 'y');
    const wrong = model(b.build());
    const read = () => classifierNetwork(wrong, { classes: 3, head: 'new', seed: 1 });
    expect(read).toThrow(ModelError);
    expect(read).toThrow(/no head found before the output "y": Exp/);
  });
});

describe('training', () => {
  it('learns, and the saved model says what the trained one did', async () => {
    const events: TrainEvent[] = [];
    const trained = await run({ validation: images, onEvent: (event) => void events.push(event) });
    const probabilities = await trained.classify(images);
    expect(figuresOf(probabilities, labels).error).toBeLessThan(0.05);
    const judged = events.filter((event) => event.type === 'evaluation');
    expect(judged).toHaveLength(20);
    expect(judged.at(-1)?.metrics['validationError']).toBe(figuresOf(probabilities, labels).error);

    const bytes = writeModel(trained.model({ saved: 'yes' }));
    const again = readModel(bytes);
    expect(again.metadata).toMatchObject({ saved: 'yes' });
    const session = await runtime.load(bytes, { threads: 1 });
    const { scores } = await session.run({ image: rows(0, count) });
    const saved = scores as Tensor<'float32'>;
    saved.data.forEach((value, i) => {
      expect(value).toBeCloseTo(probabilities.data[i] ?? Number.NaN, 6);
    });
  });

  it('of the head alone leaves the rest', async () => {
    const trained = await run({ config: { ...config, train: ['head'], epochs: 2 } });
    expect([...trained.parameters.keys()]).toEqual(['top.weight', 'top.bias']);
  });

  it('by patterns, with rates of their own', async () => {
    const chosen = { ...config, train: ['hidden.*', 'head'], rates: ['hidden.*=0'], epochs: 2 };
    const trained = await run({ config: chosen });
    const before = source().graph.initializers.get('hidden.weight');
    expect(trained.parameters.get('hidden.weight')?.data).toEqual(before?.data);
    expect(trained.parameters.get('top.weight')?.data).not.toEqual(
      network().graph.initializers.get('top.weight')?.data,
    );
    expect(() => classifierStep(network(), { ...config, train: ['conv*'] })).toThrow(
      /no weight of the model is called "conv\*"\. There are hidden.weight, hidden.bias, top.weight/,
    );
  });

  it('with every option of the loss and the optimizer', async () => {
    const classWeights = balancedWeights(labels, 4);
    expect(classWeights).toEqual([1, 1, 1, 1]);
    for (const optimizer of ['sgd', 'nesterov', 'adam'] as const) {
      const trained = await run({
        config: {
          ...config,
          optimizer,
          ...{ classWeights, labelSmoothing: 0.1, clip: 1, biasRate: 2, decay: 'all', epochs: 4 },
          ...{ schedule: 'poly', learningRate: optimizer === 'adam' ? 0.005 : 0.03 },
        },
      });
      expect(figuresOf(await trained.classify(images), labels).error).toBeLessThan(0.5);
    }
  });

  it('falls to a tenth of the rate at a share of the run, within an epoch too', async () => {
    const rates: number[] = [];
    await run({
      config: { ...config, batchSize: 4, epochs: 1, schedule: 'step:0.5' },
      onEvent: (event) => void (event.type === 'step' && rates.push(event.learningRate)),
    });
    const half = rates.length / 2;
    expect(rates.map((rate) => rate / 0.03)).toEqual(rates.map((_, i) => (i < half ? 1 : 0.1)));
  });

  it('ends early where the validation error stays', async () => {
    const worst = { ...config, learningRate: 1e-9, epochs: 50 };
    const trained = await run({ config: worst, validation: images, patience: 3 });
    expect(trained.reason).toBe('stopped early');
    expect(trained.step).toBe((4 * count) / config.batchSize);
  });

  it('refuses settings that make no sense', async () => {
    for (const wrong of [
      { labelSmoothing: 1 },
      { classWeights: [1, 2] },
      { epochs: 0 },
      { clip: 0 },
      { rates: ['fast'] },
      { rates: ['hiden.*=0.1'] },
      { train: [] },
    ])
      await expect(run({ config: { ...config, ...wrong } })).rejects.toThrow(UsageError);
    await expect(run({ patience: 3 })).rejects.toThrow(/patience needs validation data/);
    // Counted from 1.
    const of = [1, 2, 3, 4, 1, 2, 3, 4];
    const batch = () => ({ image: rows(0, 8), [labelsName]: tensor('int64', [8], of) });
    await expect(run({ batches: { stepsPerEpoch: 12, batch } })).rejects.toThrow(
      /an image has the label 4, where classes go from 0 to 3/,
    );
  });
});
