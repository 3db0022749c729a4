/**
 * Normal numbers from 16 bits each, for noise that is wanted by the million: a table of 65,536 levels, so that one
 * word of the generator gives two of them. The exact ones of `random.ts` cost three times as much.
 *
 * The levels are the means of 65,536 slices of the normal distribution that are equally likely, times the factor
 * just above 1 that brings their variance to 1. No level lies beyond 4.5 standard deviations; the distribution
 * function is off by at most 2^-17.
 */
import type { Key } from './random.js';
import { fillBlocks } from './threefry.js';
import { expNegative } from './ziggurat.js';

const levels = 65_536;
const half = levels / 2;

const densityAt = (x: number): number => expNegative((x * x) / 2) / Math.sqrt(2 * Math.PI);

/** The borders of the slices above 0, by Runge-Kutta steps of dx/dp = 1 / density(x) from x = 0 at p = 1/2. */
function borders(): Float64Array {
  const found = new Float64Array(half);
  let x = 0;
  for (let i = 1; i < half; i++) {
    // The slope grows without bound in the tail: smaller steps there.
    const parts = i < half - 512 ? 1 : 32;
    const h = 1 / levels / parts;
    for (let part = 0; part < parts; part++) {
      const k1 = h / densityAt(x);
      const k2 = h / densityAt(x + k1 / 2);
      const k3 = h / densityAt(x + k2 / 2);
      const k4 = h / densityAt(x + k3);
      x += (k1 + 2 * k2 + 2 * k3 + k4) / 6;
    }
    found[i] = x;
  }
  return found;
}

let table: Float32Array | null = null;

/** Level by 16 bits: the upper half of the numbers is the lower half with its sign turned. */
export function normalLevels(): Float32Array {
  if (table) return table;
  const edge = borders();
  const means = new Float64Array(half);
  let squares = 0;
  for (let i = 0; i < half; i++) {
    // The mean of a slice [a, b] is (density(a) - density(b)) / probability; the last slice has no b.
    const beyond = i + 1 < half ? densityAt(edge[i + 1] ?? 0) : 0;
    const mean = (densityAt(edge[i] ?? 0) - beyond) * levels;
    means[i] = mean;
    squares += mean * mean;
  }
  const scale = 1 / Math.sqrt(squares / half);
  const made = new Float32Array(levels);
  for (let i = 0; i < half; i++) {
    made[i] = (means[i] ?? 0) * scale;
    made[half + i] = -(made[i] ?? 0);
  }
  table = made;
  return made;
}

/** Words made at a time, few enough for the nearest cache. */
const chunk = 1024;
const words = new Int32Array(chunk);

/** Which elements are filled: `run` of them, then `gap` that stay as they are, and so on to the end. */
export interface Stride {
  readonly run: number;
  readonly gap: number;
}

/**
 * Fills `out` with normal numbers of mean 0 and standard deviation `std` at 16 bits: element i of a run takes half
 * i mod 2 of word i / 2 of those that the run has, one run after the other, of the key's stream.
 */
export function fillCoarseNormal(
  out: Float32Array,
  key: Key,
  std = 1,
  { run, gap }: Stride = { run: out.length, gap: 0 },
): void {
  const level = normalLevels();
  const wordsOfRun = Math.ceil(run / 2);
  let left = wordsOfRun * Math.ceil(out.length / (run + gap));
  let start = 0;
  let used = 0;
  for (let block = 0; left > 0; block += chunk / 2) {
    const count = Math.min(chunk, left);
    fillBlocks(words, count, block, 0, key);
    left -= count;
    for (let n = 0; n < count; ) {
      const take = Math.min(count - n, wordsOfRun - used);
      fillPairs(out, start + 2 * used, Math.min(start + run, out.length), n, take, level, std);
      n += take;
      used += take;
      if (used === wordsOfRun) {
        used = 0;
        start += run + gap;
      }
    }
  }
}

/** Two elements of `out` from `at` on for each of `take` words; none at `end` or beyond. */
function fillPairs(
  out: Float32Array,
  at: number,
  end: number,
  first: number,
  take: number,
  level: Float32Array,
  std: number,
): void {
  const pairs = Math.min(take, (end - at) >> 1);
  for (let k = 0; k < pairs; k++) {
    const word = words[first + k] ?? 0;
    out[at + 2 * k] = (level[word & 0xffff] ?? 0) * std;
    out[at + 2 * k + 1] = (level[word >>> 16] ?? 0) * std;
  }
  if (pairs < take) out[at + 2 * pairs] = (level[(words[first + pairs] ?? 0) & 0xffff] ?? 0) * std;
}
