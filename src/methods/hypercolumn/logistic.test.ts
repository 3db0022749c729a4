import { describe, expect, it } from 'vitest';
import { DataError } from '../../errors.js';
import { fillNormal, fillUniform, streamKey } from '../../tensor/random.js';
import { type Examples, fitLogistic } from './logistic.js';

function examples(count: number, features: number, scale: (f: number) => number): Examples {
  const data = new Float32Array(count * features);
  fillNormal(data, streamKey(1, 0, 'data'));
  for (let at = 0; at < data.length; at++)
    data[at] = (data[at] ?? 0) * scale(at % features) + (at % features);
  const draws = new Float32Array(count);
  fillUniform(draws, streamKey(1, 0, 'labels'));
  const labels = Uint8Array.from(draws, (draw, n) => {
    const score = ((data[n * features] ?? 0) - 0) / scale(0) - 0.5;
    return draw < 1 / (1 + Math.exp(-2 * score)) ? 1 : 0;
  });
  return { count, features, data, labels };
}

/** Newton's method in two unknowns for one feature, as a reference of another kind. */
function newton({ count, data, labels }: Examples): [number, number] {
  let [w, c] = [0, 0];
  for (let step = 0; step < 30; step++) {
    let [gw, gc, hww, hwc, hcc] = [0, 0, 0, 0, 0];
    for (let n = 0; n < count; n++) {
      const x = data[n] ?? 0;
      const p = 1 / (1 + Math.exp(-(w * x + c)));
      const error = p - (labels[n] ?? 0);
      const curve = p * (1 - p);
      gw += error * x;
      gc += error;
      hww += curve * x * x;
      hwc += curve * x;
      hcc += curve;
    }
    const det = hww * hcc - hwc * hwc;
    w -= (hcc * gw - hwc * gc) / det;
    c -= (hww * gc - hwc * gw) / det;
  }
  return [w, c];
}

describe('logistic regression', () => {
  it('finds what Newton finds', () => {
    const given = examples(400, 1, () => 3);
    const { weights, bias } = fitLogistic(given, { penalty: 0, iterations: 100, tolerance: 1e-8 });
    const [w, c] = newton(given);
    expect(weights[0]).toBeCloseTo(w, 5);
    expect(bias).toBeCloseTo(c, 5);
  });

  it('does not care about the scale of features', () => {
    const options = { penalty: 1e-2, iterations: 200, tolerance: 1e-7 };
    const even = fitLogistic(
      examples(300, 5, () => 1),
      options,
    );
    const uneven = fitLogistic(
      examples(300, 5, (f) => 10 ** f),
      options,
    );
    for (let f = 0; f < 5; f++)
      expect((uneven.weights[f] ?? 0) * 10 ** f).toBeCloseTo(even.weights[f] ?? 0, 3);
    expect(uneven.loss).toBeCloseTo(even.loss, 4);
    expect(even.loss).toBeLessThan(0.6);
  });

  it('shrinks weights by its penalty', () => {
    const given = examples(300, 3, () => 1);
    const size = (penalty: number) =>
      Math.hypot(...fitLogistic(given, { penalty, iterations: 100 }).weights);
    expect(size(0.1)).toBeLessThan(size(0.001));
    expect(size(100)).toBeLessThan(0.01);
  });

  it('says how sure it is where all labels are alike, and leaves out what does not vary', () => {
    const data = Float32Array.of(1, 5, 2, 5, 3, 5);
    const alike = { count: 3, features: 2, data, labels: Uint8Array.of(0, 0, 0) };
    const { weights, bias } = fitLogistic(alike, { penalty: 0, iterations: 10 });
    expect([...weights]).toEqual([0, 0]);
    // Half an example of each label more: 0.5 / 3.5.
    expect(bias).toBeCloseTo(Math.log(1 / 7), 12);
    const mixed = { ...alike, labels: Uint8Array.of(0, 0, 1) };
    const fitted = fitLogistic(mixed, { penalty: 0.1, iterations: 50 });
    expect(fitted.weights[1]).toBe(0);
    expect(fitted.weights[0]).toBeGreaterThan(0);
  });

  it('refuses what it cannot learn from', () => {
    const none = { count: 0, features: 1, data: new Float32Array(0), labels: new Uint8Array(0) };
    expect(() => fitLogistic(none, { penalty: 0, iterations: 1 })).toThrow(DataError);
    const nan = {
      ...{ count: 2, features: 1, data: Float32Array.of(1, Number.NaN) },
      labels: Uint8Array.of(0, 1),
    };
    expect(() => fitLogistic(nan, { penalty: 0, iterations: 1 })).toThrow(
      /feature 0 of the examples is not a number/,
    );
  });
});
