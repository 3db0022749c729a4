/** A linear classifier on hypercolumns over 500x500: by scores that are upsampled, by the columns themselves, in PyTorch. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Tensor } from '../src/tensor/tensor.js';
import type { BenchContext, Benchmark } from './benchmark.js';
import { writeExchange } from './exchange.js';
import { hypercolumnSubject, type Path } from './hypercolumn-subject.js';
import { type Form, forms, type Peer, peerName, runPeer } from './peer.js';
import { best, inRounds, ratio, ratioLine, type Side, timedLines } from './rounds.js';

/** Height and width; of a test, too small for a ratio. */
const sizeOf = ({ small }: BenchContext): number => (small ? 96 : 500);
const script = 'hypercolumn.py';
const run = promisify(execFile);

const ours = z.object({
  median: z.number(),
  minimum: z.number(),
  peakMegabytes: z.number(),
  means: z.array(z.number()),
});

interface Peaks {
  /** Megabytes, by the side's name: the most that any of its processes had. */
  readonly peaks: Map<string, number>;
  /** Mean probabilities of the classes, by the side's name. */
  readonly means: Map<string, readonly number[]>;
}

/** Every turn is a process, so that its peak is of this path alone. */
function pathSide(path: Path, size: number, threads: number, { peaks, means }: Peaks): Side {
  return {
    name: path,
    threads,
    async measure({ steps, warmup }) {
      const program = fileURLToPath(new URL('hypercolumn-side.ts', import.meta.url));
      const numbers = [size, threads, steps, warmup].map(String);
      const { stdout } = await run(process.execPath, [
        '--import',
        'tsx',
        program,
        path,
        ...numbers,
      ]);
      const found = ours.parse(JSON.parse(stdout));
      peaks.set(path, Math.max(peaks.get(path) ?? 0, found.peakMegabytes));
      means.set(path, found.means);
      return { median: found.median, minimum: found.minimum };
    },
  };
}

function torchSide(peer: Peer, folder: string, form: Form, threads: number, all: Peaks): Side {
  const name = peerName(form);
  return {
    name,
    threads,
    async measure({ steps, warmup }) {
      const amount = ['--steps', String(steps), '--warmup', String(warmup)];
      const args = ['--form', form, '--threads', String(threads), ...amount, '--inputs', folder];
      const found = await runPeer<Record<'msPerStep' | 'minMs' | 'peakMegabytes', number>>(
        peer,
        script,
        args,
      );
      all.peaks.set(name, Math.max(all.peaks.get(name) ?? 0, found.peakMegabytes));
      return { median: found.msPerStep, minimum: found.minMs };
    },
  };
}

/** The image and the weights as the peer names them. */
function exchanged(size: number): Map<string, Tensor<'float32'>> {
  const { image, scorer, weights, bias } = hypercolumnSubject(size);
  const own = [...scorer('explicit').graph.initializers].filter(
    (entry): entry is [string, Tensor<'float32'>] =>
      entry[1].dtype === 'float32' && /^(conv|fire).*\.(weight|bias)$/.test(entry[0]),
  );
  const kernel = { ...weights, dims: [...weights.dims, 1, 1] };
  const given = [
    ['image', image],
    ['hypercolumn.weight', kernel],
    ['hypercolumn.bias', bias],
  ] as const;
  return new Map([...given, ...own]);
}

export const hypercolumnBenchmark: Benchmark = {
  name: 'hypercolumn',
  summary: 'a classifier on hypercolumns: scores upsampled against columns made, and PyTorch',
  amount: { steps: 3, warmup: 1, rounds: 2 },
  kind: 'step',
  async run(context) {
    const size = sizeOf(context);
    const all: Peaks = { peaks: new Map(), means: new Map() };
    const own = (['efficient', 'explicit'] as const).flatMap((path) =>
      context.threads.map((threads) => pathSide(path, size, threads, all)),
    );
    const { peer } = context;
    if (!('torch' in peer)) return findings(await inRounds(own, context), all, context);
    const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
    try {
      await writeExchange(folder, exchanged(size), {});
      for (const form of forms) {
        const args = ['--form', form, '--losses', folder];
        const { losses } = await runPeer<{ losses: number[] }>(peer, script, args);
        all.means.set(peerName(form), losses);
      }
      return findings(
        await inRounds([...own, ...torchSides(context, peer, folder, all)], context),
        all,
        context,
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const torchSides = ({ threads }: BenchContext, peer: Peer, folder: string, all: Peaks): Side[] =>
  forms.flatMap((form) => threads.map((count) => torchSide(peer, folder, form, count, all)));

/** How many times the time and the memory of the other path explicit columns are to take at least. */
const wanted = 5;

function findings(
  sides: Awaited<ReturnType<typeof inRounds>>,
  { peaks, means }: Peaks,
  context: BenchContext,
) {
  const size = sizeOf(context);
  const [fast, slow] = [best(sides, 'efficient'), best(sides, 'explicit')];
  const theirs = forms.flatMap((form) => best(sides, peerName(form)) ?? []);
  const torch = theirs.sort((a, b) => a.median - b.median)[0];
  const speed = fast && slow ? slow.median / fast.median : Number.NaN;
  const over = (name: string): number =>
    (peaks.get(name) ?? Number.NaN) / (peaks.get('efficient') ?? Number.NaN);
  const memory = over('explicit');
  const overPeer = fast && torch ? ratio(fast, torch, 1) : null;
  const all = [...means.values()];
  const apart = Math.max(
    ...all.flatMap((each) => each.map((mean, c) => Math.abs(mean - (all[0]?.[c] ?? 0)))),
  );
  return {
    figures: {
      milliseconds: sides,
      peakMegabytes: Object.fromEntries(peaks),
      speed,
      memory,
      apart,
      overPeer,
    },
    lines: [
      `five layers of SqueezeNet 1.1, 1,344 channels, 11 classes, ${size} x ${size}, the network included`,
      ...timedLines(sides),
      ...[...peaks].map(([name, peak]) => `${name.padEnd(22)}peak ${peak.toFixed(0)} MB`),
      `explicit over efficient: ${speed.toFixed(1)} times the time, ${memory.toFixed(1)} times the memory (at least ${wanted} each: ${Math.min(speed, memory) >= wanted ? 'as wanted' : 'MISSED'})`,
      ...(torch
        ? [`${torch.name} over efficient: ${over(torch.name).toFixed(1)} times the memory`]
        : []),
      ...(overPeer
        ? [ratioLine(`our time over explicit columns in ${torch?.name}`, overPeer)]
        : []),
      `mean probabilities of a class are ${apart.toExponential(1)} apart at most`,
    ],
    failures: [
      ...(speed < wanted && !context.small
        ? [`efficient is only ${speed.toFixed(1)} times faster`]
        : []),
      ...(memory < wanted && !context.small
        ? [`efficient takes only ${memory.toFixed(1)} times less memory`]
        : []),
      ...(apart < 1e-4 ? [] : ['the sides do not give the same']),
    ],
  };
}
