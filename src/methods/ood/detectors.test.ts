/** Scores of the detectors against their formulas, worked out on the host. */
import { describe, expect, it } from 'vitest';
import { model } from '../../graph/graph.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import { fillNormal, streamKey } from '../../tensor/random.js';
import { tensor } from '../../tensor/tensor.js';
import type { ImageRows } from '../classifier/score.js';
import type { DetectorSettings } from './detector.js';
import { scoredNetwork } from './network.js';
import { imageScorer } from './score.js';
import { type DetectorName, detectorNames, detectors } from './table.js';

const runtime = await nodeRuntime();
const [features, classes, count] = [3, 4, 23];

function normals(n: number, name: string): Float32Array {
  const data = new Float32Array(n);
  fillNormal(data, streamKey(7, 0, name));
  return data;
}

const weights = normals(features * classes, 'weights');
const x = normals(count * features, 'x').map((value, i) => value + (((i / features) % 4) | 0));
const labels = Int32Array.from({ length: count }, (_, i) => i % classes);

/** Rows of numbers as the images of a linear classifier. */
const rows: ImageRows = {
  count,
  labels,
  rows: (from, n) =>
    tensor('float32', [n, features], x.slice(from * features, (from + n) * features)),
};

const linear = (() => {
  const b = builder();
  const input = b.input('x', 'float32', ['n', features]);
  const w = b.initializer('w', tensor('float32', [features, classes], weights));
  b.output(b.Softmax(b.MatMul(input, w), { axis: 1 }), 'probabilities');
  return scoredNetwork(model(b.build()));
})();

async function scoresBy(name: DetectorName, settings: DetectorSettings = {}, batch = 10) {
  const context = { runtime, network: linear, images: rows, batch, settings };
  const fitted = await detectors[name].fit(context);
  const { scores } = await (await imageScorer(runtime, linear, [fitted], batch))(rows);
  return [...(scores.get(name) ?? [])];
}

const rowOf = (i: number): number[] => [...x.subarray(i * features, (i + 1) * features)];
const logitsOf = (row: readonly number[]): number[] =>
  Array.from({ length: classes }, (_, k) =>
    row.reduce((sum, value, f) => sum + value * (weights[f * classes + k] ?? 0), 0),
  );
const softmax = (logits: readonly number[]): number[] => {
  const powers = logits.map(Math.exp);
  return powers.map((power) => power / powers.reduce((a, b) => a + b));
};
const every = (score: (row: number[]) => number): number[] =>
  Array.from({ length: count }, (_, i) => score(rowOf(i)));

function expectNear(got: readonly number[], wanted: readonly number[], digits = 5): void {
  expect(got.length).toBe(wanted.length);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, digits);
  });
}

describe('detectors agree with their formulas', () => {
  it('maximum softmax, maximum logit and energy', async () => {
    expectNear(
      await scoresBy('max-softmax'),
      every((row) => -Math.max(...softmax(logitsOf(row)))),
    );
    expectNear(
      await scoresBy('max-logit'),
      every((row) => -Math.max(...logitsOf(row))),
    );
    expectNear(
      await scoresBy('energy', { temperature: 2 }),
      every((row) => -2 * Math.log(logitsOf(row).reduce((sum, l) => sum + Math.exp(l / 2), 0))),
    );
  });

  it.each([
    [10, 0.05],
    [1000, 0],
  ])('ODIN at temperature %d with a step of %d', async (temperature, epsilon) => {
    const inputScale = [1, 2, 0.5];
    const wanted = every((row) => {
      const p = softmax(logitsOf(row).map((l) => l / temperature));
      const best = p.indexOf(Math.max(...p));
      // d log p_best / dx = (w_best - sum p_k w_k) / T
      const moved = row.map((value, f) => {
        const slope = p.reduce(
          (sum, pk, k) => sum - pk * (weights[f * classes + k] ?? 0),
          weights[f * classes + best] ?? 0,
        );
        return value + epsilon * (inputScale[f] ?? 1) * Math.sign(slope);
      });
      return -Math.max(...softmax(logitsOf(moved).map((l) => l / temperature)));
    });
    const settings = { temperature, epsilon, inputScale };
    expectNear(await scoresBy('odin', settings), wanted, 6);
    expectNear(await scoresBy('odin', settings, 3), wanted, 6);
  });

  it('Mahalanobis, by the inverse of the covariance', async () => {
    const means = Array.from({ length: classes }, (_, c) => {
      const own = [...labels.keys()].filter((i) => labels[i] === c).map(rowOf);
      return rowOf(0).map((_, f) => own.reduce((s, r) => s + (r[f] ?? 0), 0) / own.length);
    });
    const deviations = [...labels].map((c, i) => rowOf(i).map((v, f) => v - (means[c]?.[f] ?? 0)));
    const covariance = rowOf(0).map((_, f) =>
      rowOf(0).map((_, g) => deviations.reduce((s, d) => s + (d[f] ?? 0) * (d[g] ?? 0), 0) / count),
    );
    // The equations S y = d by elimination: d' S^-1 d = d' y.
    const solve = (d: number[]): number[] => {
      const a = covariance.map((row, i) => [...row, d[i] ?? 0]);
      a.forEach((pivot, i) => {
        for (const [j, row] of a.entries()) {
          if (j === i) continue;
          const factor = (row[i] ?? 0) / (pivot[i] ?? 1);
          for (let k = 0; k <= features; k++) row[k] = (row[k] ?? 0) - factor * (pivot[k] ?? 0);
        }
      });
      return a.map((row, i) => (row[features] ?? 0) / (row[i] ?? 1));
    };
    const wanted = every((row) =>
      Math.min(
        ...means.map((mean) => {
          const d = row.map((v, f) => v - (mean[f] ?? 0));
          return solve(d).reduce((sum, y, f) => sum + y * (d[f] ?? 0), 0);
        }),
      ),
    );
    const got = await scoresBy('mahalanobis');
    // The ridge of 1e-5 moves distances by about as much.
    got.forEach((value, i) => {
      expect(Math.abs(value / (wanted[i] ?? 0) - 1)).toBeLessThan(1e-3);
    });
    const sum = await scoresBy('mahalanobis', { taps: ['MatMul', 'MatMul'] });
    const one = await scoresBy('mahalanobis', { taps: ['MatMul'] });
    sum.forEach((value, i) => {
      expect(Math.abs(value / (2 * (one[i] ?? 0)) - 1)).toBeLessThan(1e-4);
    });
  });

  it('nearest neighbours', async () => {
    const unit = (row: number[]): number[] => row.map((v) => v / Math.hypot(...row));
    const wanted = every((row) => {
      const distances = Array.from({ length: count }, (_, i) =>
        Math.hypot(...unit(rowOf(i)).map((v, f) => v - (unit(row)[f] ?? 0))),
      ).sort((a, b) => a - b);
      return distances[2] ?? 0;
    });
    expectNear(await scoresBy('knn', { neighbours: 3 }), wanted, 3);
  });
});

describe('every detector', () => {
  it('says by a higher score that an image lies farther outside', async () => {
    const b = builder();
    const eye = tensor('float32', [3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1]);
    b.output(b.MatMul(b.input('x', 'float32', ['n', 3]), b.initializer('w', eye)), 'logits');
    const network = scoredNetwork(model(b.build()));
    const noise = normals(30 * 3, 'noise');
    const near = (place: (i: number, f: number) => number): ImageRows => ({
      count: 30,
      labels: Int32Array.from({ length: 30 }, (_, i) => i % 3),
      rows: (from, n) =>
        tensor(
          'float32',
          [n, 3],
          Array.from({ length: n * 3 }, (_, at) => {
            const [i, f] = [from + Math.floor(at / 3), at % 3];
            return place(i, f) + 0.1 * (noise[i * 3 + f] ?? 0);
          }),
        ),
    });
    // Inside lies at 5 along the axis of its class, outside at no axis.
    const inside = near((i, f) => (i % 3 === f ? 5 : 0));
    const outside = near(() => 0.5);
    for (const name of detectorNames) {
      const context = { runtime, network, images: inside, batch: 8, settings: {} };
      const run = await imageScorer(runtime, network, [await detectors[name].fit(context)], 8);
      const [low, high] = [await run(inside), await run(outside)].map(
        ({ scores }) => scores.get(name) ?? new Float32Array(),
      );
      expect(Math.min(...(high ?? [])), name).toBeGreaterThan(Math.max(...(low ?? [])));
    }
  });

  it('states its source', () => {
    for (const { source, title } of Object.values(detectors)) {
      expect(source).toMatch(/\d{4}/);
      expect(title).not.toBe('');
    }
  });
});
