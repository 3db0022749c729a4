/** Losses over pixels against PyTorch, finite differences, and what must hold of them. */
import { describe, expect, it } from 'vitest';
import fixture from '../../test/fixtures/dense-losses.json' with { type: 'json' };
import { backward } from '../autodiff/backward.js';
import { checkGradient } from '../autodiff/check.js';
import { ShapeError, UsageError } from '../errors.js';
import { model, type Value } from '../graph/graph.js';
import { type Builder, builder } from '../ops/builder.js';
import { optimize } from '../ops/rewrite/optimize.js';
import { nodeRuntime } from '../runtime/node.js';
import { tensor, toNumbers } from '../tensor/tensor.js';
import { crossEntropyPixels, diceLoss, errorOfPixels, focalLoss } from './dense-losses.js';

type Loss = (b: Builder, scores: Value, labels: Value) => Value;

const { scores, labels, weights: classWeights } = fixture;
const dims = fixture.shape;

const losses: Readonly<Record<keyof typeof fixture.losses, Loss>> = {
  mean: (...at) => crossEntropyPixels(...at),
  sum: (...at) => crossEntropyPixels(...at, { reduction: 'sum' }),
  weightedMean: (...at) => crossEntropyPixels(...at, { classWeights }),
  weightedSum: (...at) => crossEntropyPixels(...at, { classWeights, reduction: 'sum' }),
  focal: (...at) => focalLoss(...at),
  focalHalf: (...at) => focalLoss(...at, { gamma: 0.5, classWeights }),
  dice: (...at) => diceLoss(...at),
  weightedDice: (...at) => diceLoss(...at, { classWeights }),
};
const named = Object.entries(losses) as [keyof typeof fixture.losses, Loss][];

function built(loss: Loss, shape = dims): Builder {
  const b = builder();
  const [n = 0, , h = 0, w = 0] = shape;
  const x = b.input('scores', 'float32', shape);
  b.output(loss(b, x, b.input('labels', 'int32', [n, h, w])), 'loss');
  return b;
}

/** The loss and its gradient, as a step computes them. */
async function computed(loss: Loss, x = scores, y = labels, shape = dims) {
  const b = built(loss, shape);
  const [gradient] = backward(b, b.value('loss'), [b.value('scores')], { unreached: 'zeros' });
  b.output(gradient as Value, 'gradient');
  const session = await (await nodeRuntime()).load(
    model(optimize(b.build(), b.opset), {}, b.opset),
  );
  const [n = 0, , h = 0, w = 0] = shape;
  const found = await session.run({
    scores: tensor('float32', shape, x),
    labels: tensor('int32', [n, h, w], y),
  });
  const numbers = (name: string) => (found[name] ? toNumbers(found[name]) : []);
  return { loss: numbers('loss')[0] ?? Number.NaN, gradient: numbers('gradient') };
}

const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));

describe.each(named)('%s', (name, loss) => {
  it('agrees with PyTorch, its gradient too', async () => {
    const expected = fixture.losses[name];
    const found = await computed(loss);
    expect(found.loss / expected.value).toBeCloseTo(1, 5);
    const differences = found.gradient.map((value, i) => value - (expected.gradient[i] ?? 0));
    expect(found.gradient).toHaveLength(expected.gradient.length);
    expect(largest(differences) / largest(expected.gradient)).toBeLessThan(1e-5);
  });

  it('has the gradient of finite differences, to second order', async () => {
    const feeds = {
      scores: tensor('float32', dims, scores),
      labels: tensor('int32', [2, 3, 5], labels),
    };
    const options = { loss: 'loss', with: ['scores'], feeds, order: 2 } as const;
    const check = await checkGradient(await nodeRuntime(), built(loss).build(), options);
    expect(check).toMatchObject({ precision: 'float64', elements: 16 });
  });

  it('is 0 where all is void, and so is its gradient', async () => {
    const found = await computed(
      loss,
      scores,
      labels.map(() => 255),
    );
    expect(found.loss).toBe(0);
    expect(largest(found.gradient)).toBe(0);
  });

  it('does not hear what the scores of void pixels are', async () => {
    const area = 15;
    const changed = scores.map((score, i) => {
      const pixel = Math.floor(i / (4 * area)) * area + (i % area);
      return labels[pixel] === 255 ? 1e4 * score : score;
    });
    const [one, other] = [await computed(loss), await computed(loss, changed)];
    expect(other.loss).toBeCloseTo(one.loss, 5);
    expect(largest(other.gradient.map((v, i) => v - (one.gradient[i] ?? 0)))).toBeLessThan(1e-6);
  });

  it('is finite at scores that leave no doubt, right or wrong', async () => {
    const found = await computed(
      loss,
      scores.map((score) => 1e4 * score),
    );
    expect([found.loss, ...found.gradient].every(Number.isFinite)).toBe(true);
  });

  it('is NaN where a label is neither class nor void', async () => {
    const wrong = labels.map((label, i) => (i === 7 ? 4 : label));
    expect((await computed(loss, scores, wrong)).loss).toBeNaN();
  });
});

it('the focal loss of gamma 0 is cross-entropy', async () => {
  const found = await computed((...at) => focalLoss(...at, { gamma: 0, classWeights }));
  expect(found.loss).toBeCloseTo(fixture.losses.weightedMean.value, 5);
});

it('Dice of a perfect answer is 0, and classes that are not there do not count', async () => {
  const target = [0, 1, 1, 0];
  const perfect = [0, 1, 2].flatMap((k) => target.map((label) => (label === k ? 60 : -60)));
  expect((await computed(diceLoss, perfect, target, [1, 3, 2, 2])).loss).toBeCloseTo(0, 6);
  // All taken for class 0: it overlaps by 2 · 2 / (4 + 2), class 1 not at all.
  const flat = [0, 1, 2].flatMap((k) => target.map(() => (k === 0 ? 60 : -60)));
  expect((await computed(diceLoss, flat, target, [1, 3, 2, 2])).loss).toBeCloseTo(2 / 3, 6);
});

it('void may be any id, even that of a class', async () => {
  for (const ignore of [0, 200, -1]) {
    const y = labels.map((label) => (label === 0 ? 255 : label));
    const as = y.map((label) => (label === 255 ? ignore : label));
    const [one, other] = [
      await computed((...at) => crossEntropyPixels(...at), scores, y),
      await computed((...at) => crossEntropyPixels(...at, { ignore }), scores, as),
    ];
    expect(other).toEqual(one);
  }
});

it('counts the pixels whose class is not the likeliest', async () => {
  const x = [1, 5, 0, 2, 0, 1, 3, 2];
  const b = builder();
  const error = errorOfPixels(
    b,
    b.constant(tensor('float32', [1, 2, 2, 2], x)),
    b.input('labels', 'int32', [1, 2, 2]),
  );
  b.output(error, 'error');
  const session = await (await nodeRuntime()).load(model(b.build()));
  // Right, wrong, void, and right since the scores are equal.
  const found = await session.run({ labels: tensor('int32', [1, 2, 2], [0, 1, 255, 1]) });
  expect(Number(found['error']?.data[0])).toBeCloseTo(1 / 3, 6);
});

it('keeps five digits of a mean over many pixels', async () => {
  const shape = [1, 2, 480, 640];
  const area = 480 * 640;
  const x = Array.from({ length: 2 * area }, (_, i) => (i < area ? Math.sin(i) : 0));
  const y = Array.from({ length: area }, (_, i) => i % 2);
  let exact = 0;
  for (let i = 0; i < area; i++) {
    const score = Math.fround(Math.sin(i));
    exact += Math.log(1 + Math.exp(score)) - (i % 2 === 0 ? score : 0);
  }
  const found = await computed((...at) => crossEntropyPixels(...at), x, y, shape);
  expect(found.loss / (exact / area)).toBeCloseTo(1, 5);
});

describe('refuses', () => {
  const at = (shape: readonly (number | string)[], labelShape: readonly (number | string)[]) => {
    const b = builder();
    return [b, b.input('x', 'float32', shape), b.input('y', 'int32', labelShape)] as const;
  };

  it('shapes that do not fit', () => {
    for (const [x, y] of [
      [
        [2, 3, 4, 4],
        [2, 4, 5],
      ],
      [
        [2, 3, 4, 4],
        [2, 1, 4, 4],
      ],
      [
        [2, 3, 4],
        [2, 4],
      ],
      [
        [2, 'classes', 4, 4],
        [2, 4, 4],
      ],
      [
        [2, 300, 4, 4],
        [2, 4, 4],
      ],
    ] as const)
      expect(() => crossEntropyPixels(...at(x, y))).toThrow(ShapeError);
    expect(() => crossEntropyPixels(...at(['n', 3, 'h', 'w'], ['n', 'h', 'w']))).not.toThrow();
  });

  it('options that do not fit', () => {
    const fit = at([2, 3, 4, 4], [2, 4, 4]);
    expect(() => crossEntropyPixels(...fit, { classWeights: [1, 2] })).toThrow(/2 class weights/);
    expect(() => diceLoss(...fit, { classWeights: [1, -2, 1] })).toThrow(/class 1 .* got -2/);
    expect(() => crossEntropyPixels(...fit, { ignore: 300 })).toThrow(/from -256 to 255, got 300/);
    expect(() => focalLoss(...fit, { gamma: -1 })).toThrow(UsageError);
  });
});
