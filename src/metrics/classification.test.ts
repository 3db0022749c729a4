import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, ShapeError } from '../errors.js';
import { tensor } from '../tensor/tensor.js';
import {
  accuracy,
  addToConfusion,
  confusionMatrix,
  emptyConfusion,
  errorRate,
  negativeLogLikelihood,
  precisionByClass,
  predictedClasses,
  recallByClass,
  topKAccuracy,
} from './classification.js';

// Three classes, eight samples; class 0: 2 of 3 found, class 1: 1 of 2, class 2: 2 of 3.
const truth = [0, 0, 0, 1, 1, 2, 2, 2];
const predicted = [0, 0, 1, 1, 2, 2, 2, 0];
const matrix = confusionMatrix(truth, predicted, 3);

describe('confusion matrix', () => {
  it('has the truth in rows and the prediction in columns', () => {
    expect([...matrix.counts]).toEqual([2, 1, 0, 0, 1, 1, 1, 0, 2]);
  });

  it('gives accuracy, error, recall and precision', () => {
    expect(accuracy(matrix)).toBe(5 / 8);
    expect(errorRate(matrix)).toBe(3 / 8);
    expect(recallByClass(matrix)).toEqual([2 / 3, 1 / 2, 2 / 3]);
    expect(precisionByClass(matrix)).toEqual([2 / 3, 1 / 2, 2 / 3]);
  });

  it('tells recall from precision', () => {
    const skewed = confusionMatrix([0, 0, 0, 1], [0, 1, 1, 1], 2);
    expect(recallByClass(skewed)).toEqual([1 / 3, 1]);
    expect(precisionByClass(skewed)).toEqual([1, 1 / 3]);
  });

  it('is NaN, not 0, where there is nothing to count', () => {
    const absent = confusionMatrix([0, 0], [0, 1], 3);
    expect(recallByClass(absent)).toEqual([1 / 2, Number.NaN, Number.NaN]);
    expect(precisionByClass(absent)).toEqual([1, 0, Number.NaN]);
    expect(accuracy(emptyConfusion(2))).toBeNaN();
    expect(errorRate(emptyConfusion(2))).toBeNaN();
  });

  it('takes int64 labels, adds up batches and leaves out what is ignored', () => {
    const batches = emptyConfusion(3);
    addToConfusion(batches, BigInt64Array.from([0n, 0n, 0n, 1n]), [0, 0, 1, 1], 255);
    addToConfusion(batches, [255, 1, 2, 2, 2], [0, 2, 2, 2, 0], 255);
    expect(batches).toEqual(matrix);
  });

  it('counts each sample once', () => {
    const samples = fc.array(fc.tuple(fc.nat(4), fc.nat(4)), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(samples, (pairs) => {
        const counted = confusionMatrix(
          pairs.map(([t]) => t),
          pairs.map(([, p]) => p),
          5,
        );
        expect(counted.counts.reduce((a, b) => a + b)).toBe(pairs.length);
        expect(accuracy(counted) + errorRate(counted)).toBeCloseTo(1, 12);
      }),
      { seed: 11 },
    );
  });

  it.each([
    [[0, 3], [0, 0], /sample 1: invalid true label 3, where classes go from 0 to 2/],
    [[0, 0], [0, -1], /sample 1: invalid predicted label -1/],
    [[0.5], [0], /invalid true label 0\.5/],
    [[0, 1], [0], /2 true labels but 1 predictions/],
  ])('refuses %j against %j', (labels, guesses, message) => {
    expect(() => confusionMatrix(labels, guesses, 3)).toThrow(DataError);
    expect(() => confusionMatrix(labels, guesses, 3)).toThrow(message);
  });
});

const probabilities = tensor(
  'float64',
  [4, 3],
  [0.7, 0.2, 0.1, 0.25, 0.5, 0.25, 0.1, 0.4, 0.5, 0.4, 0.4, 0.2],
);

describe('figures from probabilities', () => {
  it('predicts the most probable class, the lowest among equals', () => {
    expect([...predictedClasses(probabilities)]).toEqual([0, 1, 2, 0]);
    expect([...predictedClasses(tensor('float32', [0, 3], []))]).toEqual([]);
  });

  it('counts the truth among the k most probable', () => {
    // Ranks of the truth: 0, 2 (a tie with class 0), 1, 1 (a tie with class 0).
    const labels = [0, 2, 1, 1];
    expect(topKAccuracy(probabilities, labels, 1)).toBe(1 / 4);
    expect(topKAccuracy(probabilities, labels, 2)).toBe(3 / 4);
    expect(topKAccuracy(probabilities, labels, 3)).toBe(1);
    expect(topKAccuracy(probabilities, labels, 9)).toBe(1);
  });

  it('agrees with the confusion matrix at k = 1', () => {
    const rows = fc.array(
      fc.tuple(fc.nat(3), fc.array(fc.nat(3), { minLength: 4, maxLength: 4 })),
      {
        minLength: 1,
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(rows, (samples) => {
        const labels = samples.map(([label]) => label);
        const scores = tensor(
          'float32',
          [samples.length, 4],
          samples.flatMap(([, row]) => row),
        );
        const counted = confusionMatrix(labels, predictedClasses(scores), 4);
        expect(topKAccuracy(scores, labels, 1)).toBeCloseTo(accuracy(counted), 12);
      }),
      { seed: 5 },
    );
  });

  it('averages the negative log-likelihood in nats', () => {
    // -(ln 0.7 + ln 0.5 + ln 0.4 + ln 0.2) / 4 = -ln 0.028 / 4
    expect(negativeLogLikelihood(probabilities, [0, 1, 1, 2])).toBeCloseTo(0.89388769, 8);
    expect(negativeLogLikelihood(tensor('float32', [1, 2], [1, 0]), [0])).toBe(0);
  });

  it('bounds the cost of a probability that underflowed', () => {
    const certain = tensor('float32', [2, 2], [1, 0, 1, 1e-40]);
    expect(negativeLogLikelihood(certain, [1, 1])).toBeCloseTo(126 * Math.LN2, 10);
  });

  it('is NaN over no samples', () => {
    expect(topKAccuracy(tensor('float32', [0, 2], []), [], 1)).toBeNaN();
    expect(negativeLogLikelihood(tensor('float32', [0, 2], []), [])).toBeNaN();
  });

  it('does not let a model that diverged look right', () => {
    const diverged = tensor('float32', [2, 2], [0.5, 0.5, Number.NaN, Number.NaN]);
    const message = /sample 1: the probability of class 0 is not a number/;
    expect(() => predictedClasses(diverged)).toThrow(message);
    expect(() => topKAccuracy(diverged, [0, 0], 1)).toThrow(message);
    expect(() => negativeLogLikelihood(diverged, [0, 0])).toThrow(DataError);
  });

  it('refuses logits, other shapes, other lengths and other k', () => {
    const logits = tensor('float32', [1, 2], [3, -1]);
    expect(() => negativeLogLikelihood(logits, [0])).toThrow(/probability 3, which is outside/);
    expect(() => negativeLogLikelihood(logits, [1])).toThrow(/probability -1/);
    expect(() => predictedClasses(tensor('float32', [2], [0, 1]))).toThrow(ShapeError);
    expect(() => topKAccuracy(logits, [0, 1], 1)).toThrow(/2 true labels but 1 rows/);
    expect(() => topKAccuracy(logits, [2], 1)).toThrow(/invalid true label 2/);
    expect(() => topKAccuracy(logits, [0], 0)).toThrow(/positive integer, got 0/);
  });
});
