/** From a config to the ladder's step graph: what a user waits for before the first step. */
import { backward } from '../src/autodiff/backward.js';
import { ladderConfig } from '../src/methods/ladder/config.js';
import { ladderCosts, ladderStep } from '../src/methods/ladder/step.js';
import { builder } from '../src/ops/builder.js';
import { optimize } from '../src/ops/rewrite/optimize.js';
import type { Benchmark } from './benchmark.js';
import { ms, summary } from './rounds.js';

const config = ladderConfig('100', 'full', 784, 10);
const stages = ['build', 'differentiate', 'optimize', 'whole step, Adam included'] as const;

export const compileBenchmark: Benchmark = {
  name: 'compile',
  summary: "the ladder's step: built, differentiated, optimized",
  amount: { steps: 1, warmup: 0, rounds: 5 },
  kind: 'host',
  async run({ steps, warmup, rounds, progress }) {
    const times = stages.map((): number[] => []);
    let nodes = { forward: 0, withGradients: 0, optimized: 0, wholeStep: 0 };
    for (let turn = 0; turn < warmup + steps * rounds; turn++) {
      const compiled = compileOnce();
      nodes = compiled.nodes;
      if (turn >= warmup) compiled.times.forEach((time, i) => void times[i]?.push(time));
      progress(`${turn + 1}: ${compiled.times.map(ms).join(', ')} ms`);
    }
    const milliseconds = stages.map((stage, i) => {
      const all = times[i] ?? [];
      // The first is what a user meets, whose program compiles once.
      return { stage, first: all[0] ?? 0, ...summary(all) };
    });
    return {
      figures: { milliseconds, nodes },
      lines: [
        ...milliseconds.map(
          ({ stage, first, median, minimum }) =>
            `${stage.padEnd(28)} ${ms(first)} ms at first, then ${ms(median)} (at best ${ms(minimum)})`,
        ),
        `nodes: ${nodes.forward} forward, ${nodes.withGradients} with gradients, ${nodes.optimized} optimized; ${nodes.wholeStep} in the whole step`,
      ],
    };
  },
};

function compileOnce() {
  const marks = [performance.now()];
  const done = <T>(value: T): T => {
    marks.push(performance.now());
    return value;
  };
  const b = builder();
  const { total } = done(ladderCosts(b, config));
  const forward = b.nodes.length;
  const parameters = [...b.parameters.keys()].map((name) => b.value(name));
  for (const gradient of backward(b, total, parameters)) b.output(gradient);
  const withGradients = done(b.build('gradients', 'inputs'));
  const optimized = done(optimize(withGradients));
  const step = done(ladderStep(config));
  return {
    times: marks.slice(1).map((mark, i) => mark - (marks[i] ?? 0)),
    nodes: {
      forward,
      withGradients: withGradients.nodes.length,
      optimized: optimized.nodes.length,
      wholeStep: step.model.graph.nodes.length,
    },
  };
}
