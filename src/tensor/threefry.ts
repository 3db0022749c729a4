/**
 * The generator under every random number: Threefry-2x32 with 13 rounds (Salmon, Moraes, Dror and Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011), a bijection of 64-bit counters for each 64-bit
 * key, in 32-bit integer arithmetic alone. Their
 * default of 20 has a margin that noise does not need and costs half as much again.
 */

/** A key, a counter or a block: two 32-bit words. */
export type Words = readonly [number, number];

/**
 * Writes the blocks of the counters (first, lane), (first + 1, lane), ... to `out`: `length` words, rounded up
 * to a multiple of 4. `input` holds first, lane and the two words of the key; typed, because a plain number
 * that outgrows 31 bits makes the engine throw its compiled code away.
 *
 * Two blocks go side by side, and the rounds are written out, because all the time of a fill goes here: a
 * round depends on the one before, and a second block fills the processor's wait. After each four rounds the
 * key comes in; 0x1bd11bda is the parity word of the Threefish key schedule.
 */
function rounds(out: Int32Array, length: number, input: Int32Array): void {
  const k0 = input[2] ?? 0;
  const k1 = input[3] ?? 0;
  const k2 = 0x1bd11bda ^ k0 ^ k1;
  const start = ((input[1] ?? 0) + k1) | 0;
  let next = ((input[0] ?? 0) + k0) | 0;
  for (let i = 0; i < length; i += 4) {
    let a = next;
    let b = start;
    let c = (next + 1) | 0;
    let d = start;
    next = (next + 2) | 0;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    d = ((d << 13) | (d >>> 19)) ^ c;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    d = ((d << 15) | (d >>> 17)) ^ c;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    d = ((d << 26) | (d >>> 6)) ^ c;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    d = ((d << 6) | (d >>> 26)) ^ c;
    a = (a + k1) | 0;
    b = (b + k2 + 1) | 0;
    c = (c + k1) | 0;
    d = (d + k2 + 1) | 0;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 17) | (b >>> 15)) ^ a;
    d = ((d << 17) | (d >>> 15)) ^ c;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 29) | (b >>> 3)) ^ a;
    d = ((d << 29) | (d >>> 3)) ^ c;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 16) | (b >>> 16)) ^ a;
    d = ((d << 16) | (d >>> 16)) ^ c;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 24) | (b >>> 8)) ^ a;
    d = ((d << 24) | (d >>> 8)) ^ c;
    a = (a + k2) | 0;
    b = (b + k0 + 2) | 0;
    c = (c + k2) | 0;
    d = (d + k0 + 2) | 0;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    d = ((d << 13) | (d >>> 19)) ^ c;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    d = ((d << 15) | (d >>> 17)) ^ c;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    d = ((d << 26) | (d >>> 6)) ^ c;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    d = ((d << 6) | (d >>> 26)) ^ c;
    a = (a + k0) | 0;
    b = (b + k1 + 3) | 0;
    c = (c + k0) | 0;
    d = (d + k1 + 3) | 0;
    a = (a + b) | 0;
    c = (c + d) | 0;
    b = ((b << 17) | (b >>> 15)) ^ a;
    d = ((d << 17) | (d >>> 15)) ^ c;
    out[i] = a;
    out[i + 1] = b;
    out[i + 2] = c;
    out[i + 3] = d;
  }
}

const input = new Int32Array(4);

/**
 * Fills `out` with the blocks of the counters (first, lane), (first + 1, lane), ...: `length` words, rounded up
 * to a multiple of 4, signed. Counters go round at 2^32.
 */
export function fillBlocks(
  out: Int32Array,
  length: number,
  first: number,
  lane: number,
  key: Words,
): void {
  input[0] = first;
  input[1] = lane;
  input[2] = key[0];
  input[3] = key[1];
  rounds(out, length, input);
}

const two = new Int32Array(4);

/** One block, both words unsigned. */
export function threefry(key: Words, counter: Words): Words {
  fillBlocks(two, 4, counter[0], counter[1], key);
  return [(two[0] ?? 0) >>> 0, (two[1] ?? 0) >>> 0];
}
