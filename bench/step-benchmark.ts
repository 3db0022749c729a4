/** A training step against the same step in PyTorch and against its own matrix products. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Agreement, agreementLines, agreementOf, disagreement } from './agreement.js';
import type { BenchContext, Findings } from './benchmark.js';
import { forms, type Peer, peerLosses, peerName, peerSide } from './peer.js';
import { gemmSide } from './products.js';
import { profileFindings } from './profiled.js';
import {
  best,
  inRounds,
  type Ratio,
  ratio,
  ratioLine,
  type Side,
  type Timed,
  timedLines,
} from './rounds.js';
import { ourSide, type Subject, writeSubject } from './subject.js';

/**
 * The most that our time should be of PyTorch's and of that of the Gemms alone; null where nobody said. Without
 * `gemms` these are not timed: they are not what a step of convolutions is made of.
 */
export interface Wanted {
  readonly peer: number | null;
  readonly gemms?: number | null;
}

/**
 * Times all sides, or profiles the step where the context asks for that.
 * @throws EspalierError where the peer is there and fails.
 */
export async function stepBenchmark(
  subject: Subject,
  wanted: Wanted,
  context: BenchContext,
): Promise<Findings> {
  if (context.profile) return profileFindings(subject, context);
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  try {
    await writeSubject(folder, subject);
    const { sides, agreement } = await prepare(subject, wanted, context, folder);
    return findings(await inRounds(sides, context), agreement, wanted, context);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Loads every side, and compares losses before anything is timed. */
async function prepare(
  subject: Subject,
  wanted: Wanted,
  { runtime, threads, peer }: BenchContext,
  folder: string,
): Promise<{ sides: Side[]; agreement: Agreement | null }> {
  const { model } = subject.step;
  const ours = await oneByOne(threads, (count) => ourSide(subject, runtime, count));
  const gemms =
    wanted.gemms === undefined
      ? []
      : await oneByOne(threads, (count) => gemmSide(model, runtime, count));
  const sides = [...ours, ...gemms];
  const [first] = ours;
  if (!isPeer(peer) || !first) return { sides, agreement: null };
  const theirs = await peerLosses(peer, subject.script, folder);
  return {
    sides: [
      ...sides,
      ...forms.flatMap((form) =>
        threads.map((count) => peerSide(peer, subject.script, folder, form, count)),
      ),
    ],
    agreement: agreementOf(await first.losses(), theirs),
  };
}

async function oneByOne<T, U>(items: readonly T[], f: (item: T) => Promise<U>): Promise<U[]> {
  const results: U[] = [];
  for (const item of items) results.push(await f(item));
  return results;
}

const isPeer = (peer: BenchContext['peer']): peer is Peer => 'torch' in peer;

function findings(
  timed: readonly Timed[],
  agreement: Agreement | null,
  wanted: Wanted,
  { peer }: BenchContext,
): Findings {
  const ours = best(timed, 'Espalier');
  const plain = best(timed, peerName('plain'));
  const tuned = best(timed, peerName('tuned'));
  // The Gemms on as many threads as served our step best.
  const floor = timed.find(
    ({ name, threads }) => name === 'Gemms alone' && threads === ours?.threads,
  );
  const overPeer: Ratio | null = ours && plain ? ratio(ours, plain, wanted.peer) : null;
  const overTuned: Ratio | null = ours && tuned ? ratio(ours, tuned, null) : null;
  const overGemms: Ratio | null = ours && floor ? ratio(ours, floor, wanted.gemms ?? null) : null;
  return {
    figures: {
      milliseconds: timed,
      overPeer,
      overTuned,
      overGemms,
      losses: agreement,
      ...(isPeer(peer) ? {} : { peerAbsent: peer.absent }),
    },
    lines: [
      ...timedLines(timed),
      ...(overGemms ? [ratioLine('our time over the Gemms alone', overGemms)] : []),
      ...(overPeer ? [ratioLine('our time over plain PyTorch', overPeer)] : []),
      ...(overTuned ? [ratioLine('our time over PyTorch tuned by hand', overTuned)] : []),
      ...(agreement ? agreementLines(agreement) : []),
      ...(isPeer(peer) ? [] : [`PyTorch was not timed: ${peer.absent}.`]),
    ],
    failures: agreement ? disagreement(agreement) : [],
  };
}
