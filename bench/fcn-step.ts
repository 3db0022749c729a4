/** The training step of FCN-8s on SqueezeNet 1.1, as `train fcn` takes it: 4 images of 480x360, 11 classes. */
import { fcnPresets } from '../src/methods/fcn/config.js';
import { fcnNetwork, withWeights } from '../src/methods/fcn/network.js';
import { fcnStep, pixelLabelsName } from '../src/methods/fcn/step.js';
import { normal } from '../src/nn/init.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { type Tensor, tensor, zeros } from '../src/tensor/tensor.js';
import { noiseFeeds } from '../src/train/noise.js';
import { stacked } from './exchange.js';
import type { Subject } from './subject.js';

const [classes, seed] = [11, 1];

/** Its score layers are not zero, as they are at first, so that losses tell whether both sides do the same. */
export function fcnStepSubject(finest: number, small = false): Subject {
  const [batch, height, width] = small ? [1, 96, 96] : [4, 360, 480];
  const made = fcnNetwork(buildModel(models.squeezenet, { seed }), { classes, finest });
  const drawn = made.scores.map(({ weight }): [string, Tensor] => {
    const dims = made.graph.initializers.get(weight)?.dims ?? [];
    return [weight, normal(seed, weight, dims, 0.05)];
  });
  const network = withWeights(made, new Map(drawn));
  const settings = { upsampling: 'fixed', biasRate: 1, weightDecay: 0, batchSize: batch } as const;
  const step = fcnStep(network, { ...fcnPresets['paper-batch'], ...settings }, [height, width]);
  const batches = Array.from({ length: 3 }, (_, k) => {
    const images = zeros('float32', [batch, 3, height, width]);
    fillUniform(images.data, streamKey(seed, k, 'images'));
    // Void here and there; the time does not depend on what the images show.
    const labels = Int32Array.from({ length: batch * height * width }, (_, i) =>
      (i + k) % 13 === 0 ? 255 : (i + k) % classes,
    );
    return {
      [network.input]: images,
      [pixelLabelsName]: tensor('int32', [batch, height, width], labels),
    };
  });
  return {
    step,
    batch: (k) => batches[k % batches.length] ?? {},
    learningRate: 0.001,
    seed,
    script: 'fcn_step.py',
    settings: { finest },
    stepsPerRun: 1,
    extra: (steps) =>
      new Map(
        step.stochastic.map(({ value: { name } }) => [
          'keep',
          stacked(steps, (k) => noiseFeeds(step.stochastic, seed, k)[name] as Tensor),
        ]),
      ),
  };
}
