/**
 * The two 16-bit floats as bit patterns, to and from float32. Pure bit work on typed arrays, so that NaN payloads
 * and signed zeros survive. Formats: IEEE 754-2019 binary16 (1 sign, 5 exponent, 10 fraction bits) and bfloat16,
 * the upper half of a binary32.
 */

const words = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);

/** float16 bit patterns -> the same numbers as float32; exact. NaN payloads keep their bits. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  const result = new Float32Array(bits.length);
  const out = words(result);
  for (let i = 0; i < bits.length; i++) out[i] = widenHalf(bits[i] ?? 0);
  return result;
}

/**
 * float32 -> float16 bit patterns, rounded to nearest, ties to even. Beyond 65504 by half a unit or more:
 * infinity. NaN stays NaN and becomes quiet.
 */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const source = words(values);
  const result = new Uint16Array(values.length);
  for (let i = 0; i < source.length; i++) result[i] = narrowToHalf(source[i] ?? 0);
  return result;
}

/** bfloat16 bit patterns -> the same numbers as float32; exact. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const result = new Float32Array(bits.length);
  const out = words(result);
  for (let i = 0; i < bits.length; i++) out[i] = (bits[i] ?? 0) << 16;
  return result;
}

/** float32 -> bfloat16 bit patterns, rounded to nearest, ties to even. NaN stays NaN and becomes quiet. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const source = words(values);
  const result = new Uint16Array(values.length);
  for (let i = 0; i < source.length; i++) {
    const word = source[i] ?? 0;
    const isNotNumber = (word & 0x7fffffff) > 0x7f800000;
    result[i] = isNotNumber ? (word >>> 16) | 0x40 : roundShift(word, 16);
  }
  return result;
}

function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal: 2^-24 * fraction is a normal float32, so its leading bit moves into the exponent.
  const leading = 31 - Math.clz32(fraction);
  return sign | ((leading + 103) << 23) | ((fraction << (23 - leading)) & 0x7fffff);
}

function narrowToHalf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  // 0x477ff000 is 65520, half way between the largest float16 and the next power of two.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // 0x38800000 is 2^-14, the smallest normal float16. A carry out of the fraction raises the exponent, rightly.
  if (magnitude >= 0x38800000) return sign | roundShift(magnitude - (112 << 23), 13);
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return sign;
  return sign | roundShift((magnitude & 0x7fffff) | 0x800000, shift);
}

/** `word` without its lowest `shift` bits, rounded to nearest even. */
function roundShift(word: number, shift: number): number {
  const kept = word >>> shift;
  const lost = word & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return lost > half || (lost === half && (kept & 1) === 1) ? kept + 1 : kept;
}
