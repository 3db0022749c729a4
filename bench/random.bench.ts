/** Random numbers, in nanoseconds each: what a step's noise costs. */
import { fillCoarseNormal } from '../src/tensor/coarse-normal.js';
import { fillNormal, fillUniform, type Key, streamKey } from '../src/tensor/random.js';
import type { Benchmark } from './benchmark.js';
import { inRounds } from './rounds.js';

const count = 500_000;
const fills = { fillNormal, fillCoarseNormal, fillUniform } satisfies Record<
  string,
  (out: Float32Array, key: Key) => void
>;

export const randomBenchmark: Benchmark = {
  name: 'random',
  summary: 'normal and uniform random numbers, nanoseconds each',
  amount: { steps: 10, warmup: 3, rounds: 5 },
  kind: 'host',
  async run(context) {
    const out = new Float32Array(count);
    const sides = Object.entries(fills).map(([name, fill]) => ({
      name,
      threads: 1,
      async measure({ steps, warmup }: { steps: number; warmup: number }) {
        const times: number[] = [];
        for (let step = 0; step < warmup + steps; step++) {
          const key = streamKey(1, step, name);
          const start = performance.now();
          fill(out, key);
          if (step >= warmup) times.push(performance.now() - start);
        }
        return times;
      },
    }));
    const each = (milliseconds: number): number => (milliseconds * 1e6) / count;
    const nanoseconds = (await inRounds(sides, context)).map(({ name, median, minimum }) => ({
      name,
      median: each(median),
      minimum: each(minimum),
    }));
    return {
      figures: { nanosecondsEach: nanoseconds },
      lines: nanoseconds.map(
        ({ name, median, minimum }) =>
          `${name.padEnd(18)} ${median.toFixed(2)} ns each (at best ${minimum.toFixed(2)})`,
      ),
    };
  },
};
