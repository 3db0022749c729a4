/**
 * Sharp, ours: a greedy search of few pixels by few queries. What it takes from LocSearchAdv and what not, with
 * measurements: docs/decisions/021-a-sharper-search.md.
 */
import { UsageError } from '../../errors.js';
import { deriveKey, fillUniform, type Key } from '../../tensor/random.js';
import type { Attack, AttackContext, Proposal } from './attack.js';
import { GainMap } from './gain-map.js';
import { everyChannel, type Write } from './locsearch.js';
import type { ImageShape } from './model.js';
import { allowedPixels, cyclic } from './pixels.js';
import { Probes } from './probes.js';
import { takeBack } from './take-back.js';
import { Zero } from './zero.js';

export interface SharpConfig {
  /** Candidates of the first round, spread over the image, and of every round after it. */
  readonly first: number;
  readonly candidates: number;
  /** Pixels changed a round at most. */
  readonly t: number;
  readonly rounds: number;
  /** Deviation of the gain map's kernel, by the image's shorter side. */
  readonly reach: number;
  /** As `GainMapOptions` has them. */
  readonly prior: number;
  readonly curiosity: number;
  /** What a gain that was measured a round ago is still worth; at 0 none is chosen by. */
  readonly memory: number;
  /** What a pixel is set to: the corner of the colour cube that is farthest from it, or what CYCLIC gives (r = 1.5). */
  readonly probe: 'farthest corner' | 'CYCLIC';
}

/** All ours, chosen on test images 5000 to 5119 of CIFAR-10 and MNIST, which no record is taken of. */
export const sharpDefaults: SharpConfig = {
  first: 16,
  candidates: 8,
  t: 2,
  rounds: 300,
  reach: 0.07,
  prior: 0.5,
  curiosity: 0.5,
  memory: 0.7,
  probe: 'farthest corner',
};

/**
 * The attack that `espalier attack` uses unless told otherwise.
 * @throws UsageError naming the first setting that makes no sense.
 */
export function sharp(settings: Partial<SharpConfig> = {}): Attack {
  const config = { ...sharpDefaults, ...settings };
  const { first, candidates, t, rounds, probe, ...numbers } = config;
  if (probe !== 'farthest corner' && probe !== 'CYCLIC')
    throw new UsageError(`invalid probe ${probe}: give "farthest corner" or "CYCLIC"`, {
      actual: probe,
    });
  for (const [name, value] of Object.entries({ first, candidates, t, rounds }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UsageError(`invalid ${name} ${value}: give a whole number from 1 on`, {
        actual: value,
      });
  for (const [name, value] of Object.entries(numbers))
    if (!(value >= 0 && Number.isFinite(value)) || (value === 0 && /reach|prior/.test(name)))
      throw new UsageError(`invalid ${name} ${value}: give a number above 0`, { actual: value });
  return {
    name: 'sharp',
    parameters: { ...config, score: 'margin' },
    needs: 'scores',
    avoids: true,
    run: (context) => new Search(config, context).run(),
  };
}

/** Pixels, and how far they alone bring the criterion nearer. */
interface Gain {
  readonly pixels: readonly number[];
  readonly gain: number;
}

interface Answered {
  readonly logs: Float32Array;
  readonly margin: number;
  readonly met: boolean;
}

class Search {
  readonly #config: SharpConfig;
  readonly #context: AttackContext;
  readonly #probes: Probes;
  readonly #map: GainMap;
  readonly #current: Float32Array;
  readonly #allowed: readonly number[];
  readonly #changed = new Set<number>();
  readonly #set: Write;
  readonly #zero: Zero;
  /** Gains of pixels that were looked at and not changed. */
  #gains = new Map<number, number>();
  /** What is answered of the image as it stands. */
  #logs: Float32Array;
  /** Pixels of a candidate: more than one where nothing was seen to move. */
  #pixels = 1;
  #coarse = false;

  constructor(config: SharpConfig, context: AttackContext) {
    const { box } = context;
    const reach = config.reach * Math.min(box.height, box.width);
    this.#config = config;
    this.#context = context;
    this.#probes = new Probes(context);
    this.#map = new GainMap(box, { ...config, reach });
    this.#current = Float32Array.from(context.image);
    this.#set = writerOf(config.probe, context);
    this.#allowed = allowedPixels(box, context.forbidden);
    this.#logs = context.clean;
    this.#zero = new Zero(box.scores);
    this.#zero.learn(context.clean);
  }

  async run(): Promise<Proposal> {
    const rounds = Math.min(this.#config.rounds, this.#context.rounds ?? Number.POSITIVE_INFINITY);
    for (let round = 1; round <= rounds; round++) {
      const candidates = this.#candidates(round);
      if (candidates.length === 0) return { image: this.#current, rounds: round - 1 };
      const done = await this.#round(candidates);
      this.#context.progress(round, this.#current);
      if (done) {
        if (this.#coarse) await this.#takeBack();
        return { image: this.#current, rounds: round };
      }
    }
    return { image: this.#current, rounds };
  }

  /** Pixels, or sets of as many as a candidate has. */
  #candidates(round: number): number[][] {
    const { first, candidates } = this.#config;
    const key = deriveKey(this.#context.random, round);
    // One answer is kept for the pixels that are changed together.
    const count = Math.max(1, Math.min(round === 1 ? first : candidates, this.#context.left() - 1));
    if (round === 1)
      return spread(this.#context.box, count, key).flatMap((i) =>
        this.#context.forbidden.has(i) ? [] : [[i]],
      );
    const unseen = this.#allowed.filter((i) => !this.#changed.has(i) && !this.#gains.has(i));
    const size = this.#pixels;
    if (unseen.length > 0 && size === 1)
      return this.#map.choose(unseen, count, key).map((i) => [i]);
    // All were looked at, or they are looked at in sets: once more, now that the image is another.
    const left = this.#allowed.filter((i) => !this.#changed.has(i));
    this.#gains.clear();
    const chosen = this.#map.choose(left, size * count, key);
    // The likeliest are spread over the sets.
    const sets = Math.min(count, Math.ceil(chosen.length / size));
    return Array.from({ length: sets }, (_, i) => chosen.filter((_pixel, at) => at % sets === i));
  }

  /** Looks at candidates and changes some pixels. @returns whether the image as it stands meets the criterion. */
  async #round(candidates: readonly (readonly number[])[]): Promise<boolean> {
    const { t, memory } = this.#config;
    const alone = await this.#ask(candidates);
    const before = this.#marginOf(this.#logs);
    const gains = alone.map(({ margin }, i) => {
      const pixels = candidates[i] ?? [];
      const gain = before - margin;
      for (const pixel of pixels) this.#map.learn(pixel, gain / pixels.length);
      return { pixels, gain };
    });
    const best = largest(gains);
    const single = alone[gains.indexOf(best)];
    if (alone.some(({ met }) => met)) {
      const at = single?.met ? best.pixels : (candidates[alone.findIndex(({ met }) => met)] ?? []);
      this.#change(at);
      return true;
    }
    if (gains.every(({ gain }) => gain === 0)) {
      // Nothing moves: what is asked is rounded. Twice as many pixels at a time, at most a quarter of the image in all.
      const most = Math.max(1, Math.floor(this.#allowed.length / (4 * this.#config.candidates)));
      if (this.#pixels < most) {
        this.#pixels = Math.min(most, 2 * this.#pixels);
        this.#coarse = true;
        return false;
      }
    }
    if (this.#pixels > 1) {
      if (best.gain > 0) this.#pixels = Math.ceil(this.#pixels / 2);
      this.#change(best.pixels);
      this.#logs = single?.logs ?? this.#logs;
      return false;
    }
    for (const { pixels, gain } of gains) this.#gains.set(pixels[0] ?? 0, gain);
    const chosen = [...this.#gains]
      .sort(([, a], [, b]) => b - a)
      .slice(0, t)
      .flatMap(([pixel, gain], i) => (i === 0 || gain > 0 ? [pixel] : []));
    const [together] = await this.#ask([chosen]);
    // Pixels that each help may undo each other.
    const joint = (together?.margin ?? 0) <= (single?.margin ?? 0);
    this.#change(joint ? chosen : best.pixels);
    this.#logs = (joint ? together : single)?.logs ?? this.#logs;
    for (const [pixel, gain] of this.#gains) this.#gains.set(pixel, memory * gain);
    return joint && (together?.met ?? false);
  }

  /** What is answered where sets of pixels are changed, each set by itself. */
  async #ask(sets: readonly (readonly number[])[]): Promise<Answered[]> {
    const { criterion, label } = this.#context;
    const answers = await this.#probes.ask(
      this.#current,
      sets.map((set) => (row: Float32Array) => this.#write(row, set)),
    );
    for (const logs of answers) this.#zero.learn(logs);
    return answers.map((logs) => ({
      logs,
      margin: this.#marginOf(logs),
      met: criterion.met(logs, label),
    }));
  }

  #marginOf(logs: Float32Array): number {
    const { criterion, label } = this.#context;
    return criterion.margin(this.#zero.lifted(logs), label);
  }

  #change(pixels: readonly number[]): void {
    this.#write(this.#current, pixels);
    for (const pixel of pixels) {
      this.#changed.add(pixel);
      this.#gains.delete(pixel);
    }
  }

  /** Sets of pixels have some among them that do nothing. */
  async #takeBack(): Promise<void> {
    const { image, criterion, label } = this.#context;
    const plane = this.#context.box.height * this.#context.box.width;
    const restore = (row: Float32Array, pixels: readonly number[]): void => {
      for (const pixel of pixels)
        for (let at = pixel; at < row.length; at += plane) row[at] = image[at] as number;
    };
    const all = [...this.#changed];
    const gone: number[] = [];
    await takeBack(
      all,
      async (part) => {
        const [logs] = await this.#probes.ask(this.#current, [
          (row) => restore(row, [...gone, ...part]),
        ]);
        const met = logs !== undefined && criterion.met(logs, label);
        if (met) gone.push(...part);
        return met;
      },
      () => this.#context.left(),
    );
    restore(this.#current, gone);
  }

  /** Always 8 bits. */
  #write(row: Float32Array, pixels: readonly number[]): void {
    for (const pixel of pixels) this.#set(row, pixel);
  }
}

/** Sets a pixel from what it is in the original: each is written once. */
function writerOf(probe: SharpConfig['probe'], context: AttackContext): Write {
  const { image, box } = context;
  const plane = box.height * box.width;
  if (probe === 'CYCLIC') {
    const turn = everyChannel(context, (x, lower, upper) => cyclic(x, 1.5, lower, upper));
    return (row, pixel) => {
      turn(row, pixel);
      for (let at = pixel; at < row.length; at += plane) row[at] = Math.round(row[at] as number);
    };
  }
  return (row, pixel) => {
    for (let at = pixel; at < row.length; at += plane)
      row[at] = (image[at] as number) < 128 ? 255 : 0;
  };
}

function largest(gains: readonly Gain[]): Gain {
  let best: Gain = { pixels: [], gain: Number.NEGATIVE_INFINITY };
  for (const one of gains) if (one.gain > best.gain) best = one;
  return best;
}

/** About `count` pixels, one at random in each cell of a grid over the image; at most `count`, each once. */
export function spread({ height, width }: ImageShape, count: number, key: Key): number[] {
  const rows = Math.max(1, Math.round(Math.sqrt((count * height) / width)));
  const columns = Math.ceil(count / rows);
  const draws = new Float32Array(2 * count);
  fillUniform(draws, key);
  const place = (cell: number, cells: number, side: number, draw = 0): number =>
    Math.min(side - 1, Math.floor(((cell + draw) * side) / cells));
  const pixels = Array.from({ length: count }, (_, i) => {
    const row = place(Math.floor(i / columns), rows, height, draws[2 * i]);
    return row * width + place(i % columns, columns, width, draws[2 * i + 1]);
  });
  return [...new Set(pixels)];
}
