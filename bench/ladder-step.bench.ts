/** The full ladder step at the paper's size: 784-1000-500-250-250-250-10, 100 labelled and 100 unlabelled examples. */
import type { Stochastic } from '../src/graph/builder.js';
import { ladderBatches } from '../src/methods/ladder/batches.js';
import { type LadderConfig, ladderConfig } from '../src/methods/ladder/config.js';
import { ladderStep } from '../src/methods/ladder/step.js';
import type { Feeds } from '../src/runtime/runtime.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { type Tensor, zeros } from '../src/tensor/tensor.js';
import { noiseFeeds } from '../src/train/noise.js';
import type { Benchmark } from './benchmark.js';
import { stacked } from './exchange.js';
import { stepBenchmark } from './step-benchmark.js';
import type { Subject } from './subject.js';

const paper = ladderConfig('100', 'full', 784, 10);

/** A tenth of the hidden units, for a test. */
const narrow = { ...paper, widths: [784, 100, 50, 25, 25, 25, 10] };

export const ladderStepBenchmark: Benchmark = {
  name: 'ladder-step',
  summary: 'the full ladder step at the size of the paper, against PyTorch and its Gemms alone',
  amount: { steps: 96, warmup: 32, rounds: 3 },
  kind: 'step',
  run: (context) =>
    stepBenchmark(subject(context.small ? narrow : paper), { peer: 0.7, gemms: 1.9 }, context),
};

/** Images of noise: the time of a step does not depend on what it sees. */
function subject(config: LadderConfig): Subject {
  const count = 1000;
  const pixels = new Float32Array(count * 784);
  fillUniform(pixels, streamKey(config.seed, 0, 'images'));
  const images = Uint8Array.from(pixels, (value) => 255 * value);
  const labelled = { images, count, labels: Int32Array.from({ length: count }, (_, i) => i % 10) };
  const step = ladderStep(config);
  return {
    step,
    batch: ladderBatches(config, labelled, { images, count, labels: null }).batch,
    learningRate: config.learningRate,
    seed: config.seed,
    script: 'ladder_step.py',
    settings: { noiseStd: config.layerNoise },
    extra(steps) {
      return new Map(
        step.stochastic.map((source) => [
          source.value.name,
          stacked(steps, (k) => rowsOf(source, noiseFeeds([source], config.seed, k))),
        ]),
      );
    },
  };
}

/** Ours: noise of a deviation, (units, groups, n), some of them quiet. The peer's: of deviation 1, (noisy n, units). */
function rowsOf({ value, scale, quiet }: Stochastic, feeds: Feeds): Tensor {
  const { dims, data } = feeds[value.name] as Tensor<'float32'>;
  const [units = 1, groups = 1, n = 1] = dims;
  const rows = (groups - quiet) * n;
  const result = zeros('float32', [rows, units]);
  for (let unit = 0; unit < units; unit++)
    for (let row = 0; row < rows; row++)
      result.data[row * units + unit] = (data[unit * groups * n + row] ?? 0) / scale;
  return result;
}
