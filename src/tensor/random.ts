/**
 * Random numbers that are a pure function of (key, index), so that a run can resume anywhere and is the same
 * on every machine and JavaScript engine.
 *
 * A block is a pair of words; its counter is (block, lane). Element i takes word i mod 2 of block i / 2 in
 * lane 0; where that word is rejected it goes on in lanes 1, 2, ... of its own, so no element depends on
 * what happened to another.
 */
import { UsageError } from '../errors.js';
import { fillBlocks, threefry, type Words } from './threefry.js';
import { expNegative, logUnit, positions, tailStart, ziggurat } from './ziggurat.js';

/** Names one stream of random numbers: two 32-bit words. */
export type Key = Words;

const twoTo24 = 2 ** 24;
const twoTo32 = 2 ** 32;

/** Words made at a time, few enough for the nearest cache. */
const chunk = 1024;
const words = new Int32Array(chunk + 4);
const pending = new Int32Array(4 * chunk);
const pair = new Int32Array(4);

/** A whole number as its low and high 32 bits. */
function split(value: number, what: string): Key {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new UsageError(`invalid ${what} ${value}: give a whole number from 0 to 2^53 - 1`, {
      actual: value,
    });
  return [value % twoTo32, Math.floor(value / twoTo32)];
}

/**
 * The key of a stream derived from `key`; different numbers give independent streams.
 * @param index whole number in [0, 2^53)
 * @throws UsageError where `index` is not one.
 */
export function deriveKey(key: Key, index: number): Key {
  return threefry(key, split(index, 'index'));
}

/**
 * The key of the stream `name` at a step of a run. (seed, step, length of the name, its UTF-16 units) are
 * absorbed one after the other, each as a counter under the key that came before.
 * @param seed whole number in [0, 2^53)
 * @param step whole number in [0, 2^53)
 * @throws UsageError where `seed` or `step` is not one.
 */
export function streamKey(seed: number, step: number, name: string): Key {
  let key = threefry(split(seed, 'seed'), split(step, 'step'));
  key = deriveKey(key, name.length);
  for (let i = 0; i < name.length; i += 2)
    key = threefry(key, [name.charCodeAt(i), i + 1 < name.length ? name.charCodeAt(i + 1) : 0]);
  return key;
}

/** Makes the words of elements index, index + 1, ...: `words[index % 2]` on. Returns how many of `left` those are. */
function refill(index: number, left: number, key: Key): number {
  const count = Math.min(chunk, left);
  fillBlocks(words, (index % 2) + count, Math.floor(index / 2), 0, key);
  return count;
}

/**
 * Fills `out` with uniform numbers in [0, 1), multiples of 2^-24.
 * @param from index of the first element in the stream, so that a part can be filled by itself; below 2^32
 * @throws UsageError where `from` is not a whole number.
 */
export function fillUniform(out: Float32Array, key: Key, from = 0): void {
  split(from, 'first index');
  for (let at = 0; at < out.length; at += chunk) {
    const first = (from + at) % 2;
    const count = refill(from + at, out.length - at, key);
    for (let n = 0; n < count; n++) out[at + n] = ((words[first + n] ?? 0) >>> 8) / twoTo24;
  }
}

/**
 * Fills `out` with 1 (with probability `keep`) and 0. An element takes one byte, byte i mod 4 of word i / 4, which says
 * whether it is below `keep` but for one value in 256; there a word of its own decides, in lane 1. A word for each
 * element takes several times as long.
 * @param keep in [0, 1], used to a resolution of 2^-32
 * @param from as in `fillUniform`
 * @throws UsageError where `keep` is outside or `from` is not a whole number.
 */
export function fillBernoulli(out: Float32Array, key: Key, keep: number, from = 0): void {
  if (!(keep >= 0 && keep <= 1))
    throw new UsageError(`invalid probability ${keep}: give a number from 0 to 1`, {
      actual: keep,
    });
  split(from, 'first index');
  const bound = keep * twoTo32;
  const high = Math.floor(bound / twoTo24);
  const low = bound - high * twoTo24;
  for (let at = 0; at < out.length; ) {
    const [skipped, word] = [(from + at) % 4, Math.floor((from + at) / 4)];
    const count = refill(word, Math.ceil((skipped + out.length - at) / 4), key);
    const end = Math.min(out.length, at + 4 * count - skipped);
    const ties = quickMask(out, at, end, skipped + 4 * (word % 2), high);
    for (let n = 0; low > 0 && n < ties; n++) {
      const i = at + (pending[n] ?? 0);
      if (isBelow(low, from + i, key)) out[i] = 1;
    }
    at = end;
  }
}

/**
 * Elements `at` to `end` as 1 where their byte, from byte `first` of `words` on, is below `high`. Lists those where it is
 * `high` itself in `pending`, and returns how many: so this loop, where the time goes, calls nothing.
 */
function quickMask(
  out: Float32Array,
  at: number,
  end: number,
  first: number,
  high: number,
): number {
  let ties = 0;
  for (let n = 0; n < end - at; n++) {
    const place = first + n;
    const byte = ((words[place >> 2] ?? 0) >> ((place & 3) << 3)) & 255;
    // The sign of the difference: a branch on random numbers costs more than all the rest.
    out[at + n] = (byte - high) >>> 31;
    if (byte === high) pending[ties++] = n;
  }
  return ties;
}

/** Whether the upper 24 bits of the word that `index` has in lane 1 are below `bound`. */
function isBelow(bound: number, index: number, key: Key): boolean {
  fillBlocks(pair, 4, index, 1, key);
  return (pair[0] ?? 0) >>> 8 < bound;
}

/**
 * Fills `out` with normal numbers of mean 0 and standard deviation `std`, exactly distributed up to a grid of
 * about 4e-7 (the ziggurat of `ziggurat.ts`).
 * @param from as in `fillUniform`
 * @throws UsageError where `from` is not a whole number.
 */
export function fillNormal(out: Float32Array, key: Key, std = 1, from = 0): void {
  split(from, 'first index');
  for (let at = 0; at < out.length; at += chunk) {
    const count = refill(from + at, out.length - at, key);
    const left = quickNormals(out, at, (from + at) % 2, count, std);
    for (let n = 0; n < left; n++) {
      const i = at + (pending[n] ?? 0);
      out[i] = rejected(words[((from + at) % 2) + i - at] ?? 0, from + i, key) * std;
    }
  }
}

/**
 * `words[first]` and on as normal numbers, right wherever the word lies inside its layer's rectangle (98.8 % of
 * them). Lists the others in `pending`, and returns how many: so this loop, where the time goes, calls nothing.
 */
function quickNormals(
  out: Float32Array,
  at: number,
  first: number,
  count: number,
  std: number,
): number {
  const { step, inside } = ziggurat;
  let left = 0;
  for (let n = 0; n < count; n++) {
    const word = words[first + n] ?? 0;
    const layer = word & 255;
    const position = word >> 8;
    out[at + n] = (position + 0.5) * (step[layer] ?? 0) * std;
    if ((position ^ (position >> 31)) >= (inside[layer] ?? 0)) pending[left++] = n;
  }
  return left;
}

/** A normal number for element `index`, whose first word fell outside the rectangles under the curve. */
function rejected(word: number, index: number, key: Key): number {
  const { step, inside, density } = ziggurat;
  let candidate = word;
  for (let lane = 1; ; lane++) {
    const layer = candidate & 255;
    const position = candidate >> 8;
    const distance = position ^ (position >> 31);
    const x = (position + 0.5) * (step[layer] ?? 0);
    if (distance < (inside[layer] ?? positions)) return x;
    if (layer === 0) return position < 0 ? -tail(index, lane, key) : tail(index, lane, key);
    fillBlocks(pair, 4, index, lane, key);
    const low = density[layer] ?? 0;
    const height = low + openUniform(pair[0]) * ((density[layer + 1] ?? 1) - low);
    if (height < expNegative((x * x) / 2)) return x;
    candidate = pair[1] ?? 0;
  }
}

/** A normal number beyond `tailStart` (Marsaglia 1964): an exponential, thinned to the normal's tail. */
function tail(index: number, firstLane: number, key: Key): number {
  for (let lane = firstLane; ; lane++) {
    fillBlocks(pair, 4, index, lane, key);
    const beyond = -logUnit(openUniform(pair[0])) / tailStart;
    if (-2 * logUnit(openUniform(pair[1])) > beyond * beyond) return tailStart + beyond;
  }
}

/** A word as a number in (0, 1). */
function openUniform(word = 0): number {
  return ((word >>> 0) + 0.5) / twoTo32;
}

/**
 * A random order of 0 ... n - 1, each of the n! alike (Fisher and Yates; bounded numbers by rejection, so
 * without bias).
 * @throws UsageError where `n` is not a whole number in [0, 2^32).
 */
export function permutation(n: number, key: Key): Uint32Array {
  if (split(n, 'length')[1] !== 0)
    throw new UsageError(`invalid length ${n}: a permutation has at most 2^32 - 1 elements`, {
      actual: n,
    });
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = bounded(i + 1, i, key);
    const kept = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = kept;
  }
  return order;
}

/** A whole number in [0, range) for `index`; words at or above the last multiple of `range` are drawn again. */
function bounded(range: number, index: number, key: Key): number {
  const limit = twoTo32 - (twoTo32 % range);
  for (let lane = 0; ; lane++) {
    fillBlocks(pair, 4, index, lane, key);
    const word = (pair[0] ?? 0) >>> 0;
    if (word < limit) return word % range;
  }
}
