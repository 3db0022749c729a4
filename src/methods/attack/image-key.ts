/** Names images by what is in them, so that one is not asked about twice. */

/** The finalizer of MurmurHash3 (Appleby, public domain): every bit of the word reaches every other. */
function mixed(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');

/**
 * 64 bits of a float32 image as 16 hexadecimal digits, the same on every machine: two 32-bit hashes of its bits side by
 * side. Among a million images two share them once in forty million audits.
 */
export function imageKey(image: Float32Array): string {
  const words = new Int32Array(image.buffer, image.byteOffset, image.length);
  let a = 0x9e3779b9 ^ words.length;
  let b = 0x7f4a7c15 ^ words.length;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    a = Math.imul(((a << 13) | (a >>> 19)) ^ word, 0xcc9e2d51);
    b = Math.imul(((b << 15) | (b >>> 17)) + word, 0x1b873593);
  }
  return hex(mixed(a ^ (b >>> 7))) + hex(mixed(b));
}
