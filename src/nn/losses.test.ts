/** Losses against their formulas in double precision. */
import { expect, it } from 'vitest';
import { model } from '../graph/graph.js';
import { builder } from '../ops/builder.js';
import { nodeRuntime } from '../runtime/node.js';
import { tensor } from '../tensor/tensor.js';
import { type CrossEntropyOptions, crossEntropyRows, errorOfRows } from './losses.js';

const logits = [
  [0.5, -1, 2],
  [1, 0, 0.2],
  [-0.3, 0.1, 3],
  [0, 4, -2],
];
const labels = [2, 1, 0, 1];

async function computed(options?: CrossEntropyOptions): Promise<{ loss: number; error: number }> {
  const b = builder();
  const x = b.constant(tensor('float32', [4, 3], logits.flat()));
  const y = b.input('labels', 'int64', [4]);
  b.output(crossEntropyRows(b, x, y, options), 'loss');
  b.output(errorOfRows(b, x, y), 'error');
  const session = await (await nodeRuntime()).load(model(b.build()));
  const { loss, error } = await session.run({ labels: tensor('int64', [4], labels) });
  return { loss: Number(loss?.data[0]), error: Number(error?.data[0]) };
}

/** Cost of each example, and its label. */
function costs(smoothing: number): number[] {
  return logits.map((row, n) => {
    const sum = Math.log(row.reduce((total, x) => total + Math.exp(x), 0));
    return row.reduce((total, x, k) => {
      const target = (k === labels[n] ? 1 - smoothing : 0) + smoothing / 3;
      return total - target * (x - sum);
    }, 0);
  });
}

const mean = (values: readonly number[], weights = values.map(() => 1)): number =>
  values.reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0) /
  weights.reduce((sum, weight) => sum + weight, 0);

it('cross-entropy of rows, and the share of wrong ones', async () => {
  const { loss, error } = await computed();
  expect(loss).toBeCloseTo(mean(costs(0)), 5);
  expect(error).toBeCloseTo(0.5, 6);
});

it('with label smoothing', async () => {
  expect((await computed({ smoothing: 0.1 })).loss).toBeCloseTo(mean(costs(0.1)), 5);
});

it('with class weights: the weighted mean over examples', async () => {
  const classWeights = [1, 2, 0.5];
  const weights = labels.map((label) => classWeights[label] ?? 0);
  const { loss } = await computed({ smoothing: 0.2, classWeights });
  expect(loss).toBeCloseTo(mean(costs(0.2), weights), 5);
});

it('is 0 where the classes of all examples weigh nothing', async () => {
  expect((await computed({ classWeights: [0, 0, 0] })).loss).toBe(0);
});
