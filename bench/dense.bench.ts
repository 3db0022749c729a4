/** Networks over every pixel: a dense pass against crops, the forward pass of FCN-8s, a training step. */
import type { BenchContext, Benchmark, Findings } from './benchmark.js';
import { densePasses } from './dense-passes.js';
import { fcnForward } from './fcn-forward.js';
import { fcnStepSubject } from './fcn-step.js';
import { stepBenchmark } from './step-benchmark.js';

const step = (context: BenchContext) =>
  stepBenchmark(fcnStepSubject(8, context.small), { peer: 1 }, context);

/** By what each is called; a profile is of the step alone. */
const parts: readonly (readonly [string, (context: BenchContext) => Promise<Findings>])[] = [
  ['one pass over 500x500 against crops', densePasses],
  ['FCN-8s of VGG16 over 500x500', fcnForward],
  ['step of FCN-8s on SqueezeNet 1.1, 4 of 480x360', step],
];

export const denseBenchmark: Benchmark = {
  name: 'dense',
  summary: 'dense passes against crops; FCN-8s forward and its training step against PyTorch',
  amount: { steps: 4, warmup: 2, rounds: 3 },
  kind: 'step',
  async run(context) {
    if (context.profile) return step(context);
    const found: (readonly [string, Findings])[] = [];
    for (const [name, part] of parts) {
      context.progress(name);
      found.push([name, await part(context)]);
    }
    return {
      figures: Object.fromEntries(found.map(([name, { figures }]) => [name, figures])),
      lines: found.flatMap(([name, { lines }]) => [name, ...lines.map((line) => `  ${line}`), '']),
      failures: found.flatMap(([name, { failures = [] }]) =>
        failures.map((each) => `${name}: ${each}`),
      ),
    };
  },
};
