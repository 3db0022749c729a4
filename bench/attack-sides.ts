/** What takes turns in the benchmark of attacks: ours one image after the other, whole audits, the engine alone, PyTorch. */
import type { Attack, AttackRecord } from '../src/methods/attack/attack.js';
import { type AuditImage, audit } from '../src/methods/attack/audit.js';
import { locSearch, locSearchDefaults } from '../src/methods/attack/locsearch.js';
import type { BlackBox } from '../src/methods/attack/model.js';
import { runAttack } from '../src/methods/attack/run.js';
import { sharp, sharpDefaults } from '../src/methods/attack/sharp.js';
import type { AttackSubject } from './attack-subject.js';
import { type Form, type Peer, peerName, runPeer } from './peer.js';
import type { Side } from './rounds.js';

/** Of all that is drawn. */
export const seed = 1;
export type Name = 'faithful' | 'sharp';
export const names: readonly Name[] = ['faithful', 'sharp'];

/** The settings: p fixed, since an adaptive one follows rounding. Drawn networks may not be fooled at all: few rounds. */
export function settingsOf({ isReal }: AttackSubject) {
  return {
    faithful: { ...locSearchDefaults, p: 0.5, rounds: isReal ? 150 : 3 } as const,
    // Sharp takes some ten rounds; numbers are drawn for so many.
    sharp: { ...sharpDefaults, rounds: isReal ? 100 : 10 },
  };
}

/** What an image took. */
export interface Taken {
  readonly milliseconds: readonly number[];
  readonly queries: readonly number[];
  readonly pixels: readonly number[];
}

/** By side, a turn each. */
export type Turns = Map<string, Taken[]>;
const keep = (turns: Turns, side: string, taken: Taken): void => {
  turns.set(side, [...(turns.get(side) ?? []), taken]);
};

const attackOf = (name: Name, subject: AttackSubject): Attack => {
  const { faithful, sharp: own } = settingsOf(subject);
  return name === 'faithful' ? locSearch(faithful) : sharp(own);
};

/** A box on a number of threads. */
export interface OpenBox {
  readonly box: BlackBox;
  readonly threads: number;
}

/** Images one after the other, on the thread of JavaScript: what one takes. */
export function ourSide(
  name: Name,
  subject: AttackSubject,
  { box, threads }: OpenBox,
  turns: Turns,
): Side {
  const attack = attackOf(name, subject);
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

export const ourName = (name: Name): string => `Espalier, ${name}`;
export const auditName = (name: Name): string => `audit, ${name}`;
export const torchName = (name: Name, form: Form): string => `${peerName(form)}, ${name}`;
export const engineName = 'engine, best batch';

/** An audit of all images as `espalier attack` has it, but for its files: milliseconds a query. */
export function auditSide(
  name: Name,
  subject: AttackSubject,
  { box, threads }: OpenBox,
  images: readonly AuditImage[],
): Side {
  const attack = attackOf(name, subject);
  const sideBySide = box.concurrency ?? 1;
  const of = (some: readonly AuditImage[]) =>
    audit({ box, attack, images: some, seed, sideBySide });
  return {
    name: auditName(name),
    threads,
    async measure({ warmup }) {
      await of(images.slice(0, warmup));
      const begun = performance.now();
      const records = await of(images);
      const spent = performance.now() - begun;
      return [spent / records.reduce((sum, { queries }) => sum + queries.total, 0)];
    },
  };
}

export function torchSide(
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

/** Images that the engine is asked for each that is attacked. */
const asked = 200;

/** Sizes of batches among which the engine's best is. */
const batches = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/**
 * The engine by itself: milliseconds an image in the batch that it answers fastest, over as many as an audit may ask, since
 * what shares the machine slows a second down that a single batch slips through.
 */
export function engineSide({ box, threads }: OpenBox): Side {
  const images = new Float32Array(256 * box.channels * box.height * box.width).fill(100);
  const timed = async (n: number, times: number): Promise<number> => {
    const begun = performance.now();
    for (let i = 0; i < times; i++) await box.predict(images, n);
    return (performance.now() - begun) / (n * times);
  };
  return {
    name: engineName,
    threads,
    async measure({ steps }) {
      let [fastest, least] = [1, Number.POSITIVE_INFINITY];
      for (const n of batches) {
        await timed(n, 1);
        const each = Math.min(await timed(n, 1), await timed(n, 1), await timed(n, 1));
        if (each < least) [fastest, least] = [n, each];
      }
      return [await timed(fastest, Math.ceil((asked * steps) / fastest))];
    },
  };
}
