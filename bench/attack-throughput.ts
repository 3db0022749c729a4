/** Queries a second: audits as `espalier attack` has them, and what the engine answers by itself. */
import { type AuditImage, audit } from '../src/methods/attack/audit.js';
import type { BlackBox } from '../src/methods/attack/model.js';
import { attackOf, type Name, names, type OpenBox, seed } from './attack-sides.js';
import type { AttackSubject } from './attack-subject.js';
import type { BenchContext } from './benchmark.js';
import { summary, type Timed, threadsText } from './rounds.js';

export const auditName = (name: Name): string => `audit, ${name}`;
export const engineName = 'engine, best batch';

/** Images of an audit, by those that are timed one by one: so many that its end, where few are left, does not count. */
export const inAudit = { faithful: 1, sharp: 4 };
/** Images that the engine is asked for by itself, by the same. */
const asked = 50;
/** Turns of engine and audits in each round: they are short, so that what disturbs for a second hits all of them alike. */
const turns = 3;

/**
 * Milliseconds a query.
 * @param boxes one session of each number of threads: the engine's best batch is one of all threads
 */
export async function throughput(
  subject: AttackSubject,
  images: readonly AuditImage[],
  boxes: readonly OpenBox[],
  { steps, warmup, rounds, small, progress }: BenchContext,
): Promise<Timed[]> {
  const timed: Timed[] = [];
  for (const { threads, box } of boxes) {
    const sessions = await subject.sessions(threads);
    const best = await bestBatch(box, small ? [1, 2, 4] : batches);
    const of = (name: Name, count: number) =>
      auditing(name, subject, sessions, images.slice(0, count));
    for (const name of names) await of(name, warmup);
    const sides: readonly [name: string, run: () => Promise<number>][] = [
      [engineName, () => answering(box, best, Math.ceil((asked * steps) / best))],
      ...names.map((name): [string, () => Promise<number>] => [
        auditName(name),
        () => of(name, inAudit[name] * steps),
      ]),
    ];
    const times = new Map<string, number[]>();
    for (let turn = 0; turn < turns * rounds; turn++)
      for (const [name, run] of sides) times.set(name, [...(times.get(name) ?? []), await run()]);
    for (const [name, each] of times) timed.push({ name, threads, ...summary(each) });
    progress(`audits and the engine, ${threadsText(threads)}, in ${turns * rounds} turns`);
  }
  return timed;
}

/** An audit but for its files. */
async function auditing(
  name: Name,
  subject: AttackSubject,
  box: BlackBox,
  images: readonly AuditImage[],
): Promise<number> {
  const attack = attackOf(name, subject);
  const sideBySide = box.concurrency ?? 1;
  const begun = performance.now();
  const records = await audit({ box, attack, images, seed, sideBySide });
  const spent = performance.now() - begun;
  return spent / records.reduce((sum, { queries }) => sum + queries.total, 0);
}

/** The same images again and again. */
async function answering(box: BlackBox, n: number, times: number): Promise<number> {
  const images = new Float32Array(n * box.channels * box.height * box.width).fill(100);
  const begun = performance.now();
  for (let i = 0; i < times; i++) await box.predict(images, n);
  return (performance.now() - begun) / (n * times);
}

/** Sizes of batches among which the engine's best is. */
const batches = [1, 2, 4, 8, 16, 32, 64, 128, 256];

async function bestBatch(box: BlackBox, sizes: readonly number[]): Promise<number> {
  let [fastest, least] = [1, Number.POSITIVE_INFINITY];
  for (const n of sizes) {
    await answering(box, n, 1);
    for (let i = 0; i < 3; i++) {
      const each = await answering(box, n, 1);
      if (each < least) [fastest, least] = [n, each];
    }
  }
  return fastest;
}
