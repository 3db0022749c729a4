/** The VGG-like step in Chromium, 32-32-pool-64-64-pool-128, against TensorFlow.js and jax-js. */
import { cpus } from 'node:os';
import type { Browser } from 'playwright-core';
import { launch } from '../test/browser/chromium.js';
import { serve } from '../test/browser/site.js';
import { agreementLines, agreementOf, disagreement } from './agreement.js';
import type { BenchContext, Benchmark, Findings } from './benchmark.js';
import { buildPrograms, peersAbsent, removeFolder, runProgram } from './browser-page.js';
import {
  best,
  inRounds,
  ms,
  ratio,
  ratioLine,
  type Side,
  type Timed,
  timedLines,
} from './rounds.js';

const batchSize = 64;
/** Losses that are compared: few, so that rounding cannot grow into a difference. */
const compared = 3;

interface BrowserSide {
  readonly name: string;
  /** Its file, without the ending. */
  readonly program: string;
  readonly backend?: string;
  readonly threads: number;
  /** Steps of the slow: as many as the others take would take minutes. */
  readonly most?: { readonly steps: number; readonly warmup: number };
}

/** It takes as many threads as there are cores. */
const jaxSide: BrowserSide = {
  name: 'jax-js',
  program: 'jax-js',
  threads: cpus().length,
  most: { steps: 1, warmup: 1 },
};

/**
 * TensorFlow.js has no gradient of a convolution in WebAssembly. Of its other two backends the faster one counts, as a
 * batch of four shows.
 */
async function tfjsSide(
  browser: Browser,
  port: number,
  progress: BenchContext['progress'],
): Promise<BrowserSide> {
  const times: number[] = [];
  for (const backend of ['webgl', 'cpu'] as const) {
    const { marks } = await runProgram(browser, port, 'tfjs', { batchSize: 4, steps: 2, backend });
    const [, first = 0, second = 0] = marks;
    progress(`tfjs on ${backend}, batch 4: ${ms(second - first)} ms`);
    times.push(second - first);
  }
  const [webgl = 0, cpu = 0] = times;
  return {
    name: webgl <= cpu ? 'tfjs, WebGL' : 'tfjs, JavaScript',
    program: 'tfjs',
    backend: webgl <= cpu ? 'webgl' : 'cpu',
    threads: 1,
    most: { steps: 1, warmup: 1 },
  };
}

export const browserConvStepBenchmark: Benchmark = {
  name: 'browser-conv-step',
  summary: 'the VGG-like step in Chromium against TensorFlow.js and jax-js',
  amount: { steps: 8, warmup: 2, rounds: 1 },
  kind: 'browser',
  async run(context) {
    const absent = context.peers.length > 0 ? peersAbsent() : 'they were left out';
    const folder = await buildPrograms(absent === null);
    const site = await serve(folder, true);
    const browser = await launch();
    try {
      return await compare(browser, site.port, absent, context);
    } finally {
      await browser.close();
      await site.close();
      await removeFolder(folder);
    }
  },
};

async function compare(
  browser: Browser,
  port: number,
  absent: string | null,
  context: BenchContext,
): Promise<Findings> {
  const ours = context.threads.map((threads) => ({
    name: 'Espalier',
    program: 'espalier',
    threads,
  }));
  const wants = (name: string): boolean => absent === null && context.peers.includes(name);
  const peers = [
    ...(wants('tfjs') ? [await tfjsSide(browser, port, context.progress)] : []),
    ...(wants('jax-js') ? [jaxSide] : []),
  ];
  const sides: readonly BrowserSide[] = [...ours, ...peers];
  const losses = new Map<string, readonly number[]>();
  const timed = await inRounds(
    sides.map((side) => timedSide(browser, port, side, losses)),
    context,
  );
  return findings(timed, losses, absent, browser.version());
}

/** Each turn begins with the initial weights, so its first losses are those of any other. */
function timedSide(
  browser: Browser,
  port: number,
  { name, program, backend, threads, most }: BrowserSide,
  losses: Map<string, readonly number[]>,
): Side {
  return {
    name,
    threads,
    async measure(amount) {
      const steps = Math.min(amount.steps, most?.steps ?? amount.steps);
      const warmup = Math.min(amount.warmup, most?.warmup ?? amount.warmup);
      const request = { batchSize, steps: warmup + steps, threads };
      const trained = await runProgram(browser, port, program, {
        ...request,
        ...(backend === undefined ? {} : { backend }),
      });
      losses.set(name, trained.losses.slice(0, compared));
      const { marks } = trained;
      return marks.slice(1 + warmup).map((mark, i) => mark - (marks[i + warmup] ?? 0));
    },
  };
}

function findings(
  timed: readonly Timed[],
  losses: ReadonlyMap<string, readonly number[]>,
  absent: string | null,
  version: string,
): Findings {
  const ours = best(timed, 'Espalier');
  const others = timed.filter(({ name }) => name !== 'Espalier');
  const ratios = Object.fromEntries(
    others.flatMap((other) => (ours ? [[other.name, ratio(ours, other, 1)]] : [])),
  );
  const agreements = Object.fromEntries(
    others.map(({ name }) => {
      const theirs = losses.get(name) ?? [];
      return [name, agreementOf((losses.get('Espalier') ?? []).slice(0, theirs.length), theirs)];
    }),
  );
  return {
    figures: {
      chromium: version,
      milliseconds: timed,
      losses: losses.get('Espalier'),
      ...(absent === null ? { overPeers: ratios, agreements } : { peersAbsent: absent }),
    },
    lines: [
      `Chromium ${version}, batch ${batchSize} of 28x28`,
      ...timedLines(timed),
      ...Object.entries(ratios).map(([name, each]) => ratioLine(`our time over ${name}`, each)),
      ...Object.entries(agreements).flatMap(([name, each]) => agreementLines(each, name)),
      ...(absent === null ? [] : [`No peer was timed: ${absent}.`]),
    ],
    failures: Object.entries(agreements).flatMap(([name, each]) =>
      disagreement(each).map((sentence) => `${name}: ${sentence}`),
    ),
  };
}
