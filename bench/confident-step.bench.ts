/** One round of the joint method as `train confident` takes it: VGG-13 and DCGAN at a quarter of their width, 64 of 32x32. */
import { classifierNetwork } from '../src/methods/classifier/network.js';
import { labelsName } from '../src/methods/classifier/step.js';
import { confidentPresets } from '../src/methods/confident/config.js';
import { confidentParts } from '../src/methods/confident/parts.js';
import { betaAt, confidentRound, names } from '../src/methods/confident/updates.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { type Tensor, tensor, zeros } from '../src/tensor/tensor.js';
import { noiseFeeds } from '../src/train/noise.js';
import type { Benchmark } from './benchmark.js';
import { stacked } from './exchange.js';
import { stepBenchmark } from './step-benchmark.js';
import type { Subject } from './subject.js';

export const confidentStepBenchmark: Benchmark = {
  name: 'confident-step',
  summary: 'a round of the joint method, VGG-13 and DCGAN at quarter width, against PyTorch',
  amount: { steps: 6, warmup: 2, rounds: 3 },
  kind: 'step',
  run: (context) => stepBenchmark(subject(context.small), { peer: 1 }, context),
};

/** Images of noise in turn: the time of a round does not depend on what it sees. */
function subject(small: boolean): Subject {
  const [batch, width] = small ? [4, 0.0625] : [64, 0.25];
  const seed = 1;
  const architecture = models['vgg13-plain'];
  const { classes, input } = architecture;
  const built = buildModel(architecture, { seed, width });
  const network = classifierNetwork(built, { classes, head: 'keep', seed });
  const config = { ...confidentPresets.cifar10, batchSize: batch, ganWidth: width, seed };
  const parts = confidentParts(network, config, input, { factor: [1], shift: [0] });
  const step = confidentRound(parts, config);
  const batches = Array.from({ length: 3 }, (_, k) => {
    const images = zeros('float32', [batch, ...input]);
    fillUniform(images.data, streamKey(seed, k, 'images'));
    const labels = Array.from({ length: batch }, (_, i) => (7 * i + k) % classes);
    return {
      [network.input.name]: images,
      [labelsName]: tensor('int64', [batch], labels),
      [names.beta]: betaAt(config, k, 1),
    };
  });
  return {
    step,
    batch: (k) => batches[k % batches.length] ?? {},
    learningRate: config.learningRate,
    seed,
    script: 'confident_step.py',
    stepsPerRun: 1,
    // Latents, and the masks of dropout: `classified/…` in the generator's update, `seen/…` in the classifier's.
    extra: (steps) =>
      new Map(
        step.stochastic.map(({ value: { name } }) => [
          name,
          stacked(steps, (k) => noiseFeeds(step.stochastic, seed, k)[name] as Tensor),
        ]),
      ),
  };
}
