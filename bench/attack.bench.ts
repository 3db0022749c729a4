/** Black-box attacks on ResNet-20 against the same in PyTorch, and their queries a second against the engine's throughput. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sample } from '../src/methods/attack/pixels.js';
import { spread } from '../src/methods/attack/sharp.js';
import { deriveKey, fillNormal, streamKey } from '../src/tensor/random.js';
import { type Tensor, tensor, zeros } from '../src/tensor/tensor.js';
import { findings } from './attack-figures.js';
import { names, ourSide, seed, settingsOf, type Turns, torchSide } from './attack-sides.js';
import { type AttackSubject, attackSubject, weightsOf } from './attack-subject.js';
import { inAudit, throughput } from './attack-throughput.js';
import type { BenchContext, Benchmark } from './benchmark.js';
import { writeExchange } from './exchange.js';
import { forms } from './peer.js';
import { inRounds, type Side } from './rounds.js';

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
    const most = Math.max(...Object.values(inAudit)) * context.steps;
    const { images: all, ...found } = await attackSubject(context.runtime, most);
    const subject = { ...found, images: all.slice(0, context.steps) };
    const turns: Turns = new Map();
    const boxes = await Promise.all(
      context.threads.map(async (threads) => ({ threads, box: await subject.box(threads) })),
    );
    const own = names.flatMap((name) => boxes.map((box) => ourSide(name, subject, box, turns)));
    const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
    try {
      const theirs = await torchSides(context, subject, folder, turns);
      const sides = await inRounds([...own, ...theirs], context);
      const rates = await throughput(subject, all, boxes, context);
      return findings([...sides, ...rates], turns, subject);
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
