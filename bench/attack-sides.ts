/** What takes turns in the benchmark of attacks, one image after the other: ours, and PyTorch. */
import type { Attack, AttackRecord } from '../src/methods/attack/attack.js';
import type { AuditImage } from '../src/methods/attack/audit.js';
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

export const attackOf = (name: Name, subject: AttackSubject): Attack => {
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
export const torchName = (name: Name, form: Form): string => `${peerName(form)}, ${name}`;

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
