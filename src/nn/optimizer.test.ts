/** The optimizers against their papers' formulas in double precision, step by step. */
import { expect, it } from 'vitest';
import { builder } from '../ops/builder.js';
import { nodeRuntime } from '../runtime/node.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { constant } from '../train/schedule.js';
import { compileStep } from '../train/step.js';
import { train } from '../train/train.js';
import { adam, type Optimizer, type ParameterSettings, sgd } from './optimizer.js';

const start = [0.5, -1, 2];
const steps = 12;
const learningRate = 0.1;
/** The gradient of a step (from 0 on): the loss is its product with the parameter. */
const gradientAt = (step: number): number[] =>
  start.map((_, i) => ((1 + step) / 3) * Math.sin(2 * step + i));

async function trained(
  optimizer: Optimizer,
  clip?: number,
  settings: ParameterSettings = {},
): Promise<number[]> {
  const b = builder();
  const g = b.input('g', 'float32', [3]);
  const p = b.parameter('p', tensor('float32', [3], start));
  const loss = b.ReduceSum(b.Mul(g, p), null, { keepdims: 0 });
  const { parameters } = await train({
    runtime: await nodeRuntime(),
    session: { threads: 1 },
    step: compileStep(b, {
      loss,
      optimizer,
      settings: () => settings,
      ...(clip === undefined ? {} : { clip }),
    }),
    batch: (step) => ({ g: tensor('float32', [3], gradientAt(step)) }),
    steps,
    stepsPerEpoch: steps,
    learningRate,
    schedule: constant,
    seed: 1,
  });
  return [...((parameters.get('p') as Tensor).data as Float32Array)];
}

/** Applies `change(gradient, parameter, unit, step)` step by step; steps count from 1. */
function expected(
  change: (g: number, p: number, unit: number, step: number) => number,
  gradient = gradientAt,
): number[] {
  const p = [...start];
  for (let step = 1; step <= steps; step++)
    gradient(step - 1).forEach((g, i) => {
      p[i] = (p[i] ?? 0) - change(g, p[i] ?? 0, i, step);
    });
  return p;
}

function expectClose(actual: readonly number[], wanted: readonly number[]): void {
  actual.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, 5);
  });
}

it('sgd is plain descent', async () => {
  expectClose(
    await trained(sgd()),
    expected((g) => learningRate * g),
  );
});

it.each([false, true])('sgd with momentum and weight decay, nesterov %s', async (nesterov) => {
  const velocity = [0, 0, 0];
  const wanted = expected((g, p, i) => {
    const decayed = g + 0.01 * p;
    const v = 0.9 * (velocity[i] ?? 0) + decayed;
    velocity[i] = v;
    return learningRate * (nesterov ? decayed + 0.9 * v : v);
  });
  expectClose(await trained(sgd({ momentum: 0.9, nesterov, weightDecay: 0.01 })), wanted);
});

it('adam is Algorithm 1 of Kingma and Ba', async () => {
  const [m, v] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  const wanted = expected((g, _, i, t) => {
    const mean = 0.8 * (m[i] ?? 0) + 0.2 * g;
    const square = 0.99 * (v[i] ?? 0) + 0.01 * g * g;
    m[i] = mean;
    v[i] = square;
    const root = Math.sqrt(square / (1 - 0.99 ** t));
    return (learningRate * (mean / (1 - 0.8 ** t))) / (root + 1e-2);
  });
  expectClose(await trained(adam({ beta1: 0.8, beta2: 0.99, epsilon: 1e-2 })), wanted);
});

it('adam with weight decay is Algorithm 2 of Loshchilov and Hutter', async () => {
  const [m, v] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  const wanted = expected((g, p, i, t) => {
    m[i] = 0.9 * (m[i] ?? 0) + 0.1 * g;
    v[i] = 0.999 * (v[i] ?? 0) + 0.001 * g * g;
    const root = Math.sqrt((v[i] ?? 0) / (1 - 0.999 ** t));
    const mean = (m[i] ?? 0) / (1 - 0.9 ** t);
    return learningRate * (mean / (root + 1e-8) + 0.3 * p);
  });
  expectClose(await trained(adam({ weightDecay: 0.3 })), wanted);
});

it('settings of a parameter multiply the rate and the decay', async () => {
  expectClose(
    await trained(sgd({ weightDecay: 0.1 }), undefined, { rate: 2, decay: 0 }),
    expected((g) => 2 * learningRate * g),
  );
  expectClose(
    await trained(sgd({ weightDecay: 0.1 }), undefined, { rate: 0.5, decay: 3 }),
    expected((g, p) => 0.5 * learningRate * (g + 0.3 * p)),
  );
  const twice = adam({ weightDecay: 0.3 });
  const half: Optimizer = { ...twice, scalars: (t, rate) => twice.scalars(t, rate / 2) };
  const doubled = await trained(half, undefined, { rate: 2 });
  expectClose(doubled, await trained(twice));
  expect(await trained(twice, undefined, { rate: 0 })).toEqual(start);
});

it('gradients longer than the limit are scaled to it, shorter ones are left', async () => {
  const limit = 2;
  const clipped = (step: number): number[] => {
    const gradient = gradientAt(step);
    const norm = Math.hypot(...gradient);
    return gradient.map((g) => g * Math.min(1, limit / norm));
  };
  const norms = Array.from({ length: steps }, (_, step) => Math.hypot(...gradientAt(step)));
  expect(Math.min(...norms)).toBeLessThan(limit);
  expect(Math.max(...norms)).toBeGreaterThan(limit);
  expectClose(
    await trained(sgd(), limit),
    expected((g) => learningRate * g, clipped),
  );
});
