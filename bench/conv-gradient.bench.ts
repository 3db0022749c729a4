/** The formulations of a convolution's gradients, and PyTorch's own. */
import { UsageError } from '../src/errors.js';
import { model } from '../src/graph/graph.js';
import { builder } from '../src/ops/builder.js';
import { windowOf } from '../src/ops/window.js';
import type { Runtime, Session } from '../src/runtime/runtime.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { type Tensor, zeros } from '../src/tensor/tensor.js';
import type { BenchContext, Benchmark } from './benchmark.js';
import { type Candidate, candidatesFor } from './conv-gradient-candidates.js';
import { type ConvShape, convShapes } from './conv-gradient-shapes.js';
import { runPeer } from './peer.js';
import { inRounds, ms, type Side } from './rounds.js';

interface Measured extends Omit<Candidate, 'build'> {
  readonly median: number;
  readonly minimum: number;
}

/** Milliseconds of PyTorch, the better of the numbers of threads. */
type PeerTimes = Readonly<Record<Candidate['of'], number>>;

export const convGradientBenchmark: Benchmark = {
  name: 'conv-gradient',
  summary: 'formulations of the gradients of convolutions, shape by shape, against PyTorch',
  amount: { steps: 5, warmup: 1, rounds: 1 },
  kind: 'step',
  async run(context) {
    if (context.profile) throw new UsageError('conv-gradient has no --profile: it is many graphs');
    const peers = await peerTimes(context);
    const shapes = [];
    for (const [i, shape] of convShapes.entries()) {
      const candidates = await measure(shape, context);
      shapes.push({ name: shape.name, candidates, ...(peers[i] ? { peer: peers[i] } : {}) });
    }
    const lines = shapes.map(({ name, candidates, peer }) => {
      const of = (kind: Candidate['of']): string => {
        const each = candidates
          .filter((candidate) => candidate.of === kind)
          .map(({ name, used, median }) => `${name}${used ? '*' : ''} ${ms(median)}`);
        return [kind, ...each, ...(peer ? [`(PyTorch ${ms(peer[kind])})`] : [])].join(' ');
      };
      return `${name.padEnd(34)}${(['forward', 'input', 'weight'] as const).map(of).join(' | ')}`;
    });
    return { figures: { shapes }, lines: ['milliseconds; * is in use', ...lines] };
  },
};

async function measure(shape: ConvShape, context: BenchContext): Promise<Measured[]> {
  const { channels, made, size, kernel, stride, pad, group } = shape;
  const batch = context.small ? 2 : shape.batch;
  const spatial = [size, size];
  const attributes = {
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    dilations: undefined,
  };
  const window = windowOf({ ...attributes, kernel_shape: undefined, auto_pad: 'NOTSET' }, spatial, [
    kernel,
    kernel,
  ]);
  const dims = {
    x: [batch, channels, ...spatial],
    w: [made, channels / group, kernel, kernel],
    dy: [batch, made, ...window.counts],
  };
  const feeds = Object.fromEntries(
    Object.entries(dims).map(([name, of]) => {
      const data = zeros('float32', of);
      fillUniform(data.data, streamKey(1, 0, name));
      return [name, data];
    }),
  );
  const threads = Math.max(...context.threads);
  const candidates = candidatesFor({ window, spatial, group }, dims);
  const sides = candidates.map((one) => side(one, dims, feeds, context.runtime, threads));
  const timed = await inRounds(sides, context);
  return candidates.map(({ name, of, used }, i) => ({
    name,
    of,
    used,
    median: timed[i]?.median ?? 0,
    minimum: timed[i]?.minimum ?? 0,
  }));
}

/** One number of the result is the output, so that nothing large is copied out of the runtime. */
function side(
  { name, build }: Candidate,
  dims: Readonly<Record<'x' | 'w' | 'dy', readonly number[]>>,
  feeds: Readonly<Record<string, Tensor>>,
  runtime: Runtime,
  threads: number,
): Side {
  const b = builder();
  const [x, w, dy] = [
    b.input('x', 'float32', dims.x),
    b.input('w', 'float32', dims.w),
    b.input('dy', 'float32', dims.dy),
  ];
  const result = build(b, { x, w, dy });
  const axes = result.shape.map(() => 0);
  b.output(
    b.Slice(
      result,
      axes,
      axes.map(() => 1),
    ),
    'one',
  );
  const graph = model(b.build(name));
  let session: Promise<Session> | null = null;
  return {
    name,
    threads,
    async measure({ steps, warmup }) {
      session ??= runtime.load(graph, { threads });
      const loaded = await session;
      const times: number[] = [];
      for (let step = 0; step < warmup + steps; step++) {
        const start = performance.now();
        await loaded.run(feeds);
        if (step >= warmup) times.push(performance.now() - start);
      }
      return times;
    },
  };
}

/** PyTorch's times for each shape; none where it is not there. */
async function peerTimes({ peer, threads, steps, warmup, progress }: BenchContext) {
  if (!('torch' in peer)) return [];
  const shapes = JSON.stringify(convShapes);
  const runs: PeerTimes[][] = [];
  for (const count of threads) {
    const amount = ['--steps', String(steps), '--warmup', String(warmup)];
    const args = ['--threads', String(count), ...amount, '--shapes', shapes];
    runs.push((await runPeer<{ shapes: PeerTimes[] }>(peer, 'conv_gradient.py', args)).shapes);
    progress(`PyTorch on ${count} threads`);
  }
  return convShapes.map((_, i): PeerTimes => {
    const best = (of: Candidate['of']) => Math.min(...runs.map((run) => run[i]?.[of] ?? Infinity));
    return { forward: best('forward'), input: best('input'), weight: best('weight') };
  });
}
