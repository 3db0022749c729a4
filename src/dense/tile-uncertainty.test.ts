import { expect, it } from 'vitest';
import { tensor } from '../tensor/tensor.js';
import { uncertaintyOf } from './tile-uncertainty.js';
import { classesOf } from './tiles.js';

/** Three classes at 1 x 3 positions, of which the last two are kept, behind another tile's one. */
const output = (values: readonly number[]) => ({
  map: tensor('float32', [1, 3, 1, 3], values),
  tile: {
    ...{ index: 0, endsRow: true },
    row: { input: { start: 0, end: 1 }, output: { start: 0, end: 1 }, skip: 0 },
    column: { input: { start: 0, end: 3 }, output: { start: 1, end: 3 }, skip: 1 },
  },
});

it('is 0 where one class has all and 255 where all are alike', () => {
  const third = 1 / 3;
  const out = Uint8Array.of(7, 7, 7);
  uncertaintyOf(output([0.2, 1, third, 0.3, 0, third, 0.5, 0, third]), out, 3);
  expect([...out]).toEqual([7, 0, 255]);
});

it('is that of the probabilities that scores stand for', () => {
  const p = [0.5, 0.3, 0.2];
  const [shares, scores] = [new Uint8Array(3), new Uint8Array(3)];
  uncertaintyOf(output(p.flatMap((one) => [one, one, one])), shares, 3);
  uncertaintyOf(output(p.flatMap((one) => new Array(3).fill(Math.log(one) + 4))), scores, 3);
  const entropy = -p.reduce((sum, one) => sum + one * Math.log(one), 0) / Math.log(3);
  expect(shares[1]).toBe(Math.round(255 * entropy));
  expect(scores).toEqual(shares);
});

it('has classes, but where a score is not a number', () => {
  const out = Uint8Array.of(7, 7, 7);
  classesOf(output([9, 1, 1, 9, 3, 1, 9, 2, 1]), out, 3);
  expect([...out]).toEqual([7, 1, 0]);
  const diverged = output([9, 1, 1, 9, 3, Number.NaN, 9, 2, 1]);
  expect(() => classesOf(diverged, out, 3)).toThrow(/class 1 at row 0, column 2 is not a number/);
});
