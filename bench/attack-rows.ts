/** The rows of the record of attacks: what is attacked, how, and on how many images. */
import type { Attack } from '../src/methods/attack/attack.js';
import { fgsm, iteratedFgsm } from '../src/methods/attack/fgsm.js';
import {
  foolboxDefaults,
  type LocSearchConfig,
  locSearch,
} from '../src/methods/attack/locsearch.js';
import { defaultRange, type Range } from '../src/methods/attack/model.js';
import { randAdv } from '../src/methods/attack/randadv.js';
import { type SharpConfig, sharp } from '../src/methods/attack/sharp.js';
import { sparseRs } from '../src/methods/attack/sparse-rs.js';
import type { SubjectName } from './attack-subjects.js';

export interface AttackRow {
  /** Of its file; what the name begins with is its part of the record. */
  readonly name: string;
  readonly subject: SubjectName;
  /** As the table calls it. */
  readonly title: string;
  readonly attack: Attack;
  readonly k: number;
  readonly range: Range;
  readonly images: number;
  /** Decimals that the probabilities are rounded to; null where the scores are seen whole. */
  readonly decimals: number | null;
  /** Queries of an image at most. */
  readonly queries: number | null;
}

type Given = Pick<AttackRow, 'title' | 'attack'> & Partial<AttackRow>;

const row = (name: string, subject: SubjectName, given: Given): AttackRow => ({
  ...{ name, subject, k: 1, range: defaultRange, images: 300, decimals: null, queries: null },
  ...given,
});

const local = (settings: Partial<LocSearchConfig>): Given => ({
  title: 'LocSearchAdv',
  attack: locSearch(settings),
});
const ours = (settings: Partial<SharpConfig> = {}, title = 'sharp'): Given => ({
  title,
  attack: sharp(settings),
});

const white = (iterated: boolean): Given =>
  iterated ? { title: 'iterated FGSM', attack: iteratedFgsm() } : { title: 'FGSM', attack: fgsm() };
const random = (pixels: number): Given => ({
  title: `Sparse-RS, ${pixels} pixels`,
  attack: sparseRs({ pixels, queries: 2000 }),
});

const small = ['cifar10', 'mnist'] as const;

/** Steps from the paper's attack, which is `faithful` above, to ours, each on 100 images. */
function ablation(subject: (typeof small)[number], p: number): AttackRow[] {
  const paper: readonly [name: string, given: Given][] = [
    ['1', { ...local({ p, score: 'margin' }), title: 'by the margin' }],
    ['2', { ...local({ probe: 'CYCLIC' }), title: "by CYCLIC's value" }],
    ['3', { ...local({ probe: 'CYCLIC', score: 'margin' }), title: 'both' }],
  ];
  const fewer = [128, 64, 32, 16].map((candidates): [string, Given] => [
    `4-${candidates}`,
    {
      ...local({ probe: 'CYCLIC', score: 'margin', candidates }),
      title: `both, ${candidates} candidates`,
    },
  ]);
  const rounding = { rounding: 'end', candidates: 64, probe: 'CYCLIC', score: 'margin' } as const;
  const own: readonly [name: string, given: Given][] = [
    ['5', { ...local(rounding), title: 'both, 64 candidates, 8 bits at the end alone' }],
    ['6', ours({}, 'sharp')],
    ['7', ours({ probe: 'CYCLIC' }, "sharp, CYCLIC's value")],
    ['8', ours({ memory: 0 }, 'sharp, no score used again')],
    // Shorter than a pixel: what was measured says nothing of the neighbours.
    ['9', ours({ reach: 0.001 }, 'sharp, candidates anywhere')],
    ...[4, 16, 32, 64].map((candidates): [string, Given] => [
      `10-${candidates}`,
      ours({ candidates }, `sharp, ${candidates} candidates`),
    ]),
    ...[1, 4].map((t): [string, Given] => [`11-${t}`, ours({ t }, `sharp, t = ${t}`)]),
  ];
  return [...own, ...fewer.toReversed(), ...paper.toReversed()].map(([name, given]) =>
    row(`ablation-${subject}-${name}`, subject, { images: 100, ...given }),
  );
}

/** Photos, of which there are fewer: all that the network has right, or as many as the time allows. */
const photos: readonly AttackRow[] = [
  row('photos-sharp-1', 'photos', { ...ours(), images: 100, queries: 5000 }),
  row('photos-fgsm', 'photos', {
    ...{ title: 'FGSM', attack: fgsm({ labels: 0 }), images: 100 },
  }),
  row('photos-foolbox', 'photos', {
    ...{ title: 'Foolbox 1.x', attack: locSearch(foolboxDefaults), images: 10, queries: 5000 },
  }),
];

/** In the order in which they are run: what is asked for first, and what is soon done, comes first. */
export const attackRows: readonly AttackRow[] = [
  ...small.map((name) => row(`${name}-sharp-1`, name, ours())),
  ...small.flatMap((name) =>
    [2, 3, 4].map((k) => row(`${name}-sharp-${k}`, name, { ...ours(), k })),
  ),
  ...small.flatMap((name) => [
    row(`${name}-fgsm`, name, white(false)),
    row(`${name}-iterated-fgsm`, name, white(true)),
    row(`${name}-sharp-rounded`, name, { ...ours(), decimals: 3, queries: 2000 }),
  ]),
  row('cifar10-faithful-0.5', 'cifar10', local({ p: 0.5 })),
  row('mnist-faithful-1', 'mnist', local({ p: 1 })),
  ...photos.slice(0, 2),
  ...ablation('cifar10', 0.5),
  ...ablation('mnist', 1),
  row('cifar10-sparse-rs', 'cifar10', random(5)),
  row('mnist-sparse-rs', 'mnist', random(12)),
  ...small.flatMap((name) =>
    [1, 5, 10, 100].map((p) =>
      row(`${name}-randadv-${p}`, name, { title: 'RandAdv', attack: randAdv({ p }) }),
    ),
  ),
  ...([1, 'adaptive', 5, 10] as const).map((p) =>
    row(`cifar10-faithful-${p}`, 'cifar10', local({ p })),
  ),
  ...[2, 3, 4].map((k) => row(`cifar10-faithful-k${k}`, 'cifar10', { ...local({ p: 0.5 }), k })),
  ...([0.5, 'adaptive', 5, 10] as const).map((p) =>
    row(`mnist-faithful-${p}`, 'mnist', local({ p })),
  ),
  ...[2, 3, 4].map((k) => row(`mnist-faithful-k${k}`, 'mnist', { ...local({ p: 1 }), k })),
  ...small.map((name) =>
    row(`${name}-foolbox`, name, { title: 'Foolbox 1.x', attack: locSearch(foolboxDefaults) }),
  ),
  ...photos.slice(2),
];
