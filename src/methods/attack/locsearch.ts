/**
 * LocSearchAdv of Narodytska and Kasiviswanathan 2016, section 4, as the paper has it. Two slips of its text are read by its
 * intent: the scores, probabilities of the true class, go ascending, and the next candidates lie about the pixels that
 * were just perturbed.
 */
import { UsageError } from '../../errors.js';
import { deriveKey } from '../../tensor/random.js';
import type { Attack, AttackContext, Proposal } from './attack.js';
import {
  allowedPixels,
  checkFactor,
  cyclic,
  inValues,
  neighbourhood,
  pert,
  sample,
} from './pixels.js';
import { Probes } from './probes.js';

export interface LocSearchConfig {
  /** Of PERT; `adaptive` as `AdaptiveP` moves it. */
  readonly p: number | 'adaptive';
  /** Of CYCLIC, in [0, 2]. */
  readonly r: number;
  /** Rows and columns that a neighbourhood reaches to each side. */
  readonly d: number;
  /** Pixels perturbed a round. */
  readonly t: number;
  /** Rounds at most. */
  readonly rounds: number;
  /** Share of the pixels that the first round looks at. */
  readonly initial: number;
  /** Rounds for which a perturbed pixel is no candidate. */
  readonly exclusion: number;
  /** Candidates a round at most, drawn at random among them; null for all. */
  readonly candidates: number | null;
  /** What a candidate is set to while it is tried: what PERT gives, as in the paper, or what CYCLIC would write. */
  readonly probe: 'PERT' | 'CYCLIC';
  /** What makes a candidate good: a low probability of the true class, as in the paper, or the criterion's margin. */
  readonly score: 'probability' | 'margin';
  /** Whether the image is brought to 8 bits after every round, as it is submitted, or at the end alone. */
  readonly rounding: 'every round' | 'end';
}

/** The paper's, section 5, but where said. */
export const locSearchDefaults: LocSearchConfig = {
  p: 'adaptive',
  r: 1.5,
  d: 5,
  t: 5,
  rounds: 150,
  initial: 0.1,
  exclusion: 30,
  candidates: null,
  probe: 'PERT',
  score: 'probability',
  // Ours: the paper does not store images. Rounding at the end alone undoes some successes.
  rounding: 'every round',
};

/** Foolbox 1.x's LocalSearchAttack: p fixed, no exclusion, 128 candidates at most. */
export const foolboxDefaults: LocSearchConfig = {
  ...locSearchDefaults,
  p: 10,
  exclusion: 0,
  candidates: 128,
};

/**
 * How p goes where it is adaptive. The paper raises it while the mean probability of the true class over the chosen probes
 * is close to 1 and lowers it where it is low, below 0.3 say, and gives no numbers: these are ours.
 */
export const adaptiveP = {
  start: 0.5,
  /** Above this mean p is multiplied by `factor`, below `low` divided; it stays within `least` and `most`. */
  high: 0.9,
  low: 0.3,
  factor: 1.5,
  least: 0.25,
  most: 100,
} as const;

/** p of the next round. */
export function nextP(p: number, meanProbability: number): number {
  const { high, low, factor, least, most } = adaptiveP;
  if (meanProbability > high) return Math.min(most, p * factor);
  return meanProbability < low ? Math.max(least, p / factor) : p;
}

/**
 * The faithful attack.
 * @throws UsageError naming the first setting that makes no sense.
 */
export function locSearch(settings: Partial<LocSearchConfig> = {}): Attack {
  const config = { ...locSearchDefaults, ...settings };
  check(config);
  return {
    name: 'locsearch',
    parameters: { ...config },
    needs: 'scores',
    avoids: true,
    run: (context) => search(config, context),
  };
}

function check(config: LocSearchConfig): void {
  const { p, r, d, t, rounds, initial, exclusion, candidates, probe, score, rounding } = config;
  checkFactor(r);
  demand(
    p === 'adaptive' || (p > 0 && Number.isFinite(p)),
    'p',
    'a number above 0, or adaptive',
    p,
  );
  demand(whole(d, 0), 'd', 'a whole number from 0 on', d);
  demand(whole(t, 1), 't', 'a whole number from 1 on', t);
  demand(whole(rounds, 1), 'rounds', 'a whole number from 1 on', rounds);
  demand(initial > 0 && initial <= 1, 'initial', 'a share above 0 and at most 1', initial);
  demand(whole(exclusion, 0), 'exclusion', 'a whole number from 0 on', exclusion);
  demand(
    candidates === null || whole(candidates, 1),
    'candidates',
    'a whole number from 1 on, or null',
    candidates,
  );
  demand(['PERT', 'CYCLIC'].includes(probe), 'probe', 'PERT or CYCLIC', probe);
  demand(['probability', 'margin'].includes(score), 'score', 'probability or margin', score);
  demand(['every round', 'end'].includes(rounding), 'rounding', 'every round or end', rounding);
}

const whole = (value: number, from: number): boolean =>
  Number.isSafeInteger(value) && value >= from;

function demand(holds: boolean, name: string, wanted: string, actual: unknown): void {
  if (!holds) throw new UsageError(`invalid ${name} ${actual}: give ${wanted}`, { actual });
}

/** Which pixels are no candidates, since they were perturbed a short time ago. */
export class Exclusion {
  readonly #rounds: number;
  readonly #last = new Map<number, number>();

  constructor(rounds: number) {
    this.#rounds = rounds;
  }

  perturbed(pixel: number, round: number): void {
    this.#last.set(pixel, round);
  }

  /** One perturbed in round i is out in rounds i + 1 to i + `rounds`. */
  holds(pixel: number, round: number): boolean {
    return round <= (this.#last.get(pixel) ?? Number.NEGATIVE_INFINITY) + this.#rounds;
  }
}

async function search(config: LocSearchConfig, context: AttackContext): Promise<Proposal> {
  const { box, criterion, label, random } = context;
  const allowed = allowedPixels(box, context.forbidden);
  const probes = new Probes(context);
  const exclusion = new Exclusion(config.exclusion);
  const current = Float32Array.from(context.image);
  const rounds = Math.min(config.rounds, context.rounds ?? Number.POSITIVE_INFINITY);
  const write = cyclicOf(config, context);
  let p = config.p === 'adaptive' ? adaptiveP.start : config.p;
  let next: readonly number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const key = deriveKey(random, round);
    const free = (pixels: readonly number[]): number[] =>
      pixels.filter((i) => !context.forbidden.has(i) && !exclusion.holds(i, round));
    // The first round, and ours: where every neighbour is excluded, another tenth.
    const near = free(next);
    const tenth = Math.max(1, Math.round(config.initial * box.height * box.width));
    const all = near.length > 0 ? near : sample(free(allowed), tenth, key);
    // In random order: where the probability of the true class stays at 1 in float32, all candidates tie, and an order
    // of the image's own would lead the search into a corner.
    const candidates = sample(all, config.candidates ?? all.length, deriveKey(key, 1));
    const probe = config.probe === 'PERT' ? pertOf(p, context) : write;
    const scored = await scoresOf(candidates, probe, { config, context, probes, current });
    const chosen = lowest(scored, config.t);
    for (const { pixel } of chosen) {
      write(current, pixel);
      exclusion.perturbed(pixel, round);
    }
    context.progress(round, current);
    const logs = await context.query(current, 1);
    if (criterion.met(logs, label)) return { image: current, rounds: round };
    if (config.p === 'adaptive' && chosen.length > 0)
      p = nextP(p, chosen.reduce((sum, { probability }) => sum + probability, 0) / chosen.length);
    next = neighbourhood(
      chosen.map(({ pixel }) => pixel),
      config.d,
      box,
    );
  }
  return { image: current, rounds };
}

interface Scored {
  readonly pixel: number;
  readonly score: number;
}

/** The `t` of least score, ascending; in a tie the candidate that came first. */
export const lowest = <T extends Scored>(scored: readonly T[], t: number): T[] =>
  scored.toSorted((a, b) => a.score - b.score).slice(0, t);

/** Writes one pixel of an image in units of 8-bit values. */
export type Write = (image: Float32Array, pixel: number) => void;

interface Asking {
  readonly config: LocSearchConfig;
  readonly context: AttackContext;
  readonly probes: Probes;
  readonly current: Float32Array;
}

/** What is answered where `change` has one pixel: the probability is in float32, as the paper's networks give it. */
async function scoresOf(
  candidates: readonly number[],
  change: Write,
  { config, context, probes, current }: Asking,
): Promise<(Scored & { readonly probability: number })[]> {
  const { criterion, label } = context;
  const answers = await probes.ask(
    current,
    candidates.map((pixel) => (row: Float32Array) => change(row, pixel)),
  );
  return answers.map((logs, i) => {
    const probability = Math.fround(Math.exp(logs[label] ?? Number.NaN));
    const score = config.score === 'probability' ? probability : criterion.margin(logs, label);
    return { pixel: candidates[i] ?? 0, score, probability };
  });
}

/** Takes a pixel of an image in units of 8-bit values, all its channels, to what a rule says. */
export function everyChannel(
  { box, range }: Pick<AttackContext, 'box' | 'range'>,
  rule: (x: number, lower: number, upper: number) => number,
): Write {
  const plane = box.height * box.width;
  const rules = Array.from({ length: box.channels }, (_, c) => inValues(range, c, rule));
  return (image, pixel) => {
    rules.forEach((of, c) => {
      const at = c * plane + pixel;
      image[at] = of(image[at] as number);
    });
  };
}

const pertOf = (p: number, context: AttackContext): Write =>
  everyChannel(context, (x) => pert(x, p));

/** CYCLIC, and 8 bits where every round ends in them. */
function cyclicOf({ r, rounding }: LocSearchConfig, context: AttackContext): Write {
  const { box } = context;
  const plane = box.height * box.width;
  const write = everyChannel(context, (x, lower, upper) => cyclic(x, r, lower, upper));
  if (rounding === 'end') return write;
  return (image, pixel) => {
    write(image, pixel);
    for (let at = pixel; at < image.length; at += plane)
      image[at] = Math.round(image[at] as number);
  };
}
