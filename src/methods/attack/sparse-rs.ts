/** Sparse-RS for a number of pixels (Croce, Andriushchenko, Singh, Flammarion and Hein 2022): random search. */
import { UsageError } from '../../errors.js';
import { fillUniform, type Key } from '../../tensor/random.js';
import type { Attack, AttackContext, Proposal } from './attack.js';

/** Defaults are those of the authors' program (github.com/fra31/sparse-rs) but where something else is said. */
export interface SparseRsOptions {
  /** Pixels that may differ: k. 2 % of them unless given (ours: the authors' k belongs to each data set). */
  readonly pixels?: number | undefined;
  /** Queries of a search, on which the schedule of alpha depends too; 10,000 unless given. */
  readonly queries?: number;
  /** Share of the pixels that the first steps change; 0.3 unless given, as their evaluation of L0 has it. */
  readonly alpha?: number;
  /**
   * Goes on after the first success to find fewer pixels that do it as well, by halving; off unless given. Ours: every
   * number is searched for from a part of the last success, with as many queries at most.
   */
  readonly minimal?: boolean;
}

/** Steps of 10,000 after which alpha is divided by so much (section 4 and `p_selection` of their program). */
const schedule: readonly (readonly [after: number, divisor: number])[] = [
  [8000, 20],
  [6000, 15],
  [4000, 12],
  [2000, 10],
  [1000, 8],
  [500, 6],
  [200, 5],
  [50, 4],
  [0, 2],
];

/** The share of pixels that step `step` of `queries` changes. */
export function alphaAt(step: number, queries: number, alpha: number): number {
  const at = Math.floor((step / queries) * 10_000);
  const found = schedule.find(([after]) => at > after);
  return alpha / (found?.[1] ?? 1);
}

/**
 * A set of k pixels with colours that are corners of the colour cube (every channel 0 or 255); each step takes some of
 * them back and changes as many others, and stays where the criterion's margin falls or it is met. The margin of
 * `misclassified(1)` is the paper's; for a target the paper takes the cross-entropy, this one the margin too.
 * @throws UsageError for settings that make no sense.
 */
export function sparseRs(options: SparseRsOptions = {}): Attack {
  const { pixels, queries = 10_000, alpha = 0.3, minimal = false } = options;
  for (const [name, value] of Object.entries({ pixels, queries }))
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 1))
      throw new UsageError(`invalid ${name} ${value}: give a whole number from 1 on`, {
        actual: value,
      });
  if (!(alpha > 0 && alpha <= 1))
    throw new UsageError(`invalid alpha ${alpha}: give a number above 0, at most 1`, {
      actual: alpha,
    });
  return {
    ...{ name: 'Sparse-RS', needs: 'scores', avoids: true },
    parameters: {
      ...{ pixels: pixels ?? '2 %', queries, alpha, minimal },
      ...{ probe: 'random corners', score: 'margin' },
    },
    run: (context) => search(context, { pixels, queries, alpha, minimal }),
  };
}

interface Settings {
  readonly pixels: number | undefined;
  readonly queries: number;
  readonly alpha: number;
  readonly minimal: boolean;
}

/** What a search has: an image, and the free pixels in a row, of which the first `k` differ from the original. */
interface State {
  readonly image: Float32Array;
  readonly pixels: Uint32Array;
  readonly k: number;
  readonly margin: number;
  readonly met: boolean;
}

/** A uniform number in [0, 1), the next of its stream. */
type Draw = () => number;

/** Searches with k pixels, and where fewer are wanted, bisects below k. */
async function search(context: AttackContext, settings: Settings): Promise<Proposal> {
  const { box, forbidden } = context;
  const area = box.height * box.width;
  const all = Uint32Array.from({ length: area }, (_, i) => i).filter((i) => !forbidden.has(i));
  const k = Math.min(all.length, settings.pixels ?? Math.max(1, Math.round(0.02 * area)));
  const draw = drawer(context.random);
  const steps = { count: 0 };
  shuffle(all, all.length, draw);
  const first = coloured(context, all, k, draw);
  const original = Float32Array.from(context.image);
  let best = await searchFrom(context, settings, first, { draw, steps, keep: true });
  for (let low = 0; settings.minimal && best.met && low + 1 < best.k; ) {
    const fewer = Math.floor((low + best.k) / 2);
    const pixels = best.pixels.slice();
    shuffle(pixels.subarray(0, best.k), best.k, draw);
    const image = original.slice();
    for (const pixel of pixels.subarray(0, fewer)) copyPixel(best.image, image, pixel, area);
    const start = { image, pixels, k: fewer };
    const found = await searchFrom(context, settings, start, { draw, steps, keep: false });
    if (found.met) best = found;
    else low = fewer;
    context.progress(steps.count, best.image.slice());
  }
  return { image: best.image, rounds: steps.count, figures: { k: best.k } };
}

interface Course {
  readonly draw: Draw;
  /** Steps over all searches. */
  readonly steps: { count: number };
  /** Whether what the search has is what stays where the budget ends the attack. */
  readonly keep: boolean;
}

/** One search from a start whose first k pixels have colours. */
async function searchFrom(
  context: AttackContext,
  { queries, alpha }: Settings,
  start: Pick<State, 'image' | 'pixels' | 'k'>,
  { draw, steps, keep }: Course,
): Promise<State> {
  const { k } = start;
  let state = await asked(context, start);
  // The first of the queries went to the start.
  const most = Math.min(queries - 1, context.rounds ?? Number.POSITIVE_INFINITY);
  for (let step = 1; step <= most && !state.met; step++) {
    const changed = Math.max(1, Math.floor(alphaAt(step, queries, alpha) * k));
    const next = await asked(context, changedOf(context, state, changed, draw));
    if (next.margin < state.margin || next.met) state = next;
    steps.count++;
    if (keep) context.progress(steps.count, state.image.slice());
  }
  return state;
}

/** A start with what the classifier says of it. */
async function asked(
  { criterion, label, query }: AttackContext,
  start: Pick<State, 'image' | 'pixels' | 'k'>,
): Promise<State> {
  const logs = await query(start.image, 1);
  return { ...start, margin: criterion.margin(logs, label), met: criterion.met(logs, label) };
}

/** The original with corners of the colour cube in the first `k` of `pixels`. */
function coloured(context: AttackContext, pixels: Uint32Array, k: number, draw: Draw) {
  const image = Float32Array.from(context.image);
  for (const pixel of pixels.subarray(0, k)) paint(context, image, pixel, draw);
  return { image, pixels, k };
}

/** Takes `count` of the k pixels back, and changes as many others; the same ones anew where there are no others. */
function changedOf(
  context: AttackContext,
  { image, pixels, k }: State,
  count: number,
  draw: Draw,
): Pick<State, 'image' | 'pixels' | 'k'> {
  const next = { image: image.slice(), pixels: pixels.slice(), k };
  const area = context.box.height * context.box.width;
  const others = pixels.length - k;
  const n = others === 0 ? count : Math.min(count, others);
  shuffle(next.pixels.subarray(0, k), n, draw);
  shuffle(next.pixels.subarray(k), n, draw);
  for (let i = 0; i < n; i++) {
    const out = next.pixels[i] as number;
    const other = next.pixels[k + i];
    if (other !== undefined) {
      copyPixel(context.image, next.image, out, area);
      next.pixels[i] = other;
      next.pixels[k + i] = out;
    }
    paint(context, next.image, other ?? out, draw);
  }
  return next;
}

/** Draws every channel of a pixel from 0 and 255. */
function paint({ box }: AttackContext, image: Float32Array, pixel: number, draw: Draw): void {
  const area = box.height * box.width;
  for (let c = 0; c < box.channels; c++) image[c * area + pixel] = draw() < 0.5 ? 0 : 255;
}

function copyPixel(from: ArrayLike<number>, to: Float32Array, pixel: number, area: number): void {
  for (let at = pixel; at < to.length; at += area) to[at] = from[at] as number;
}

/** Brings `count` random elements to the front (Fisher and Yates; uniform up to 2^-24). */
function shuffle(values: Uint32Array, count: number, draw: Draw): void {
  for (let i = 0; i < Math.min(count, values.length); i++) {
    const j = i + Math.floor(draw() * (values.length - i));
    const kept = values[i] as number;
    values[i] = values[j] as number;
    values[j] = kept;
  }
}

function drawer(key: Key): Draw {
  const drawn = new Float32Array(1024);
  let next = 0;
  return () => {
    if (next % drawn.length === 0) fillUniform(drawn, key, next);
    return drawn[next++ % drawn.length] as number;
  };
}
