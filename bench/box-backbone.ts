/** The network that the boxes' hypercolumns are read from: scene net, trained to tell single digits on textured grounds. */

import { boxInput } from '../src/data/detection/box-images.js';
import { digitScenes } from '../src/data/segmentation/digits.js';
import { internal } from '../src/errors.js';
import type { Model } from '../src/graph/graph.js';
import { fromScratchDefaults } from '../src/methods/classifier/config.js';
import { classifierNetwork } from '../src/methods/classifier/network.js';
import { labelsName } from '../src/methods/classifier/step.js';
import { trainClassifier } from '../src/methods/classifier/train.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { sceneNet } from '../src/nn/models/scene-net.js';
import type { Preprocessing } from '../src/onnx/metadata.js';
import type { Runtime } from '../src/runtime/runtime.js';
import { permutation, streamKey } from '../src/tensor/random.js';
import { tensor } from '../src/tensor/tensor.js';

/** Pixels along a side of all scenes. */
const side = 64;
/** How images go into it. */
export const preprocessing: Preprocessing = {
  ...{ channels: 3, height: side, width: side, layout: 'NCHW', colour: 'rgb' },
  ...{ scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
};

const batchSize = 32;
const epochs = 4;

/** Trains it; some two minutes on one core. Its error on held-out scenes goes to `progress`. */
export async function trainBackbone(
  runtime: Runtime,
  seed: number,
  threads: number,
  progress: (line: string) => void,
): Promise<Model> {
  const count = 3000;
  const scenes = await digitScenes({
    digits: [1, 1],
    train: count,
    validation: 300,
    test: 0,
    seed,
  });
  const network = classifierNetwork(buildModel(sceneNet, { classes: 10, seed }), {
    ...{ classes: 10, head: 'keep', seed },
  });
  const area = 3 * side * side;
  const rowsOf = async (source: typeof scenes.train, indices: readonly number[]) => {
    const pixels = new Float32Array(indices.length * area);
    const labels: number[] = [];
    for (const [n, index] of indices.entries()) {
      const { image, instances = [] } = await source.decode(index);
      pixels.set(boxInput(image, preprocessing).data as Float32Array, n * area);
      labels.push((instances[0]?.classId ?? 1) - 1);
    }
    return { images: tensor('float32', [indices.length, 3, side, side], pixels), labels };
  };
  const held = scenes.validation ?? internal('scenes without validation');
  const all = Array.from({ length: held.count }, (_, i) => i);
  const validation = await rowsOf(held, all);
  const stepsPerEpoch = Math.floor(count / batchSize);
  const trained = await trainClassifier({
    ...{ runtime, network, session: { threads } },
    config: {
      ...fromScratchDefaults,
      ...{ optimizer: 'adam', learningRate: 3e-3, schedule: 'cosine', batchSize, epochs, seed },
    },
    batches: {
      stepsPerEpoch,
      async batch(step) {
        const epoch = Math.floor(step / stepsPerEpoch);
        const order = permutation(count, streamKey(seed, epoch, 'bench/backbone'));
        const first = (step % stepsPerEpoch) * batchSize;
        const { images, labels } = await rowsOf(scenes.train, [
          ...order.subarray(first, first + batchSize),
        ]);
        return { image: images, [labelsName]: tensor('int64', [batchSize], labels) };
      },
    },
    validation: {
      count: held.count,
      labels: Int32Array.from(validation.labels),
      rows: (from, n) =>
        tensor(
          'float32',
          [n, 3, side, side],
          (validation.images.data as Float32Array).slice(from * area, (from + n) * area),
        ),
    },
    onEvent: (event) => {
      if (event.type === 'evaluation')
        progress(
          `backbone, epoch ${event.epoch}: held-out error ${((event.metrics.validationError ?? 0) * 100).toFixed(1)} %`,
        );
    },
  });
  return trained.model();
}
