import { describe, expect, it } from 'vitest';
import type { HypercolumnTap } from '../../dense/hypercolumn-taps.js';
import { fillUniform, streamKey } from '../../tensor/random.js';
import type { PixelExamples } from './pixel-examples.js';
import { channelsOf, ofLayers, positionRecovery } from './probe.js';
import { fitRidge } from './ridge.js';

const tap = (name: string, channels: number): HypercolumnTap => ({
  ...{ name, value: name, channels, grids: null, image: 'image' },
});
const taps = [tap('a', 2), tap('b', 1), tap('c', 3)];

const examplesOf = (data: Float32Array, features: number): PixelExamples => ({
  ...{ count: data.length / features, features, data },
  labels: new Uint8Array(data.length / features),
  weights: new Float32Array(data.length / features).fill(1),
});

describe('features of some layers', () => {
  it('are their channels, in the order in which layers are named', () => {
    expect(channelsOf(taps, [2, 0])).toEqual([3, 4, 5, 0, 1]);
    const all = examplesOf(Float32Array.of(0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15), 6);
    const some = ofLayers(all, taps, [1, 2]);
    expect(some.features).toBe(4);
    expect([...some.data]).toEqual([2, 3, 4, 5, 12, 13, 14, 15]);
    expect(ofLayers(all, taps, [0, 1, 2])).toBe(all);
    expect(() => channelsOf(taps, [3])).toThrow(/no layer 3/);
  });
});

describe('ridge regression', () => {
  it('finds an affine function', () => {
    const data = new Float32Array(200 * 3);
    fillUniform(data, streamKey(1, 0, 'data'));
    const targets = Float32Array.from({ length: 200 }, (_, n) => {
      const [x = 0, y = 0, z = 0] = data.subarray(3 * n, 3 * n + 3);
      return 5 + 2 * x - 3 * y + z;
    });
    const predict = fitRidge(
      { count: 200, features: 3, outputs: 1, data, targets },
      { penalty: 1e-9 },
    );
    expect(predict(Float32Array.of(0, 0, 0, 1, 1, 1), 2)[0]).toBeCloseTo(5, 4);
    expect(predict(Float32Array.of(1, 1, 1), 1)[0]).toBeCloseTo(5, 4);
    expect(() => predict(Float32Array.of(1), 1)).toThrow(/3 features was given 1/);
    expect(() => predict(Float32Array.of(1, 1, 1, 1), 1)).toThrow(/3 features was given 4/);
  });

  it('lives with a feature that never changes, and refuses to fit nothing', () => {
    const nothing = { count: 0, features: 1, outputs: 1 };
    const empty = { data: new Float32Array(0), targets: new Float32Array(0) };
    expect(() => fitRidge({ ...nothing, ...empty }, { penalty: 1 })).toThrow(/no example/);
    const data = Float32Array.of(7, 7, 7);
    const targets = Float32Array.of(1, 2, 3);
    const predict = fitRidge({ count: 3, features: 1, outputs: 1, data, targets }, { penalty: 1 });
    expect(predict(Float32Array.of(9), 1)[0]).toBeCloseTo(2, 5);
  });

  it('adds the penalty to the mean squared error: one of 1 halves a weight on one feature', () => {
    const data = Float32Array.of(-1, 1);
    const predict = fitRidge(
      { count: 2, features: 1, outputs: 1, data, targets: data },
      { penalty: 1 },
    );
    expect(predict(data, 2)[1]).toBeCloseTo(0.5, 3);
  });
});

describe('positions', () => {
  const positions = new Float32Array(2 * 300);
  fillUniform(positions, streamKey(2, 0, 'positions'));
  const noise = new Float32Array(300);
  fillUniform(noise, streamKey(2, 1, 'noise'));

  it('are told wholly by a layer that holds them, and not by one of noise', () => {
    const half = (data: Float32Array, features: number, from: number) => ({
      examples: examplesOf(data.subarray(from * features, (from + 150) * features), features),
      positions: positions.subarray(2 * from, 2 * (from + 150)),
    });
    const known = positionRecovery(half(positions, 2, 0), half(positions, 2, 150));
    expect(known.rows).toBeGreaterThan(0.999);
    expect(known.columns).toBeGreaterThan(0.999);
    expect(known.distance).toBeLessThan(0.01);
    const unknown = positionRecovery(half(noise, 1, 0), half(noise, 1, 150));
    expect(Math.abs(unknown.rows)).toBeLessThan(0.1);
    // The mean distance of a point in the unit square to its middle is 0.383.
    expect(unknown.distance).toBeCloseTo(0.383, 1);
  });
});
