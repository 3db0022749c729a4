/** The rules of the paper by hand-worked cases, and attacks on classifiers that can be seen through. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamKey } from '../../tensor/random.js';
import { misclassified, targeted } from './criterion.js';
import { iteratedFgsm } from './fgsm.js';
import { Exclusion, locSearch, lowest, nextP } from './locsearch.js';
import type { BlackBox, WhiteBox } from './model.js';
import { cyclic, neighbourhood, pert, sample } from './pixels.js';
import { randAdv } from './randadv.js';
import { roundedBox } from './rounded-box.js';
import { runAttack } from './run.js';
import { sharp } from './sharp.js';
import { takeBack } from './take-back.js';
import { wilsonInterval } from './wilson.js';

describe('PERT and CYCLIC', () => {
  it('keep the sign of each value; the sign of 0 is 0', () => {
    expect([-0.2, 0, 0.4].map((x) => pert(x, 5))).toEqual([-5, 0, 5]);
  });

  it('come back from the other end, at both bounds', () => {
    expect(cyclic(0.4, 1.5, -0.5, 0.5)).toBeCloseTo(-0.4, 12);
    expect(cyclic(-0.4, 1.5, -0.5, 0.5)).toBeCloseTo(0.4, 12);
    expect(cyclic(0.2, 1.5, -0.5, 0.5)).toBeCloseTo(0.3, 12);
  });

  it('stay within the range for every r of the paper', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 2, noNaN: true }),
        fc.integer({ min: 0, max: 255 }),
        (r, v) => {
          const x = v / 255 - 0.5;
          const y = cyclic(x, r, -0.5, 0.5);
          expect(y).toBeGreaterThanOrEqual(-0.5);
          expect(y).toBeLessThanOrEqual(0.5);
        },
      ),
      { seed: 1 },
    );
  });
});

describe('candidates', () => {
  it('are squares clipped at the corners, each pixel once', () => {
    const shape = { channels: 1, height: 4, width: 5 };
    expect(neighbourhood([0], 1, shape)).toEqual([0, 1, 5, 6]);
    expect(neighbourhood([19], 1, shape)).toEqual([13, 14, 18, 19]);
    expect(neighbourhood([0, 1], 1, shape)).toEqual([0, 1, 5, 6, 2, 7]);
  });

  it('go by their score, ascending; of a tie the first, and which is first is drawn', () => {
    const scored = [3, 1, 1, 2].map((score, pixel) => ({ pixel, score }));
    expect(lowest(scored, 3).map(({ pixel }) => pixel)).toEqual([1, 2, 3]);
    const pixels = neighbourhood([0], 5, { channels: 1, height: 28, width: 28 });
    const drawn = sample(pixels, pixels.length, streamKey(1, 0, 'order'));
    expect(drawn.toSorted((a, b) => a - b)).toEqual(pixels);
    expect(drawn).not.toEqual(pixels);
  });

  it('leave a perturbed pixel out for exactly 30 rounds', () => {
    const exclusion = new Exclusion(30);
    exclusion.perturbed(7, 10);
    expect([11, 40, 41].map((round) => exclusion.holds(7, round))).toEqual([true, true, false]);
    expect(exclusion.holds(8, 11)).toBe(false);
  });
});

it('p rises where nothing gives way, falls where all does, and stays between', () => {
  expect(nextP(1, 0.95)).toBeCloseTo(1.5, 12);
  expect(nextP(1, 0.5)).toBe(1);
  expect(nextP(1, 0.1)).toBeCloseTo(1 / 1.5, 12);
  expect(nextP(100, 1)).toBe(100);
});

it('Wilson: 10 of 100 at 95 % lie between 5.5 and 17.4 %', () => {
  const [low, high] = wilsonInterval(10, 100);
  expect(low).toBeCloseTo(0.0552, 4);
  expect(high).toBeCloseTo(0.1744, 4);
});

const [height, width] = [6, 6];

/** Class 0 while the image is brighter than a threshold on the mean, else 1 or, halfway, 2. */
function box(changes: Partial<BlackBox> = {}): BlackBox & { asked: string[] } {
  const asked: string[] = [];
  return {
    ...{ name: 'toy', channels: 1, height, width, classes: ['a', 'b', 'c'] },
    ...{ scores: 'logits', outOfRange: true, bestBatch: 8 },
    asked,
    async predict(images, n) {
      const rows = new Float32Array(3 * n);
      for (let i = 0; i < n; i++) {
        const image = images.subarray(i * height * width, (i + 1) * height * width);
        asked.push(image.join());
        const mean = image.reduce((a, b) => a + b, 0) / image.length;
        rows.set([(mean - 170) / 4, (170 - mean) / 4, 0.1], 3 * i);
      }
      return rows;
    },
    ...changes,
  };
}
const image = new Uint8Array(height * width).fill(230);
const answering = (...row: number[]): Partial<BlackBox> => ({
  scores: 'probabilities',
  predict: async (_, n) => Float32Array.from({ length: 3 * n }, (_value, i) => row[i % 3] ?? 0),
});

describe.each([
  ['locsearch', () => locSearch({ p: 1 })],
  ['locsearch by value and margin', () => locSearch({ probe: 'CYCLIC', score: 'margin' })],
  ['sharp', () => sharp()],
  ['sharp by CYCLIC', () => sharp({ probe: 'CYCLIC' })],
])('%s', (_, make) => {
  it('fools a classifier of the mean by few pixels, and the 8-bit image does', async () => {
    const { record } = await runAttack({ attack: make(), box: box(), image, label: 0 });
    expect(record).toMatchObject({ success: true, outcome: 'success' });
    expect(record.l0).toBeLessThan(height * width);
    expect(record.touched).toHaveLength(record.l0);
    const mean = (record.image ?? []).reduce((a, b) => a + b, 0) / image.length;
    expect(mean).toBeLessThan(170);
  });

  it('does the same again with the same seed, and asks nothing twice', async () => {
    const [first, second] = [box(), box()];
    const one = await runAttack({ attack: make(), box: first, image, label: 0, seed: 3 });
    const two = await runAttack({ attack: make(), box: second, image, label: 0, seed: 3 });
    expect(two.record.image).toEqual(one.record.image);
    expect(second.asked).toEqual(first.asked);
    // But for the judgement, which is an answer of its own.
    const searched = first.asked.slice(0, -1);
    expect(new Set(searched).size).toBe(searched.length);
    expect(one.record.queries.total).toBe(first.asked.length);
  });

  it('gives the same record in batches of any size, however many are under way', async () => {
    const sizes = [
      [8, 1],
      [1, 2],
      [3, 3],
      [64, 9],
    ] as const;
    const [first, ...others] = await Promise.all(
      sizes.map(async ([bestBatch, concurrency]) => {
        const asked = box({ bestBatch, concurrency });
        const { record } = await runAttack({
          attack: make(),
          box: asked,
          image,
          label: 0,
          now: () => 0,
        });
        return record;
      }),
    );
    expect(first?.queries.atFirstSuccess).toBeLessThan(first?.queries.total ?? 0);
    for (const record of others) expect(record).toEqual(first);
  });

  it('gives up on a classifier that always says the same', async () => {
    const constant = box(answering(0.5, 0.3, 0.2));
    const budget = { rounds: 3 };
    const { record } = await runAttack({ attack: make(), box: constant, image, label: 0, budget });
    expect(record.success).toBe(false);
    expect(record.reason).not.toBeNull();
  });

  it('leaves alone what is wrong already', async () => {
    const { record } = await runAttack({ attack: make(), box: box(), image, label: 1 });
    expect(record.outcome).toBe('skipped');
    expect(record.reason).toContain('already wrong');
    expect(record.queries.total).toBe(1);
  });

  it('ends where a score is no number, and says when rows do not sum to 1', async () => {
    const broken = box(answering(Number.NaN, 0.3, 0.2));
    await expect(runAttack({ attack: make(), box: broken, image, label: 0 })).rejects.toThrow(
      /NaN as the probability of class 0/,
    );
    const notices: string[] = [];
    await runAttack({
      ...{ attack: make(), box: box(answering(4, 3, 2)), image, label: 0, budget: { rounds: 1 } },
      onNotice: (sentence) => notices.push(sentence),
    });
    expect(notices.join()).toContain('do not sum to 1');
  });

  it('refuses more ranks than there are classes, and a box that gives labels alone', async () => {
    const attack = make();
    await expect(
      runAttack({ attack, box: box(), image, label: 0, criterion: misclassified(3) }),
    ).rejects.toThrow(/3/);
    await expect(
      runAttack({ attack, box: box(), image, label: 0, criterion: targeted(0) }),
    ).rejects.toThrow();
    await expect(
      runAttack({ attack, box: box({ scores: 'label' }), image, label: 0 }),
    ).rejects.toThrow(/needs scores/);
  });
});

it('asks about the very pixels that it then changes, where the probe is CYCLIC', async () => {
  const seen = box();
  const attack = locSearch({ probe: 'CYCLIC', t: 1, rounds: 1 });
  await runAttack({ attack, box: seen, image, label: 0 });
  const [, ...probes] = seen.asked;
  // The one pixel of 230 becomes 1.5 (230 - 127.5) + 127.5 - 255, and the image as it stands was a probe already.
  expect(probes.at(-1)).toContain('26');
  expect(probes.slice(0, -1)).toContain(probes.at(-1));
});

it('iterated FGSM goes down the loss of the likeliest other class where the true one has no gradient', async () => {
  const saturated: WhiteBox = {
    ...box(),
    // Of the mean: it has to fall. Class 0 is so sure that its own loss is flat.
    inputGradient: async (_, n, labels) =>
      Float32Array.from({ length: n * height * width }, (_value, i) =>
        labels[Math.floor(i / (height * width))] === 0 ? 0 : 1,
      ),
  };
  const attack = iteratedFgsm({ epsilon: 0.3 });
  const { record } = await runAttack({ attack, box: saturated, image, label: 0 });
  expect(record.success).toBe(true);
  expect(record.linf).toBeLessThanOrEqual(0.3);
});

it('takes back what an adversarial image can do without, in parts and singly, while questions are left', async () => {
  const needed = [3, 8];
  let asked = 0;
  const met = async (without: readonly number[]): Promise<boolean> => {
    asked++;
    return !without.some((pixel) => needed.includes(pixel));
  };
  const pixels = Array.from({ length: 16 }, (_, i) => i);
  expect(await takeBack(pixels, met, () => Number.POSITIVE_INFINITY)).toEqual(needed);
  expect(asked).toBeLessThanOrEqual(2 * pixels.length);
  // One question: the first half is needed.
  expect(await takeBack(pixels, met, () => 15 - asked)).toHaveLength(16);
  expect(await takeBack([5], met, () => 9)).toEqual([5]);
});

describe('a box whose probabilities are rounded', () => {
  it('answers so many decimals, and no gradients', async () => {
    const rounded = roundedBox(box(), 2);
    expect(rounded).not.toHaveProperty('inputGradient');
    const values = new Float32Array(height * width).fill(172);
    const [a = 0, b = 0, c = 0] = await rounded.predict(values, 1);
    // Logits 0.5, -0.5, 0.1.
    expect([a, b, c].map((value) => Math.round(100 * value) / 100)).toEqual([0.49, 0.18, 0.33]);
    expect(100 * a).toBeCloseTo(49, 4);
  });

  it('is fooled by sharp though no single pixel moves it, and by no more pixels than it takes', async () => {
    // 67 of 256 pixels take the mean below 170.4; up to the 50th class 0 has a probability of 1.00.
    const large: BlackBox = {
      ...box(),
      ...{ height: 16, width: 16 },
      predict: async (images, n) =>
        Float32Array.from({ length: 3 * n }, (_, i) => {
          const row = images.subarray(Math.floor(i / 3) * 256, (Math.floor(i / 3) + 1) * 256);
          const mean = row.reduce((a, b) => a + b, 0) / 256;
          return [(mean - 170) / 4, (170 - mean) / 4, 0.1][i % 3] ?? 0;
        }),
    };
    const { record } = await runAttack({
      ...{ attack: sharp(), box: roundedBox(large, 2), label: 0, budget: { queries: 400 } },
      image: new Uint8Array(256).fill(230),
    });
    expect(record).toMatchObject({ success: true, l0: 67 });
  });

  it('refuses decimals that make no sense', () => {
    expect(() => roundedBox(box(), 0)).toThrow(/decimals/);
  });
});

describe('RandAdv', () => {
  it('estimates the share of critical pixels: all where one turns the answer, none where none does', async () => {
    const critical = box({
      async predict(images, n) {
        return Float32Array.from({ length: 3 * n }, (_, i) => {
          const from = Math.floor(i / 3) * height * width;
          const turned = images
            .subarray(from, from + height * width)
            .some((value) => value !== 230);
          return [turned ? 0 : 5, turned ? 5 : 0, 0][i % 3] ?? 0;
        });
      },
    });
    const attack = randAdv({ p: 1, trials: 18 });
    const all = await runAttack({ attack, box: critical, image, label: 0 });
    expect(all.record.success).toBe(true);
    const none = await runAttack({ attack, box: box(), image, label: 0 });
    expect(none.record.success).toBe(false);
    expect(Object.keys(all.record.figures).length).toBeGreaterThan(0);
  });
});
