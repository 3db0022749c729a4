import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TrainEvent } from '../train/events.js';
import {
  eventLine,
  formatDuration,
  formatFigure,
  formatFigures,
  formatPercent,
  formatRate,
  layOut,
  printable,
  stepLine,
  stepParts,
} from './progress-format.js';

const step = {
  type: 'step',
  step: 450,
  steps: 1000,
  epoch: 4.5,
  losses: { total: 1.23456, supervised: 0.0321, 'denoising 0': 12.3456 },
  learningRate: 0.002,
  stepsPerSecond: 15.23,
  secondsLeft: 245,
} as const satisfies TrainEvent;

function drawn(columns: number): string {
  const { percent, done, left, text } = layOut(0.45, stepParts(step), columns);
  return percent + done + left + text;
}

describe('formatDuration', () => {
  it.each([
    [0, '0 s'],
    [-3, '0 s'],
    [59.4, '59 s'],
    [59.6, '1 min 00 s'],
    [245, '4 min 05 s'],
    [3599.6, '1 h 00 min'],
    [3720, '1 h 02 min'],
    [7199, '2 h 00 min'],
    [86_399, '1 d 00 h'],
    [183_600, '2 d 03 h'],
    [Number.NaN, '?'],
    [Infinity, '?'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe('formatRate', () => {
  it.each([
    [15.23, '15.2 steps/s'],
    [1, '1.00 steps/s'],
    [9.996, '10.0 steps/s'],
    [99.96, '100 steps/s'],
    [1234.4, '1234 steps/s'],
    [0.3125, '3.20 s/step'],
    [0, '? steps/s'],
    [Infinity, '? steps/s'],
    [Number.NaN, '? steps/s'],
  ])('%d a second are %s', (rate, text) => {
    expect(formatRate(rate)).toBe(text);
  });
});

describe('formatFigure', () => {
  it.each([
    [0.12344, '0.1234'],
    [1.23456, '1.235'],
    [12.3456, '12.35'],
    [123.456, '123.5'],
    [1234.56, '1235'],
    [-0.5, '-0.5000'],
    [0.00012345, '1.234e-4'],
    [12_345_678.9, '1.235e+7'],
    [0, '0'],
    [42, '42'],
    [Number.NaN, 'NaN'],
    [-Infinity, '-Infinity'],
  ])('%d is %s', (value, text) => {
    expect(formatFigure(value)).toBe(text);
  });

  it('goes with its name', () => {
    expect(formatFigures({ error: 0.0224, nll: 0.12 })).toBe('error 0.0224 · nll 0.1200');
  });
});

describe('a line of progress', () => {
  it('fits 40 columns', () => {
    expect(drawn(40)).toBe(' 45% ████████░░░░░░░░░░ 4 min 05 s left');
  });

  it('fits 80 columns', () => {
    expect(drawn(80)).toBe(
      ' 45% ███████░░░░░░░░░ epoch 5/10 · total 1.235 · 15.2 steps/s · 4 min 05 s left',
    );
  });

  it('fits 120 columns', () => {
    expect(drawn(120)).toBe(
      ' 45% ███████░░░░░░░░░ epoch 5/10 · total 1.235 · supervised 0.0321 · denoising 0 12.35 · 15.2 steps/s · 4 min 05 s left',
    );
  });

  it('grows no longer than its bar, and shrinks to the percentage', () => {
    expect(drawn(400)).toContain(`${'█'.repeat(18)}${'░'.repeat(22)} epoch`);
    expect(drawn(14)).toBe(' 45% ███░░░░░');
    expect(drawn(13)).toBe(' 45%');
    expect(drawn(3)).toBe(' 4');
  });

  it('never fills the width, and is full only when done', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (columns, fraction) => {
          const { percent, done, left, text } = layOut(fraction, stepParts(step), columns);
          expect((percent + done + left + text).length).toBeLessThan(Math.max(columns, 1));
          if (fraction < 1 && done !== '') expect(left).not.toBe('');
        },
      ),
      { seed: 9 },
    );
    expect(layOut(1, [], 60).left).toBe('');
  });

  it('says 100% only when done', () => {
    expect([0, 0.999, 1, 2, Number.NaN].map(formatPercent)).toEqual([
      '  0%',
      ' 99%',
      '100%',
      '100%',
      '  0%',
    ]);
  });
});

describe('lines for a log', () => {
  it('tell a step with all its losses', () => {
    expect(stepLine(step)).toBe(
      'step 450/1000 (45%) · epoch 5/10 · total 1.235 · supervised 0.0321 · denoising 0 12.35 · 15.2 steps/s · 4 min 05 s left',
    );
  });

  it('count epochs from one, and a part as a whole', () => {
    const texts = [1, 100, 101, 250].map(
      (index) => stepParts({ ...step, step: index, steps: 250, epoch: index / 100 })[0]?.text,
    );
    expect(texts).toEqual(['epoch 1/3', 'epoch 1/3', 'epoch 2/3', 'epoch 3/3']);
  });

  it.each<[Exclude<TrainEvent, { type: 'step' }>, string | null]>([
    [
      { type: 'start', run: 'ladder', step: 0, steps: 9000, resumed: false },
      'training ladder: 9000 steps',
    ],
    [
      { type: 'start', run: '', step: 600, steps: 9000, resumed: true },
      'training: resumed after step 600 of 9000',
    ],
    [
      { type: 'evaluation', step: 600, epoch: 1, metrics: { error: 0.0224 } },
      'evaluation after step 600, epoch 1: error 0.0224',
    ],
    [
      { type: 'evaluation', step: 50, epoch: 1 / 3, metrics: {} },
      'evaluation after step 50, epoch 0.33: ',
    ],
    [{ type: 'checkpoint', step: 600, kind: 'last' }, null],
    [{ type: 'notice', message: 'two\nlines' }, 'two lines'],
    [
      { type: 'end', step: 9000, reason: 'finished', seconds: 245 },
      'finished after step 9000, 4 min 05 s',
    ],
    [
      { type: 'end', step: 12, reason: 'stopped early', seconds: 1 },
      'stopped early after step 12, 1 s',
    ],
  ])('tell %j', (event, text) => {
    expect(eventLine(event)).toBe(text);
  });

  it('carry nothing that a terminal would obey', () => {
    expect(printable('a\x1b[31mb\r\n\u009bc')).toBe('a [31mb c');
  });
});
