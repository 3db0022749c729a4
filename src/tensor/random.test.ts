import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.js';
import {
  deriveKey,
  fillBernoulli,
  fillNormal,
  fillUniform,
  type Key,
  permutation,
  streamKey,
} from './random.js';
import { fillBlocks, threefry } from './threefry.js';
import { expNegative, logUnit, tailStart } from './ziggurat.js';

const normals = (count: number, key: Key, std = 1, from = 0) => {
  const out = new Float32Array(count);
  fillNormal(out, key, std, from);
  return out;
};
const uniforms = (count: number, key: Key, from = 0) => {
  const out = new Float32Array(count);
  fillUniform(out, key, from);
  return out;
};

/** Mean of the values' k-th powers. */
const moment = (values: Float32Array, k: number) =>
  values.reduce((sum, value) => sum + value ** k, 0) / values.length;

function correlation(a: Float32Array, b: Float32Array): number {
  const product = a.map((value, i) => value * (b[i] ?? 0));
  const [ma, mb] = [moment(a, 1), moment(b, 1)];
  const covariance = moment(product, 1) - ma * mb;
  return covariance / Math.sqrt((moment(a, 2) - ma ** 2) * (moment(b, 2) - mb ** 2));
}

/** Largest distance between the empirical distribution function and `cdf`, times sqrt(n). */
function kolmogorovSmirnov(values: Float32Array, cdf: (x: number) => number): number {
  const sorted = values.slice().sort();
  let worst = 0;
  sorted.forEach((value, i) => {
    const p = cdf(value);
    worst = Math.max(worst, p - i / sorted.length, (i + 1) / sorted.length - p);
  });
  return worst * Math.sqrt(values.length);
}

/** Standard normal distribution function by its series (Abramowitz and Stegun 26.2.10), good below 6. */
function normalCdf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / (2 * n);
    sum += term / (2 * n + 1);
  }
  return 0.5 + sum / Math.sqrt(2 * Math.PI);
}

describe('threefry', () => {
  /** Random123's kat_vectors, threefry2x32 with 13 rounds: counter, key, block. */
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x9d1c5ec6, 0x8bd50731],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0xfd36d048, 0x2d17272c],
    ],
    [
      [0x243f6a88, 0x85a308d3],
      [0x13198a2e, 0x03707344],
      [0xba3e4725, 0xf27d669e],
    ],
  ] as const)('maps counter %j under key %j to %j', (counter, key, block) => {
    expect(threefry(key, counter)).toEqual(block);
  });

  it('makes the same blocks one by one as in a row, across the end of the counter', () => {
    const key = [3, 0x80000001] as const;
    const row = new Int32Array(8);
    fillBlocks(row, 8, 0xfffffffe, 5, key);
    const single = [0xfffffffe, 0xffffffff, 0, 1].flatMap((c) => [...threefry(key, [c, 5])]);
    expect([...row].map((word) => word >>> 0)).toEqual(single);
  });
});

describe('streamKey', () => {
  it('tells seeds, steps and names apart', () => {
    const keys = [
      streamKey(0, 0, ''),
      streamKey(1, 0, ''),
      streamKey(0, 1, ''),
      streamKey(2 ** 32, 0, ''),
      streamKey(0, 2 ** 32, ''),
      streamKey(0, 0, 'a'),
      streamKey(0, 0, 'a\0'),
      streamKey(0, 0, 'ab'),
      streamKey(0, 0, 'ba'),
      streamKey(0, 0, 'aba'),
      deriveKey(streamKey(0, 0, 'a'), 0),
      deriveKey(streamKey(0, 0, 'a'), 1),
    ];
    expect(new Set(keys.map(String)).size).toBe(keys.length);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses %d as a seed', (seed) => {
    expect(() => streamKey(seed, 0, 'x')).toThrow(UsageError);
    expect(() => streamKey(seed, 0, 'x')).toThrow(/seed/);
  });

  it('gives streams without correlation', () => {
    const n = 40_000;
    const streams = [
      normals(n, streamKey(1, 0, 'noise/0')),
      normals(n, streamKey(1, 0, 'noise/1')),
      normals(n, streamKey(1, 1, 'noise/0')),
      normals(n, streamKey(2, 0, 'noise/0')),
      normals(n, streamKey(1, 0, 'noise/0'), 1, 1),
    ];
    streams.forEach((a, i) => {
      for (const b of streams.slice(i + 1))
        expect(Math.abs(correlation(a, b))).toBeLessThan(4 / Math.sqrt(n));
    });
  });
});

describe('fillUniform', () => {
  const values = uniforms(200_000, streamKey(7, 0, 'uniform'));

  it('is uniform in [0, 1)', () => {
    expect(values.every((x) => x >= 0 && x < 1)).toBe(true);
    expect(kolmogorovSmirnov(values, (x) => x)).toBeLessThan(1.63);
    const serial = correlation(values.slice(1), values.slice(0, -1));
    expect(Math.abs(serial)).toBeLessThan(4 / Math.sqrt(values.length));
  });

  it('has 24 bits', () => {
    expect(values.every((x) => Number.isInteger(x * 2 ** 24))).toBe(true);
    expect(values.some((x) => (x * 2 ** 24) % 2 === 1)).toBe(true);
  });
});

describe('fillNormal', () => {
  const n = 400_000;
  const values = normals(n, streamKey(7, 0, 'normal'));

  it('has the moments of the standard normal', () => {
    const within = (k: number, value: number, deviation: number) =>
      expect(Math.abs(moment(values, k) - value)).toBeLessThan((4 * deviation) / Math.sqrt(n));
    within(1, 0, 1);
    within(2, 1, Math.sqrt(2));
    within(3, 0, Math.sqrt(15));
    within(4, 3, Math.sqrt(96));
    within(6, 15, Math.sqrt(10395 - 225));
  });

  it('has the distribution function of the standard normal', () => {
    expect(kolmogorovSmirnov(values, normalCdf)).toBeLessThan(1.63);
  });

  it('goes on beyond the last layer as the normal does', () => {
    const beyond = values.filter((x) => Math.abs(x) > tailStart);
    const expected = 2 * (1 - normalCdf(tailStart)) * n;
    expect(Math.abs(beyond.length - expected)).toBeLessThan(4 * Math.sqrt(expected));
    expect(beyond.some((x) => x < 0) && beyond.some((x) => x > 0)).toBe(true);
    expect(values.some((x) => Math.abs(x) > 4.2)).toBe(true);
  });

  it('has no seam where a layer ends: the count between 0.2 and 0.3 standard deviations is right', () => {
    const inside = values.filter((x) => x > 0.2 && x < 0.3).length;
    const p = normalCdf(0.3) - normalCdf(0.2);
    expect(Math.abs(inside - p * n)).toBeLessThan(4 * Math.sqrt(p * n));
  });

  it('scales by the standard deviation', () => {
    const key = streamKey(0, 0, 'scale');
    const scaled = normals(1000, key, 0.3);
    normals(1000, key).forEach((x, i) => {
      expect(scaled[i]).toBeCloseTo(0.3 * x, 6);
    });
  });

  it('never changes: these numbers are part of every saved run', () => {
    const key = streamKey(1, 2, 'snapshot');
    expect(key).toMatchInlineSnapshot(`
      [
        3954377336,
        2949664387,
      ]
    `);
    expect([...normals(6, key)]).toMatchInlineSnapshot(`
      [
        -1.4855232238769531,
        0.8969324231147766,
        0.16898241639137268,
        1.0955778360366821,
        -1.0403140783309937,
        -0.3691782057285309,
      ]
    `);
    expect([...normals(n, key).filter((x) => Math.abs(x) > 4)].slice(0, 3)).toMatchInlineSnapshot(`
      [
        4.557981491088867,
        -4.480895042419434,
        -4.517950057983398,
      ]
    `);
    expect(Math.fround(normals(n, key).reduce((sum, x) => sum + x, 0))).toMatchInlineSnapshot(
      `333.2641296386719`,
    );
  });
});

describe('a part of a stream', () => {
  const key = streamKey(3, 0, 'part');
  const n = 5000;
  const bernoulli = (count: number, from: number) => {
    const out = new Float32Array(count);
    fillBernoulli(out, key, 0.4, from);
    return out;
  };
  const whole = {
    normals: normals(n, key),
    uniforms: uniforms(n, key),
    bernoulli: bernoulli(n, 0),
  };

  it('is the same filled by itself, from odd indices too', () => {
    fc.assert(
      fc.property(fc.nat(n), fc.nat(n), (a, b) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        expect(normals(to - from, key, 1, from)).toEqual(whole.normals.slice(from, to));
        expect(uniforms(to - from, key, from)).toEqual(whole.uniforms.slice(from, to));
        expect(bernoulli(to - from, from)).toEqual(whole.bernoulli.slice(from, to));
      }),
      { numRuns: 25, seed: 1 },
    );
  });

  it('refuses an index that is not whole', () => {
    expect(() => normals(1, key, 1, 0.5)).toThrow(/first index/);
  });
});

describe('fillBernoulli', () => {
  it.each([0, 0.1, 0.5, 1])('keeps a share of %d', (keep) => {
    const out = new Float32Array(100_000);
    fillBernoulli(out, streamKey(1, 0, 'mask'), keep);
    expect(out.every((x) => x === 0 || x === 1)).toBe(true);
    const deviation = Math.sqrt(keep * (1 - keep) * out.length);
    expect(Math.abs(moment(out, 1) - keep) * out.length).toBeLessThanOrEqual(4 * deviation);
  });

  it.each([-0.1, 1.1, Number.NaN])('refuses %d', (keep) => {
    expect(() => fillBernoulli(new Float32Array(1), [0, 0], keep)).toThrow(UsageError);
  });
});

describe('permutation', () => {
  it('holds each index once', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(), (n, seed) => {
        const order = permutation(n, streamKey(seed, 0, 'order'));
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      }),
      { seed: 1 },
    );
  });

  it('makes all orders of 4 alike', () => {
    const counts = new Map<string, number>();
    const draws = 12_000;
    for (let i = 0; i < draws; i++) {
      const order = permutation(4, deriveKey([5, 6], i)).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    const expected = draws / 24;
    const chiSquare = [...counts.values()].reduce(
      (sum, c) => sum + (c - expected) ** 2 / expected,
      0,
    );
    expect(counts.size).toBe(24);
    expect(chiSquare).toBeLessThan(49.7); // 99.9 % point for 23 degrees of freedom
  });

  it('never changes', () => {
    expect(permutation(8, streamKey(1, 2, 'snapshot')).join(' ')).toMatchInlineSnapshot(
      `"5 0 4 1 7 3 6 2"`,
    );
  });

  it.each([-1, 1.5, 2 ** 32])('refuses length %d', (n) => {
    expect(() => permutation(n, [0, 0])).toThrow(UsageError);
  });
});

describe('the functions that stand in for Math.exp and Math.log', () => {
  it('agree with them', () => {
    for (let t = 0; t <= 8; t += 0.037)
      expect(Math.abs(expNegative(t) / Math.exp(-t) - 1)).toBeLessThan(1e-12);
    for (let x = 2 ** -33; x <= 1; x *= 1.37)
      expect(Math.abs(logUnit(x) - Math.log(x))).toBeLessThan(1e-14);
  });
});
