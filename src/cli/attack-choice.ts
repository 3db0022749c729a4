/** The attacks that `espalier attack` has, one line each, from its options. */

import { UsageError } from '../errors.js';
import type { Attack } from '../methods/attack/attack.js';
import { fgsm, iteratedFgsm } from '../methods/attack/fgsm.js';
import { type LocSearchConfig, locSearch } from '../methods/attack/locsearch.js';
import { randAdv } from '../methods/attack/randadv.js';
import { sharp } from '../methods/attack/sharp.js';
import { sparseRs } from '../methods/attack/sparse-rs.js';
import { defined } from './training-run.js';

/** Settings of attacks as options give them; each attack takes its own. */
export interface AttackSettings {
  readonly p?: string | undefined;
  readonly r?: number | undefined;
  readonly d?: number | undefined;
  readonly t?: number | undefined;
  readonly pixels?: number | undefined;
  readonly epsilon?: number | undefined;
  readonly probe?: LocSearchConfig['probe'] | undefined;
  readonly rankBy?: LocSearchConfig['score'] | undefined;
  readonly candidates?: number | undefined;
  readonly exclusion?: number | undefined;
}

export const attacks = {
  sharp: ({ t, candidates }: AttackSettings): Attack => sharp(defined({ t, candidates })),
  locsearch: ({ p, ...others }: AttackSettings): Attack => {
    const { r, d, t, probe, rankBy: score, candidates, exclusion } = others;
    const factor = p === undefined ? undefined : factorOf(p);
    return locSearch(defined({ p: factor, r, d, t, probe, score, candidates, exclusion }));
  },
  randadv: ({ p, pixels }: AttackSettings): Attack => {
    const factor = p === undefined ? undefined : factorOf(p);
    if (factor === 'adaptive') throw new UsageError('--p adaptive is for --attack locsearch');
    return randAdv(defined({ p: factor, pixels }));
  },
  'sparse-rs': ({ pixels }: AttackSettings): Attack =>
    sparseRs({ pixels, minimal: pixels === undefined }),
  fgsm: ({ epsilon }: AttackSettings): Attack => fgsm(defined({ epsilon })),
  'iterated-fgsm': ({ epsilon }: AttackSettings): Attack => iteratedFgsm(defined({ epsilon })),
} as const;

/** Their names. */
export const attackNames = Object.keys(attacks) as [keyof typeof attacks];

/** @throws UsageError for what is neither a number nor `adaptive`. */
function factorOf(text: string): number | 'adaptive' {
  if (text === 'adaptive') return text;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new UsageError(`--p: must be a number above 0, or adaptive, got "${text}"`, {
    actual: text,
  });
}
