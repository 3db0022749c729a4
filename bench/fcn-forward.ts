/** FCN-8s of VGG16 over an image of 500x500 with the paper's 21 classes, against the same in eager PyTorch. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FcnNetwork, fcnModel, fcnNetwork, withWeights } from '../src/methods/fcn/network.js';
import { normal } from '../src/nn/init.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import type { Tensor } from '../src/tensor/tensor.js';
import type { BenchContext, Findings } from './benchmark.js';
import { writeExchange } from './exchange.js';
import { forms, type Peer, peerName, peerSide, runPeer } from './peer.js';
import { best, inRounds, ratio, ratioLine, type Side, timedLines } from './rounds.js';

const [classes, seed] = [21, 1];
const script = 'fcn_forward.py';

/** @param small an eighth of the channels, for a test */
function network(small: boolean): FcnNetwork {
  const source = buildModel(models.vgg16, { seed, ...(small && { width: 0.125 }) });
  const made = fcnNetwork(source, { classes, skips: ['pool4', 'pool3'] });
  const drawn = made.scores.map(({ weight }): [string, Tensor] => {
    const dims = made.graph.initializers.get(weight)?.dims ?? [];
    return [weight, normal(seed, weight, dims, 0.05)];
  });
  return withWeights(made, new Map(drawn));
}

/** Times both sides, after their mean probabilities of each class were compared. */
export async function fcnForward(context: BenchContext): Promise<Findings> {
  const { small } = context;
  const size = small ? 64 : 500;
  const image = normal(seed, 'image', [1, 3, size, size], 1) as Tensor<'float32'>;
  const made = network(small);
  const sides: Side[] = [];
  let means: readonly number[] = [];
  for (const threads of context.threads) {
    const session = await context.runtime.load(fcnModel(made, new Map()), { threads });
    const run = async () => (await session.run({ [made.input]: image }))['probabilities'];
    means = meansOf((await run()) as Tensor<'float32'>);
    sides.push({ name: 'Espalier', threads, measure: (amount) => timed(run, amount) });
  }
  const { peer } = context;
  if (!('torch' in peer)) return findings(await inRounds(sides, context), []);
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  try {
    await writeExchange(folder, new Map([['image', image], ...weights(made)]), {});
    const theirs = await peerMeans(peer, folder);
    const apart = Math.max(...means.map((mean, c) => Math.abs(mean - (theirs[c] ?? 0))));
    const peers = forms.flatMap((form) =>
      context.threads.map((count) => peerSide(peer, script, folder, form, count)),
    );
    const failures =
      apart < 1e-4 ? [] : [`mean probabilities of a class are ${apart} apart from PyTorch's`];
    return findings(await inRounds([...sides, ...peers], context), failures);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const weights = ({ graph }: FcnNetwork) =>
  [...graph.initializers].filter(
    (entry): entry is [string, Tensor<'float32'>] =>
      entry[1].dtype === 'float32' && /\.(weight|bias)$/.test(entry[0]),
  );

const peerMeans = async (peer: Peer, folder: string) =>
  (await runPeer<{ losses: number[] }>(peer, script, ['--losses', folder])).losses;

function meansOf({ data }: Tensor<'float32'>): number[] {
  const pixels = data.length / classes;
  return Array.from({ length: classes }, (_, c) => {
    const plane = data.subarray(c * pixels, (c + 1) * pixels);
    return plane.reduce((sum, p) => sum + p, 0) / pixels;
  });
}

async function timed(run: () => Promise<unknown>, { steps, warmup }: Record<string, number>) {
  const times: number[] = [];
  for (let k = 0; k < (warmup ?? 0) + (steps ?? 1); k++) {
    const start = performance.now();
    await run();
    if (k >= (warmup ?? 0)) times.push(performance.now() - start);
  }
  return times;
}

function findings(sides: Awaited<ReturnType<typeof inRounds>>, failures: string[]): Findings {
  const [ours, plain] = [best(sides, 'Espalier'), best(sides, peerName('plain'))];
  const over = ours && plain ? ratio(ours, plain, 1.15) : null;
  return {
    figures: { milliseconds: sides, ...(over && { overPeer: over }) },
    lines: [
      ...timedLines(sides),
      ...(over ? [ratioLine('our time over plain PyTorch', over)] : []),
    ],
    failures,
  };
}
