/** How far gradient attacks go, and that what is asked for reaches a box behind another. */
import { expect, it } from 'vitest';
import { fgsm, iteratedFgsm } from './fgsm.js';
import type { WhiteBox } from './model.js';
import { roundedBox } from './rounded-box.js';
import { runAttack } from './run.js';

const [height, width] = [2, 2];
const image = new Uint8Array(height * width).fill(200);

/** Sure of its first class whatever it sees. */
const stubborn: WhiteBox = {
  ...{ name: 'stubborn', classes: ['a', 'b'], channels: 1, height, width },
  ...{ scores: 'logits', outOfRange: true },
  predict: async (_, n) => Float32Array.from({ length: 2 * n }, (_value, i) => 1 - (i % 2)),
  inputGradient: async (_, n) => new Float32Array(n * height * width).fill(1),
};

it('a budget of rounds makes gradient attacks shorter, never longer', async () => {
  const rounds = async (attack: ReturnType<typeof fgsm>, most: number) => {
    const budget = { rounds: most };
    return (await runAttack({ attack, box: stubborn, image, label: 0, budget })).record.rounds;
  };
  expect(await rounds(fgsm(), 7)).toBe(1);
  expect(await rounds(iteratedFgsm({ steps: 4 }), 7)).toBe(4);
  expect(await rounds(iteratedFgsm({ steps: 4 }), 2)).toBe(2);
});

it('what makes no sense is named, and not what follows from it', () => {
  expect(() => iteratedFgsm({ steps: 0 })).toThrow(/invalid steps 0/);
  expect(() => fgsm({ epsilon: 0 })).toThrow(/invalid epsilon 0/);
});

it('a box that rounds hands on that a fresh answer is wanted', async () => {
  const judged: boolean[] = [];
  const box = roundedBox(
    {
      ...stubborn,
      async predict(images, n, signal, isJudgement = false) {
        judged.push(isJudgement);
        return stubborn.predict(images, n, signal);
      },
    },
    2,
  );
  await runAttack({
    attack: { ...fgsm(), needs: 'labels', run: async () => ({ image, rounds: 0 }) },
    box,
    image,
    label: 0,
  });
  expect(judged).toEqual([false, true]);
});
