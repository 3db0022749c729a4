/** Black-box attacks on ResNet-20 against the same in PyTorch, and their queries a second against the engine's throughput. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Attack, AttackRecord } from '../src/methods/attack/attack.js';
import type { AuditImage } from '../src/methods/attack/audit.js';
import { locSearch, locSearchDefaults } from '../src/methods/attack/locsearch.js';
import type { BlackBox } from '../src/methods/attack/model.js';
import { sample } from '../src/methods/attack/pixels.js';
import { runAttack } from '../src/methods/attack/run.js';
import { sharp, sharpDefaults, spread } from '../src/methods/attack/sharp.js';
import { deriveKey, fillNormal, streamKey } from '../src/tensor/random.js';
import { type Tensor, tensor, zeros } from '../src/tensor/tensor.js';
import { type AttackSubject, attackSubject, weightsOf } from './attack-subject.js';
import type { BenchContext, Benchmark, Findings } from './benchmark.js';
import { writeExchange } from './exchange.js';
import { type Form, forms, type Peer, peerName, runPeer } from './peer.js';
import {
  best,
  inRounds,
  type Ratio,
  ratio,
  ratioLine,
  type Side,
  summary,
  type Timed,
  threadsText,
  timedLines,
} from './rounds.js';

const seed = 1;
type Name = 'faithful' | 'sharp';
const names: readonly Name[] = ['faithful', 'sharp'];

/** The settings: p fixed, since an adaptive one follows rounding. Drawn networks may not be fooled at all: few rounds. */
function settingsOf({ isReal }: AttackSubject) {
  return {
    faithful: { ...locSearchDefaults, p: 0.5, rounds: isReal ? 150 : 3 } as const,
    // Sharp takes some ten rounds; numbers are drawn for so many.
    sharp: { ...sharpDefaults, rounds: isReal ? 100 : 10 },
  };
}

/** What an image took. */
interface Taken {
  readonly milliseconds: readonly number[];
  readonly queries: readonly number[];
  readonly pixels: readonly number[];
}

/** By side, a turn each. */
type Turns = Map<string, Taken[]>;
const keep = (turns: Turns, side: string, taken: Taken): void => {
  turns.set(side, [...(turns.get(side) ?? []), taken]);
};

/** At most so much of the peer's time, at least so much of the engine's throughput. */
const wanted = { time: 1 / 1.5, throughput: 0.8 };
/** Images that have to take the same queries and pixels on both sides: rounding may turn a choice here and there. */
const agreeing = 0.6;

function ourSide(
  name: Name,
  subject: AttackSubject,
  { box, threads }: { readonly box: BlackBox; readonly threads: number },
  turns: Turns,
): Side {
  const settings = settingsOf(subject);
  const attack: Attack = { faithful: locSearch(settings.faithful), sharp: sharp(settings.sharp) }[
    name
  ];
  const one = async ({ image, label }: AuditImage, index: number): Promise<AttackRecord> =>
    (await runAttack({ box, attack, image, label, index, seed })).record;
  return {
    name: ourName(name),
    threads,
    async measure({ warmup }) {
      for (const [i, image] of subject.images.slice(0, warmup).entries()) await one(image, i);
      const records: AttackRecord[] = [];
      for (const [i, image] of subject.images.entries()) records.push(await one(image, i));
      const milliseconds = records.map(({ seconds }) => 1000 * seconds);
      keep(turns, `${ourName(name)} ${threads}`, {
        milliseconds,
        queries: records.map(({ queries }) => queries.total),
        pixels: records.map(({ l0 }) => l0),
      });
      return milliseconds;
    },
  };
}

const ourName = (name: Name): string => `Espalier, ${name}`;
const torchName = (name: Name, form: Form): string => `${peerName(form)}, ${name}`;

function torchSide(
  name: Name,
  peer: Peer,
  folder: string,
  form: Form,
  threads: number,
  turns: Turns,
): Side {
  return {
    name: torchName(name, form),
    threads,
    async measure({ warmup }) {
      const args = ['--attack', name, '--form', form, '--threads', String(threads)];
      const more = ['--warmup', String(warmup), '--inputs', folder];
      const found = await runPeer<Taken>(peer, 'attack.py', [...args, ...more]);
      keep(turns, `${torchName(name, form)} ${threads}`, found);
      return [...found.milliseconds];
    },
  };
}

/** Images, weights, and what the attacks draw for each image. */
function exchanged(subject: AttackSubject): Map<string, Tensor<'float32'>> {
  const { model, images } = subject;
  const { faithful, sharp: own } = settingsOf(subject);
  const shape = { channels: 3, height: 32, width: 32 };
  const area = shape.height * shape.width;
  const count = images.length;
  const tenth = Math.round(faithful.initial * area);
  const [first, sharpFirst] = [
    zeros('float32', [count, tenth]),
    zeros('float32', [count, own.first]),
  ];
  const noise = zeros('float32', [count, own.rounds, area]);
  sharpFirst.data.fill(-1);
  const all = Array.from({ length: area }, (_, i) => i);
  images.forEach((_, index) => {
    // As `runAttack` and the attacks derive them.
    const random = deriveKey(streamKey(seed, index, 'attack'), 0);
    first.data.set(sample(all, tenth, deriveKey(random, 1)), index * tenth);
    sharpFirst.data.set(spread(shape, own.first, deriveKey(random, 1)), index * own.first);
    for (let round = 1; round <= own.rounds; round++) {
      const from = (index * own.rounds + round - 1) * area;
      fillNormal(noise.data.subarray(from, from + area), deriveKey(random, round));
    }
  });
  const values = images.flatMap(({ image }) => Array.from(image));
  return new Map([
    ['images', tensor('float32', [count, 3, 32, 32], values)],
    [
      'labels',
      tensor(
        'float32',
        [count],
        images.map(({ label }) => label),
      ),
    ],
    ['mean', tensor('float32', [3], [0.485, 0.456, 0.406])],
    ['std', tensor('float32', [3], [0.229, 0.224, 0.225])],
    ['faithful.first', first],
    ['sharp.first', sharpFirst],
    ['sharp.noise', noise],
    ...weightsOf(model),
  ]);
}

export const attackBenchmark: Benchmark = {
  name: 'attack',
  summary:
    'black-box attacks on ResNet-20, and PyTorch; queries a second over the best batch throughput',
  amount: { steps: 12, warmup: 1, rounds: 2 },
  kind: 'step',
  async run(context) {
    const subject = await attackSubject(context.runtime, context.steps);
    const turns: Turns = new Map();
    const boxes = await Promise.all(
      context.threads.map(async (threads) => ({ threads, box: await subject.box(threads) })),
    );
    const own = names.flatMap((name) => boxes.map((box) => ourSide(name, subject, box, turns)));
    const engine = boxes.map(engineSide);
    const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
    try {
      const theirs = await torchSides(context, subject, folder, turns);
      return findings(await inRounds([...own, ...engine, ...theirs], context), turns, subject);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function torchSides(
  { peer, threads }: BenchContext,
  subject: AttackSubject,
  folder: string,
  turns: Turns,
): Promise<Side[]> {
  if (!('torch' in peer)) return [];
  const { p, r, d, t, rounds, exclusion } = settingsOf(subject).faithful;
  const { candidates, reach, prior, curiosity, memory, ...own } = settingsOf(subject).sharp;
  await writeExchange(folder, exchanged(subject), {
    ...{ p, r, d, t, rounds, exclusion, candidates, reach, prior, curiosity, memory },
    ...{ 't.sharp': own.t, 'rounds.sharp': own.rounds },
  });
  return names.flatMap((name) =>
    forms.flatMap((form) =>
      threads.map((count) => torchSide(name, peer, folder, form, count, turns)),
    ),
  );
}

/** Sizes of batches among which the engine's best is. */
const batches = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** The engine by itself: milliseconds an image in the batch that it answers fastest. */
function engineSide({ box, threads }: { readonly box: BlackBox; readonly threads: number }): Side {
  const images = new Float32Array(256 * box.channels * box.height * box.width).fill(100);
  return {
    name: engineName,
    threads,
    async measure() {
      const timings = [];
      for (const n of batches) {
        const times: number[] = [];
        for (let i = 0; i < 4; i++) {
          const begun = performance.now();
          await box.predict(images, n);
          times.push((performance.now() - begun) / n);
        }
        timings.push(summary(times.slice(1)));
      }
      return timings.reduce((a, b) => (b.median < a.median ? b : a));
    },
  };
}

const engineName = 'engine, best batch';

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;

function findings(
  sides: readonly Timed[],
  turns: Turns,
  { isReal, images }: AttackSubject,
): Findings {
  const all = names.map((name) => {
    const own = best(sides, ourName(name));
    const plain = best(sides, torchName(name, 'plain'));
    const ours = turns.get(`${ourName(name)} ${own?.threads}`) ?? [];
    const theirs = turns.get(`${torchName(name, 'plain')} ${plain?.threads}`)?.[0];
    const [first] = ours;
    return {
      name,
      meanQueries: mean(first?.queries ?? []),
      rates: sides.flatMap((side) => (side.name === engineName ? [rateOf(turns, name, side)] : [])),
      overPeer: own && plain ? ratio(own, plain, wanted.time) : null,
      agreeing: first && theirs ? agreement(first, theirs) : null,
    };
  });
  const subject = isReal
    ? 'images of CIFAR-10 that a ResNet-20 has right with a probability below 0.999'
    : 'drawn images, drawn weights';
  return {
    figures: { milliseconds: sides, attacks: all },
    lines: [
      `${images.length} ${subject}`,
      ...timedLines(sides),
      ...all.flatMap(({ name, ...figures }) => linesOf(name, figures)),
    ],
    failures: all.flatMap(({ name, agreeing: share }) =>
      share === null || share >= agreeing
        ? []
        : [`${name}: only ${share} of the images took the same queries and pixels on both sides`],
    ),
  };
}

interface Rate {
  readonly threads: number;
  readonly queriesPerSecond: number;
  /** Of the engine's best batch. */
  readonly overThroughput: number;
}

/** By each image's quickest turn and the engine's quickest batch: what disturbs either only makes it longer. */
function rateOf(turns: Turns, name: Name, { threads, minimum }: Timed): Rate {
  const ours = turns.get(`${ourName(name)} ${threads}`) ?? [];
  const quickest = (ours[0]?.queries ?? []).map((queries, i) => ({
    queries,
    ms: Math.min(...ours.map(({ milliseconds }) => milliseconds[i] ?? Number.NaN)),
  }));
  const [queries, time] = [
    sum(quickest.map((one) => one.queries)),
    sum(quickest.map(({ ms }) => ms)),
  ];
  const queriesPerSecond = (1000 * queries) / time;
  return { threads, queriesPerSecond, overThroughput: (queriesPerSecond * minimum) / 1000 };
}

/** Share of the images that took the same queries and pixels. */
function agreement(a: Taken, b: Taken): number {
  const same = a.queries.filter((n, i) => n === b.queries[i] && a.pixels[i] === b.pixels[i]);
  return same.length / a.queries.length;
}

interface AttackFigures {
  readonly meanQueries: number;
  readonly rates: readonly Rate[];
  readonly overPeer: Ratio | null;
  readonly agreeing: number | null;
}

function linesOf(name: Name, figures: AttackFigures): string[] {
  const { meanQueries, rates, overPeer, agreeing: share } = figures;
  const verdict = (share: number): string => (share >= wanted.throughput ? 'as wanted' : 'MISSED');
  return [
    `${name}: ${meanQueries.toFixed(1)} queries an image`,
    ...rates.map(
      ({ threads, queriesPerSecond, overThroughput: over }) =>
        `${name}, ${threadsText(threads)}: ${queriesPerSecond.toFixed(0)} queries a second, ${over.toFixed(2)} of the engine's best batch (at least ${wanted.throughput}: ${verdict(over)})`,
    ),
    ...(overPeer
      ? [
          ratioLine(`${name}: our time over plain PyTorch's`, overPeer),
          `${name}: ${(1 / overPeer.ofMedians).toFixed(2)} times faster; ${(100 * (share ?? 0)).toFixed(0)} % of the images took the very same queries and pixels`,
        ]
      : []),
  ];
}
