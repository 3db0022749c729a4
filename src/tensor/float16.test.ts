import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from './float16.js';

const allBits = Uint16Array.from({ length: 65536 }, (_, i) => i);
const half = (value: number) => float32ToFloat16(Float32Array.of(value))[0];
const brain = (value: number) => float32ToBfloat16(Float32Array.of(value))[0];

/** The value of a float16 by its definition. */
function valueOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Ordinary rounding, done on a sorted list of all representable values; an even index is an even fraction. */
function nearestEven(value: number, representable: Float64Array): number {
  let low = 0;
  let high = representable.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((representable[middle] ?? 0) <= value) low = middle;
    else high = middle;
  }
  const below = value - (representable[low] ?? 0);
  const above = (representable[high] ?? 0) - value;
  if (below !== above) return below < above ? low : high;
  return low % 2 === 0 ? low : high;
}

describe('float16', () => {
  test('all 65,536 patterns have the value that the format defines', () => {
    const values = float16ToFloat32(allBits);
    const wrong = [...allBits].filter((bits) => !Object.is(values[bits], valueOfHalf(bits)));
    expect(wrong).toEqual([]);
  });

  test('all patterns come back, NaNs as quiet NaNs with their payload', () => {
    const back = float32ToFloat16(float16ToFloat32(allBits));
    const isNotNumber = (bits: number) => (bits & 0x7fff) > 0x7c00;
    const wrong = [...allBits].filter(
      (bits) => back[bits] !== (isNotNumber(bits) ? bits | 0x200 : bits),
    );
    expect(wrong).toEqual([]);
  });

  test.each([
    ['zero', 0, 0x0000],
    ['minus zero', -0, 0x8000],
    ['one', 1, 0x3c00],
    ['largest', 65504, 0x7bff],
    ['just under half way to overflow', 65519.996, 0x7bff],
    ['half way to overflow', 65520, 0x7c00],
    ['infinity', Infinity, 0x7c00],
    ['minus infinity', -Infinity, 0xfc00],
    ['smallest normal', 2 ** -14, 0x0400],
    ['largest subnormal', 1023 * 2 ** -24, 0x03ff],
    ['between the two: up to the even one', 1023.5 * 2 ** -24, 0x0400],
    ['smallest subnormal', 2 ** -24, 0x0001],
    ['half of it: down to the even zero', 2 ** -25, 0x0000],
    ['a hair above half of it', 2 ** -25 * (1 + 2 ** -23), 0x0001],
    ['a float32 subnormal', 2 ** -149, 0x0000],
    ['a tie, even below', 1 + 2 ** -11, 0x3c00],
    ['a tie, even above', 1 + 3 * 2 ** -11, 0x3c02],
    ['a carry into the exponent', 1.9999, 0x4000],
    ['not a number', NaN, 0x7e00],
  ])('%s', (_, value, bits) => {
    expect(half(value)).toBe(bits);
  });

  test('rounds every float32 to the nearest float16, ties to even', () => {
    const representable = Float64Array.from({ length: 0x7c01 }, (_, bits) =>
      bits === 0x7c00 ? 65536 : valueOfHalf(bits),
    );
    fc.assert(
      fc.property(
        fc.float({ noNaN: true, min: Math.fround(-65536), max: Math.fround(65536) }),
        (value) => {
          const magnitude = nearestEven(Math.abs(value), representable);
          const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
          expect(half(value)).toBe(sign | magnitude);
        },
      ),
      { seed: 16, numRuns: 2000 },
    );
  });

  test('reads and writes inside a larger buffer', () => {
    const buffer = new Float32Array([9, 1.5, -2, 9]);
    expect([...float32ToFloat16(buffer.subarray(1, 3))]).toEqual([0x3e00, 0xc000]);
  });
});

describe('bfloat16', () => {
  test('all patterns come back, NaNs as quiet NaNs', () => {
    const back = float32ToBfloat16(bfloat16ToFloat32(allBits));
    const isNotNumber = (bits: number) => (bits & 0x7fff) > 0x7f80;
    const wrong = [...allBits].filter(
      (bits) => back[bits] !== (isNotNumber(bits) ? bits | 0x40 : bits),
    );
    expect(wrong).toEqual([]);
  });

  test.each([
    ['one', 1, 0x3f80],
    ['minus zero', -0, 0x8000],
    ['a tie, even below', 1 + 2 ** -8, 0x3f80],
    ['a tie, even above', 1 + 3 * 2 ** -8, 0x3f82],
    ['a hair above a tie', 1 + 2 ** -8 + 2 ** -23, 0x3f81],
    ['the largest float32 overflows', 3.4028234663852886e38, 0x7f80],
    ['infinity', -Infinity, 0xff80],
    ['smallest subnormal of float32', 2 ** -149, 0x0000],
    ['smallest subnormal of bfloat16', 2 ** -133, 0x0001],
    ['half of it: down to the even zero', 2 ** -134, 0x0000],
    ['not a number', NaN, 0x7fc0],
  ])('%s', (_, value, bits) => {
    expect(brain(value)).toBe(bits);
  });

  test('is never further than half a unit in the last place', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true, max: 2 ** 120 }), (value) => {
        const [back = NaN] = bfloat16ToFloat32(float32ToBfloat16(Float32Array.of(value)));
        const unit = 2 ** Math.max(Math.floor(Math.log2(Math.abs(value))) - 7, -133);
        if (Number.isFinite(back)) expect(Math.abs(back - value)).toBeLessThanOrEqual(unit / 2);
      }),
      { seed: 16, numRuns: 1000 },
    );
  });
});
