import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../../errors.js';
import { ladderBatches } from './batches.js';
import { checkConfig, ladderConfig, presetFor } from './config.js';

const config = { ...ladderConfig('100', 'full', 2, 3, [4]), batchSize: 3 };
const set = (count: number, classes = 3) => ({
  images: Uint8Array.from({ length: 2 * count }, (_, i) => Math.floor(i / 2)),
  count,
  labels: Int32Array.from({ length: count }, (_, i) => i % classes),
});

describe('batches', () => {
  it('go through each set once a pass, and the smaller one cycles', () => {
    const { batch, stepsPerEpoch } = ladderBatches(config, set(4), set(9));
    expect(stepsPerEpoch).toBe(3);
    const seen = { labelled: [] as number[], unlabelled: [] as number[] };
    for (let step = 0; step < 4; step++) {
      const feeds = batch(step);
      for (const name of ['labelled', 'unlabelled'] as const) {
        const data = feeds[name]?.data as Float32Array;
        for (let row = 0; row < 3; row++) seen[name].push(Math.round(255 * (data[2 * row] ?? 0)));
      }
    }
    expect(seen.unlabelled.slice(0, 9).toSorted((a, b) => a - b)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    for (const pass of [0, 1, 2])
      expect(seen.labelled.slice(4 * pass, 4 * pass + 4).toSorted()).toEqual([0, 1, 2, 3]);
  });

  it('take the labelled images for the unlabelled ones where there are no others', () => {
    for (const none of [null, { images: new Uint8Array(0), count: 0, labels: null }]) {
      const { batch, stepsPerEpoch } = ladderBatches(config, set(9), none);
      expect(stepsPerEpoch).toBe(3);
      const seen = [0, 1, 2].flatMap((step) =>
        Array.from(batch(step)['unlabelled']?.data as Float32Array, (x) => Math.round(255 * x)),
      );
      expect(new Set(seen)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8]));
    }
  });

  it('are a function of the seed and the step alone', () => {
    const copy = (step: number, seed = 1) =>
      Array.from(
        ladderBatches({ ...config, seed }, set(4), set(9)).batch(step)['unlabelled']
          ?.data as Float32Array,
      );
    expect(copy(5)).toEqual(copy(5));
    expect(copy(5)).not.toEqual(copy(5, 2));
  });

  it('carry the label of their image', () => {
    const { labelled, labels } = ladderBatches(config, set(9), set(9)).batch(2);
    for (let row = 0; row < 3; row++)
      expect(Number(labels?.data[row])).toBe(Math.round(255 * Number(labelled?.data[2 * row])) % 3);
  });

  it('refuse images of another size and a set without labels', () => {
    expect(() => ladderBatches(config, { ...set(3), images: new Uint8Array(9) }, null)).toThrow(
      DataError,
    );
    expect(() => ladderBatches(config, { ...set(3), labels: null }, null)).toThrow(
      /labelled images/,
    );
    expect(() => ladderBatches(config, set(4, 4), null)).toThrow(
      /labelled image 3 has the label 3, where classes go from 0 to 2/,
    );
  });
});

describe('the presets', () => {
  it('are the rows of the official implementation', () => {
    const of = (
      preset: '50' | '100' | '1000' | 'all',
      mode: 'full' | 'bottom' | 'gamma' | 'supervised',
    ) => ladderConfig(preset, mode, 784, 10);
    expect(of('100', 'full').widths).toEqual([784, 1000, 500, 250, 250, 250, 10]);
    expect(of('100', 'full').lambdas).toEqual([1000, 10, 0.1, 0.1, 0.1, 0.1, 0.1]);
    expect(of('all', 'full').lambdas).toEqual([1000, 1, 0.01, 0.01, 0.01, 0.01, 0.01]);
    expect(of('50', 'full').lambdas.slice(0, 3)).toEqual([2000, 20, 0.1]);
    expect(of('1000', 'full').layerNoise).toBe(0.2);
    expect(of('1000', 'gamma').lambdas).toEqual([0, 0, 0, 0, 0, 0, 10]);
    expect(of('100', 'bottom').lambdas).toEqual([5000, 0, 0, 0, 0, 0, 0]);
    expect(of('100', 'supervised')).toMatchObject({ layerNoise: 0.5, inputNoise: 0.3 });
    expect(of('100', 'full')).toMatchObject({ epochs: 150, learningRate: 0.002, batchSize: 100 });
  });

  it('are chosen by the number of labels', () => {
    expect([20, 50, 100, 1000, 60_000].map(presetFor)).toEqual(['50', '50', '100', '1000', 'all']);
  });

  it.each([
    ['lambdas', { lambdas: [1, 2] }],
    ['epochs', { epochs: 0 }],
    ['batchSize', { batchSize: 1 }],
    ['decayFrom', { decayFrom: 1 }],
    ['seed', { seed: -1 }],
    ['widths', { widths: [3, 0, 2] }],
  ])('are refused with a wrong %s by name', (name, change) => {
    expect(() => checkConfig({ ...config, ...change })).toThrow(UsageError);
    expect(() => checkConfig({ ...config, ...change })).toThrow(new RegExp(`invalid ${name}`));
  });
});
