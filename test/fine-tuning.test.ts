/** SqueezeNet 1.1 with its published weights, on photos: right as often as is known, fine-tuned, saved and read again. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodedSource } from '../src/data/encoded-source.js';
import { imageBatches, imageRows } from '../src/data/image-batches.js';
import { fineTuningDefaults } from '../src/methods/classifier/config.js';
import { classifierNetwork } from '../src/methods/classifier/network.js';
import { figuresOf, scorer } from '../src/methods/classifier/score.js';
import { trainClassifier } from '../src/methods/classifier/train.js';
import { predictedClasses } from '../src/metrics/classification.js';
import type { Preprocessing } from '../src/onnx/metadata.js';
import { readModel } from '../src/onnx/read.js';
import { writeModel } from '../src/onnx/write.js';
import { readModelFile } from '../src/runs/model-file.js';
import { nodeRuntime } from '../src/runtime/node.js';
import { root } from './imports.js';

const data = process.env['ESPALIER_DATA'] ?? join(root, '..', 'shared', 'data');
const file = join(data, 'models', 'squeezenet1.1.onnx');
const folder = join(data, 'imagenet-sample');

/** As the network's authors trained it: 0 to 255 less the means of ImageNet. */
const preprocessing: Preprocessing = {
  ...{ channels: 3, height: 227, width: 227, layout: 'NCHW', colour: 'rgb' },
  ...{ scale: 1, mean: [122.679, 116.669, 104.007], std: [1, 1, 1] },
};

/** The photos with their classes of ImageNet. */
function photos() {
  const [, ...lines] = readFileSync(join(folder, 'labels.csv'), 'utf8').trim().split('\n');
  return encodedSource(
    lines.map((line) => {
      const [name = '', label] = line.split(',');
      return { name, label: Number(label), content: join(folder, name) };
    }),
  );
}

/** Whether two arrays hold the same bytes: quicker than an expectation on a million numbers. */
const isSame = (a: unknown, b: unknown): boolean => {
  const [x, y] = [a, b].map((array) => {
    const { buffer, byteOffset, byteLength } = array as Uint8Array;
    return Buffer.from(buffer, byteOffset, byteLength);
  });
  return x !== undefined && y !== undefined && x.equals(y);
};

const isThere = existsSync(file) && existsSync(folder);
describe.skipIf(!isThere)(`SqueezeNet 1.1 ${isThere ? '' : `(skipped: no ${file})`}`, () => {
  it('is right on 67 of 100 photos, and learns the others', { timeout: 240_000 }, async () => {
    const runtime = await nodeRuntime();
    const source = photos();
    const rows = imageRows(source, preprocessing);
    const network = classifierNetwork(await readModelFile(file), {
      ...{ classes: 1000, head: 'keep', seed: 1 },
    });
    const judge = await scorer(runtime, network, new Set(), 20);
    const before = await judge(new Map(), rows);
    const predicted = predictedClasses(before);
    expect(rows.labels.filter((label, i) => label === predicted[i])).toHaveLength(67);

    const config = { ...fineTuningDefaults, headRate: 1, learningRate: 0.001, epochs: 0.5 };
    const { batchSize, seed } = config;
    const augmentation = { flip: true };
    const trained = await trainClassifier({
      ...{ runtime, network, config },
      batches: imageBatches(source, { network, preprocessing, batchSize, seed, augmentation }),
    });
    expect(trained.parameters.size).toBe(52);
    const after = await trained.classify(rows);
    const loss = (scores: typeof after) => figuresOf(scores, rows.labels).nll;
    expect(loss(after)).toBeLessThan(0.9 * loss(before));

    // Saved and read again: the same weights, to the last bit.
    const bytes = writeModel(trained.model());
    const again = classifierNetwork(readModel(bytes), { classes: 1000, head: 'keep', seed: 1 });
    for (const [name, { data: numbers }] of again.graph.initializers) {
      const kept = trained.parameters.get(name) ?? network.graph.initializers.get(name);
      expect(isSame(numbers, kept?.data), name).toBe(true);
    }
    expect(isSame(writeModel(readModel(bytes)), bytes)).toBe(true);
    // The same classes too as the weights give where they are inputs; the runtime rounds otherwise there.
    const few = { ...rows, count: 10 };
    const reread = await (await scorer(runtime, again, new Set(), 10))(new Map(), few);
    (await trained.classify(few)).data.forEach((value, i) => {
      expect(Math.abs(value - (reread.data[i] ?? Number.NaN))).toBeLessThan(1e-4);
    });
  });
});
