/** A training step's time by operator and its slowest nodes. */
import { profile } from '../src/runtime/profile.js';
import type { NodeTime } from '../src/runtime/runtime.js';
import { scalar, type Tensor } from '../src/tensor/tensor.js';
import { noiseFeeds } from '../src/train/noise.js';
import { scalarName } from '../src/train/step.js';
import type { BenchContext, Findings } from './benchmark.js';
import { ms, threadsText } from './rounds.js';
import type { Subject } from './subject.js';

const slowestShown = 25;

/** Profiles the first step again and again, on the most threads that the context names. */
export async function profileFindings(subject: Subject, context: BenchContext): Promise<Findings> {
  const { steps: runs, warmup } = context;
  const threads = Math.max(...context.threads);
  const times = await profile(subject.step.model, firstFeeds(subject), { runs, warmup, threads });
  const nodes = times.map(({ node, op, milliseconds }) => ({ node, op, ms: milliseconds / runs }));
  const operators = byOperator(times, runs);
  const total = nodes.reduce((sum, node) => sum + node.ms, 0);
  const row = (name: string, time: number, rest: string): string =>
    `${ms(time).padStart(10)} ${((100 * time) / total).toFixed(1).padStart(5)} %  ${name.padEnd(24)}${rest}`;
  return {
    figures: { threads, millisecondsInNodes: total, operators, nodes },
    lines: [
      `milliseconds a step in ${nodes.length} nodes on ${threadsText(threads)}: ${ms(total)}`,
      ...operators.map(({ op, ms: time, nodes: count }) => row(op, time, `${count} nodes`)),
      `the ${Math.min(slowestShown, nodes.length)} slowest nodes`,
      ...nodes.slice(0, slowestShown).map(({ node, op, ms: time }) => row(op, time, node)),
    ],
  };
}

function byOperator(
  times: readonly NodeTime[],
  runs: number,
): { op: string; ms: number; nodes: number }[] {
  const sums = new Map<string, { ms: number; nodes: number }>();
  for (const { op, milliseconds } of times) {
    const known = sums.get(op) ?? { ms: 0, nodes: 0 };
    sums.set(op, { ms: known.ms + milliseconds / runs, nodes: known.nodes + 1 });
  }
  return [...sums].map(([op, sum]) => ({ op, ...sum })).sort((a, b) => b.ms - a.ms);
}

/** All that the step takes at its first run. */
function firstFeeds({ step, batch, learningRate, seed }: Subject): Record<string, Tensor> {
  const { optimizer } = step;
  const scalars = optimizer.scalars(1, learningRate);
  return {
    ...batch(0),
    ...noiseFeeds(step.stochastic, seed, 0),
    ...Object.fromEntries(step.initial),
    ...Object.fromEntries(
      optimizer.inputs.map((name, i) => [
        scalarName(optimizer, name),
        scalar('float32', scalars[i] ?? 0),
      ]),
    ),
  };
}
