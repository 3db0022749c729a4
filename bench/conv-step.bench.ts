/** Steps of convolutional networks, trained as `train classifier` trains them: a VGG-like one, ResNet-20, SqueezeNet. */
import { fromScratchDefaults } from '../src/methods/classifier/config.js';
import { classifierNetwork } from '../src/methods/classifier/network.js';
import { classifierStep, labelsName } from '../src/methods/classifier/step.js';
import type { Architecture } from '../src/nn/models/architecture.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { type Tensor, tensor, zeros } from '../src/tensor/tensor.js';
import { noiseFeeds } from '../src/train/noise.js';
import type { Benchmark, Findings } from './benchmark.js';
import { stacked } from './exchange.js';
import { stepBenchmark } from './step-benchmark.js';
import type { Subject } from './subject.js';

/** 32-32-pool-64-64-pool-128 in 3x3 convolutions, then fully connected. */
const vggLike = (input: Architecture['input']): Architecture => ({
  title: 'VGG-like',
  input,
  classes: 10,
  build(net, image, classes) {
    const conv = (name: string, x: typeof image, channels: number) =>
      net.b.Relu(net.conv(name, x, channels, { kernel: 3, pad: 1 }));
    let x = conv('conv1', conv('conv0', image, 32), 32);
    x = conv('conv3', conv('conv2', net.maxPool(x, { kernel: 2 }), 64), 64);
    x = conv('conv4', net.maxPool(x, { kernel: 2 }), 128);
    return net.linear('top', net.b.Flatten(x), classes);
  },
});

interface NetworkCase {
  readonly name: string;
  /** As the peer's program calls it. */
  readonly network: string;
  readonly architecture: Architecture;
  readonly batch: number;
}

const networks: readonly NetworkCase[] = [
  { name: 'VGG-like, 64 of 28x28', network: 'vgg', architecture: vggLike([1, 28, 28]), batch: 64 },
  {
    name: 'VGG-like, 64 of 32x32x3',
    network: 'vgg',
    architecture: vggLike([3, 32, 32]),
    batch: 64,
  },
  {
    name: 'ResNet-20, 64 of 32x32x3',
    network: 'resnet20',
    architecture: models.resnet20,
    batch: 64,
  },
  {
    name: 'SqueezeNet 1.1, 8 of 227x227x3',
    network: 'squeezenet',
    architecture: models.squeezenet,
    batch: 8,
  },
];

export const convStepBenchmark: Benchmark = {
  name: 'conv-step',
  summary: 'steps of a VGG-like network, ResNet-20 and SqueezeNet against PyTorch',
  amount: { steps: 6, warmup: 2, rounds: 3 },
  kind: 'step',
  async run(context) {
    const all: [string, Findings][] = [];
    for (const each of networks) {
      context.progress(each.name);
      all.push([
        each.name,
        await stepBenchmark(subject(each, context.small), { peer: 1 }, context),
      ]);
    }
    return {
      figures: Object.fromEntries(all.map(([name, { figures }]) => [name, figures])),
      lines: all.flatMap(([name, { lines }]) => [name, ...lines.map((line) => `  ${line}`), '']),
      failures: all.flatMap(([name, { failures = [] }]) =>
        failures.map((each) => `${name}: ${each}`),
      ),
    };
  },
};

/** Images of noise in turn: the time of a step does not depend on what it sees. SGD with momentum, no weight decay. */
function subject({ network, architecture, batch: whole }: NetworkCase, small: boolean): Subject {
  const batch = small ? 2 : whole;
  const { seed } = fromScratchDefaults;
  const { classes } = architecture;
  const made = classifierNetwork(buildModel(architecture, { seed }), {
    classes,
    head: 'keep',
    seed,
  });
  const learningRate = 0.01;
  const config = { ...fromScratchDefaults, batchSize: batch, learningRate, weightDecay: 0 };
  const step = classifierStep(made, config);
  const images = Array.from({ length: 3 }, (_, k) => {
    const inputs = zeros('float32', [batch, ...architecture.input]);
    fillUniform(inputs.data, streamKey(seed, k, 'images'));
    const labels = Array.from({ length: batch }, (_, i) => (7 * i + k) % classes);
    return { [made.input.name]: inputs, [labelsName]: tensor('int64', [batch], labels) };
  });
  return {
    step,
    batch: (k) => images[k % images.length] ?? {},
    learningRate,
    seed,
    script: 'conv_step.py',
    settings: { network },
    // A batch of images weighs more than what several steps in a run save.
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
