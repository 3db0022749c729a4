import { describe, expect, it } from 'vitest';
import { tensor } from '../tensor/tensor.js';
import { describeEvaluation, evaluate, figuresByName, thresholdFigures } from './evaluation.js';
import { missedThresholds, readThresholds } from './thresholds.js';

const names = (count: number) => Array.from({ length: count }, (_, i) => `class-${i}`);

/** Rows that say `predicted`, surely. */
function sure(predicted: readonly number[], classes: number) {
  const rows = predicted.flatMap((each) =>
    Array.from({ length: classes }, (_, i) => (i === each ? 1 : 0)),
  );
  return tensor('float32', [predicted.length, classes], rows);
}

describe('evaluate', () => {
  it('leaves classes without images out of the balanced accuracy', () => {
    const figures = evaluate(sure([0, 0, 1], 3), Int32Array.of(0, 1, 1), names(3), 1);
    expect(figures.balancedAccuracy).toBe(0.75);
    expect(figures.classes[2]).toMatchObject({ images: 0, recall: Number.NaN });
    expect(describeEvaluation(figures)).toMatch(/class-2 +0 +- +-/);
  });

  it('lists the commonest mistakes where a matrix would be too wide', () => {
    const truth = Int32Array.of(0, 0, 0, 5, 7);
    const text = describeEvaluation(evaluate(sure([3, 3, 0, 5, 8], 30), truth, names(30), 5));
    expect(text).toContain('The commonest mistakes; --json has the whole matrix');
    expect(text).toMatch(/class-0 +class-3 +2\n +class-7 +class-8 +1$/);
    const right = describeEvaluation(evaluate(sure([5], 30), Int32Array.of(5), names(30), 5));
    expect(right).toMatch(/No mistakes$/);
  });

  it('has a figure for every threshold', () => {
    const figures = figuresByName(evaluate(sure([0], 2), Int32Array.of(0), names(2), 1));
    expect(Object.keys(figures)).toEqual([...thresholdFigures]);
    expect(figures).toMatchObject({ accuracy: 1, error: 0, topK: 1 });
  });
});

describe('thresholds', () => {
  const figures = ['accuracy', 'error'];
  const least = (...entries: string[]) => readThresholds('--fail-under', 'least', entries, figures);
  const most = (...entries: string[]) => readThresholds('--fail-over', 'most', entries, figures);

  it('are met at the limit itself', () => {
    expect(missedThresholds(least('accuracy=0.5'), { accuracy: 0.5 })).toBeUndefined();
    expect(missedThresholds(most('error=0.5'), { error: 0.5 })).toBeUndefined();
  });

  it('are missed on the wrong side, and by what is not a number', () => {
    expect(missedThresholds(least('accuracy=0.5'), { accuracy: 0.4999 })?.message).toBe(
      'accuracy is 0.4999, wanted at least 0.5',
    );
    expect(missedThresholds(most('error=0.5'), { error: 0.6 })?.exitCode).toBe(5);
    expect(missedThresholds(least('accuracy=0'), { accuracy: Number.NaN })).toBeDefined();
    expect(missedThresholds(most('error=1'), {})).toBeDefined();
  });

  it.each(['accuracy', '=1', 'accuracy=', 'accuracy=high', 'accuracy=1=x'])(
    'refuse %j',
    (entry) => {
      expect(() => least(entry)).toThrow(/--fail-under/);
    },
  );
});
