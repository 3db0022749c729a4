import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.js';
import {
  constant,
  cosine,
  heldFor,
  linearAfter,
  parseSchedule,
  poly,
  stepAt,
  warmUp,
} from './schedule.js';

const at = (schedule: typeof constant, steps: number, ...indices: number[]) =>
  indices.map((step) => schedule(step, steps));

function expectClose(actual: number[], expected: number[]): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(actual[i]).toBeCloseTo(value, 12);
  });
}

describe('schedules', () => {
  it('constant stays at 1', () => {
    expect(at(constant, 10, 0, 5, 10)).toEqual([1, 1, 1]);
  });

  it('linearAfter keeps the rate, then goes straight down to 0', () => {
    expectClose(at(linearAfter(0.6), 10, 0, 5, 6, 7, 8, 9, 10), [1, 1, 1, 0.75, 0.5, 0.25, 0]);
    expectClose(at(linearAfter(0), 4, 0, 1, 2, 3), [1, 0.75, 0.5, 0.25]);
  });

  it('linearAfter(0.67) over 150 epochs is the ladder network of the authors', () => {
    // Theirs: after epoch i > 100.5 the rate becomes (150 - i) / 49.5.
    expectClose(at(linearAfter(0.67), 150, 100, 101, 149), [1, 49 / 49.5, 1 / 49.5]);
  });

  it('stepAt multiplies at each fraction', () => {
    expectClose(at(stepAt([0.5, 0.75]), 8, 0, 3, 4, 5, 6, 7), [1, 1, 0.1, 0.1, 0.01, 0.01]);
    expectClose(at(stepAt([0.25], 0.5), 4, 0, 1, 3), [1, 0.5, 0.5]);
  });

  it('cosine is half a wave', () => {
    const third = (1 + Math.SQRT1_2) / 2;
    expectClose(at(cosine, 4, 0, 1, 2, 3, 4), [1, third, 0.5, 1 - third, 0]);
  });

  it('poly is a power of what is left', () => {
    expectClose(at(poly(2), 4, 0, 1, 2, 4), [1, 0.5625, 0.25, 0]);
    expectClose(at(poly(), 10, 5), [0.5 ** 0.9]);
  });

  it('warmUp rises to the full rate, then runs the schedule over the rest', () => {
    // 4 of 12 steps rise by fifths; the other 8 are linear to 0.
    const schedule = warmUp(1 / 3, linearAfter(0));
    expectClose(at(schedule, 12, 0, 1, 2, 3, 4, 8, 11, 12), [0.2, 0.4, 0.6, 0.8, 1, 0.5, 0.125, 0]);
    expect(at(warmUp(0, cosine), 5, 0)).toEqual([1]);
  });

  it('stepAt falls at the step that a fraction comes to, not at the one after it', () => {
    for (let percent = 1; percent < 100; percent++)
      expect(at(stepAt([percent / 100]), 100, percent - 1, percent)).toEqual([1, 0.1]);
  });

  it('heldFor keeps one multiplier an epoch', () => {
    const schedule = heldFor(4, linearAfter(0.5));
    expectClose(at(schedule, 12, 0, 5, 6, 8, 9, 11), [1, 1, 1, 1, 0.5, 0.5]);
  });

  it('stays within [0, 1] and never rises after its warm-up', () => {
    const schedules = [constant, linearAfter(0.67), stepAt([0.3, 0.9]), cosine, poly()];
    fc.assert(
      fc.property(
        fc.constantFrom(...schedules),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.integer({ min: 1, max: 60 }),
        (schedule, fraction, steps) => {
          const rising = Math.min(Math.round(fraction * steps), steps - 1);
          const values = Array.from({ length: steps + 1 }, (_, step) =>
            warmUp(fraction, schedule)(step, steps),
          );
          values.forEach((value, step) => {
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(1);
            const before = values[step - 1] ?? value;
            if (step > rising) expect(value).toBeLessThanOrEqual(before);
            else if (step > 0) expect(value).toBeGreaterThan(before);
          });
        },
      ),
      { seed: 3, numRuns: 200 },
    );
  });

  it.each([
    () => linearAfter(1),
    () => linearAfter(Number.NaN),
    () => stepAt([]),
    () => stepAt([0.5, 0.5]),
    () => stepAt([1.5]),
    () => stepAt([0.5], 2),
    () => poly(0),
    () => poly(Infinity),
    () => warmUp(1, constant),
    () => heldFor(0.5, constant),
  ])('refuses nonsense: %s', (make) => {
    expect(make).toThrow(UsageError);
  });
});

describe('parseSchedule', () => {
  it.each([
    ['constant', constant],
    ['linear', linearAfter(0)],
    ['linear:0.67', linearAfter(0.67)],
    ['step:0.5,0.75', stepAt([0.5, 0.75])],
    ['cosine', cosine],
    ['poly', poly()],
    ['poly:2', poly(2)],
    [' poly:.5 ', poly(0.5)],
    ['warmup:0.05+cosine', warmUp(0.05, cosine)],
    ['warmup:1e-1+step:0.5', warmUp(0.1, stepAt([0.5]))],
  ])('reads %s', (text, expected) => {
    const read = parseSchedule(text);
    for (let step = 0; step <= 40; step++) expect(read(step, 40)).toBe(expected(step, 40));
  });

  it.each([
    ['', /there is no ""/],
    ['linaer:0.5', /there is no "linaer"/],
    ['toString', /there is no "toString"/],
    ['linear:', /"" is not a number/],
    ['linear:0.67x', /"0\.67x" is not a number/],
    ['linear:-1', /"-1" is not a number/],
    ['linear:0.5,0.6', /"linear" does not take 2 numbers/],
    ['linear:1.5', /a fraction in \[0, 1\), got 1\.5/],
    ['constant:1', /"constant" does not take 1 numbers/],
    ['step', /"step" does not take 0 numbers/],
    ['step:0.75,0.5', /increasing fractions/],
    ['warmup:0.1', /a schedule after it/],
    ['warmup+cosine', /one fraction/],
    ['warmup:0.1+warmup:0.1+cosine', /one warm-up is enough/],
    ['cosine+poly', /only a warm-up can come before/],
  ])('refuses %j', (text, message) => {
    expect(() => parseSchedule(text)).toThrow(UsageError);
    expect(() => parseSchedule(text)).toThrow(message);
  });
});
