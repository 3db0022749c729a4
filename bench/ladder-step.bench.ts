/** The full ladder step at the paper's size: 784-1000-500-250-250-250-10, 100 labelled and 100 unlabelled examples. */
import { ladderBatches } from '../src/methods/ladder/batches.js';
import { ladderConfig } from '../src/methods/ladder/config.js';
import { ladderStep } from '../src/methods/ladder/step.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { sizeOf } from '../src/tensor/shape.js';
import { type Tensor, zeros } from '../src/tensor/tensor.js';
import { noiseFeeds } from '../src/train/noise.js';
import type { Benchmark } from './benchmark.js';
import { stacked } from './exchange.js';
import { stepBenchmark } from './step-benchmark.js';
import type { Subject } from './subject.js';

const config = ladderConfig('100', 'full', 784, 10);

export const ladderStepBenchmark: Benchmark = {
  name: 'ladder-step',
  summary: 'the full ladder step at the size of the paper, against PyTorch and its Gemms alone',
  amount: { steps: 20, warmup: 5, rounds: 5 },
  kind: 'step',
  run: (context) => stepBenchmark(subject(), { peer: 0.7, gemms: 1.9 }, context),
};

/** Images of noise: the time of a step does not depend on what it sees. */
function subject(): Subject {
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
        step.stochastic.map(({ value: { name }, scale }) => [
          name,
          stacked(steps, (k) =>
            rowsOf(noiseFeeds(step.stochastic, config.seed, k)[name] as Tensor<'float32'>, scale),
          ),
        ]),
      );
    },
  };
}

/** Ours: noise of a deviation, (units, groups, n). The peer's: of deviation 1, (groups n, units). */
function rowsOf({ dims, data }: Tensor<'float32'>, deviation: number): Tensor {
  const [units = 1, ...rest] = dims;
  const rows = sizeOf(rest);
  const result = zeros('float32', [rows, units]);
  for (let unit = 0; unit < units; unit++)
    for (let row = 0; row < rows; row++)
      result.data[row * units + unit] = (data[unit * rows + row] ?? 0) / deviation;
  return result;
}
