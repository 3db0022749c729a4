/** A plain network's step: 784-1000-500-10, rectifiers, softmax cross-entropy, batch 200, Adam. */
import { filled, normal } from '../src/nn/init.js';
import { crossEntropyColumns } from '../src/nn/losses.js';
import { adam } from '../src/nn/optimizer.js';
import { builder } from '../src/ops/builder.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { tensor, zeros } from '../src/tensor/tensor.js';
import { compileStep, type TrainingStep } from '../src/train/step.js';
import type { Benchmark } from './benchmark.js';
import { stepBenchmark } from './step-benchmark.js';
import type { Subject } from './subject.js';

const widths = [784, 1000, 500, 10] as const;
const rows = 200;
const seed = 1;

export const mlpStepBenchmark: Benchmark = {
  name: 'mlp-step',
  summary: 'a step of a plain network, 784-1000-500-10, against PyTorch and its Gemms alone',
  amount: { steps: 160, warmup: 32, rounds: 3 },
  kind: 'step',
  run: (context) => stepBenchmark(subject(), { peer: 0.9, gemms: null }, context),
};

function mlpStep(): TrainingStep {
  const b = builder();
  const labels = b.input('labels', 'int64', [rows]);
  let h = b.input('inputs', 'float32', [rows, widths[0]]);
  widths.slice(1).forEach((units, l) => {
    const inputs = widths[l] ?? 1;
    const name = `layer.${l}.W`;
    const W = b.parameter(name, normal(seed, name, [units, inputs], Math.sqrt(2 / inputs)));
    const z = b.Gemm(h, W, b.parameter(`layer.${l}.b`, filled([units], 0)), { transB: 1 });
    h = l === widths.length - 2 ? z : b.Relu(z);
  });
  const loss = crossEntropyColumns(b, b.Transpose(h, { perm: [1, 0] }), labels);
  return compileStep(b, { loss, optimizer: adam() });
}

/** A few batches of noise in turn, as the peer has them: the time of a step does not depend on what it sees. */
function subject(): Subject {
  const batches = Array.from({ length: 10 }, (_, k) => {
    const inputs = zeros('float32', [rows, widths[0]]);
    fillUniform(inputs.data, streamKey(seed, k, 'inputs'));
    const labels = Array.from({ length: rows }, (_, i) => (i + k) % widths[3]);
    return { inputs, labels: tensor('int64', [rows], labels) };
  });
  return {
    step: mlpStep(),
    batch: (k) => batches[k % batches.length] ?? {},
    learningRate: 0.001,
    seed,
    script: 'mlp_step.py',
  };
}
