/** What the gradient rules give where the derivative does not exist, or a formula for it would divide by zero. */
import { describe, expect, it } from 'vitest';
import { backward } from '../src/autodiff/backward.js';
import { type Graph, model, type Value } from '../src/graph/graph.js';
import { type Builder, builder } from '../src/ops/builder.js';
import { nodeRuntime } from '../src/runtime/node.js';
import { type Tensor, tensor, toNumbers } from '../src/tensor/tensor.js';

const runtime = await nodeRuntime();
type Apply = (b: Builder, ...x: Value[]) => Value;

async function run(graph: Graph, inputs: readonly (readonly number[])[]): Promise<number[][]> {
  const session = await runtime.load(model(graph));
  const feeds = inputs.map((data, i) => [`x${i}`, tensor('float32', [data.length], data)] as const);
  const wanted = feeds.filter(([name]) => session.inputs.includes(name));
  const out = await session.run(Object.fromEntries(wanted));
  // Adding 0 turns -0 into 0, which toEqual tells apart.
  return graph.outputs.map(({ name }) => toNumbers(out[name] as Tensor).map((value) => value + 0));
}

const summed = (b: Builder, value: Value): Value => b.ReduceSum(value, null, { keepdims: 0 });

/** Gradient of the sum of `apply`'s elements by each of the 1-D inputs. */
async function gradients(apply: Apply, ...inputs: readonly number[][]): Promise<number[][]> {
  const b = builder();
  const x = inputs.map((data, i) => b.input(`x${i}`, 'float32', [data.length]));
  for (const gradient of backward(b, summed(b, apply(b, ...x)), x)) b.output(gradient);
  return run(b.build(), inputs);
}

/** The gradient of the first gradient's first element: a row of second derivatives. */
async function hessianRow(apply: Apply, input: readonly number[]): Promise<number[] | undefined> {
  const b = builder();
  const x = b.input('x0', 'float32', [input.length]);
  const [first] = backward(b, summed(b, apply(b, x)), [x]);
  const element = b.Slice(first as Value, [0], [1]);
  for (const gradient of backward(b, summed(b, element), [x])) b.output(gradient);
  return (await run(b.build(), [input]))[0];
}

describe('element-wise functions', () => {
  it.each<[string, Apply, number[], number[]]>([
    ['Abs', (b, x) => b.Abs(x), [-2, 0, 3], [-1, 0, 1]],
    ['Relu', (b, x) => b.Relu(x), [-2, 0, 3], [0, 0, 1]],
    ['LeakyRelu', (b, x) => b.LeakyRelu(x, { alpha: 0.5 }), [-2, 0, 3], [0.5, 0.5, 1]],
    ['Elu', (b, x) => b.Elu(x, { alpha: 0.5 }), [0, 3], [0.5, 1]],
    ['Elu far out', (b, x) => b.Elu(x), [-200, 200], [0, 1]],
    ['Clip', (b, x) => b.Clip(x, -1, 1), [-2, -1, 0, 1, 2], [0, 1, 1, 1, 0]],
    ['Sqrt', (b, x) => b.Sqrt(x), [0, 0.25], [Number.POSITIVE_INFINITY, 1]],
    ['Sigmoid far out', (b, x) => b.Sigmoid(x), [-200, 200], [0, 0]],
    ['Softplus far out', (b, x) => b.Softplus(x), [-200, 200], [0, 1]],
    ['Pow 0', (b, x) => b.Mul(b.Add(b.Pow(x, 0), x), 1), [0, 2], [1, 1]],
    ['Pow 2', (b, x) => b.Pow(x, 2), [-3, 0], [-6, 0]],
    ['Pow 3', (b, x) => b.Pow(x, 3), [-2, 0], [12, 0]],
  ])('%s', async (_, apply, input, expected) => {
    expect(await gradients(apply, input)).toEqual([expected]);
  });

  it('Pow by an exponent per element, at base 0', async () => {
    const pow: Apply = (b, x, e) => b.Pow(x, e);
    const [dx, de] = await gradients(pow, [0, 0, 0, 2], [0, 1, 2, 0]);
    expect(dx).toEqual([0, 1, 0, 0]);
    expect(de?.slice(0, 3)).toEqual([0, 0, 0]);
    expect(de?.[3]).toBeCloseTo(Math.log(2), 6);
  });
});

describe('ties', () => {
  it('Max and Min give the gradient to the first of equal inputs', async () => {
    const max: Apply = (b, ...x) => b.Max(...x);
    const min: Apply = (b, ...x) => b.Min(...x);
    expect(await gradients(max, [1, 2], [1, 3])).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(await gradients(min, [5, 2], [4, 2], [4, 1])).toEqual([
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
  });

  it('ReduceMax and ReduceMin share it evenly', async () => {
    expect(await gradients((b, x) => b.ReduceMax(x), [3, 1, 3])).toEqual([[0.5, 0, 0.5]]);
    expect(await gradients((b, x) => b.ReduceMin(x), [1, 1, 3])).toEqual([[0.5, 0.5, 0]]);
  });
});

describe('reductions at zero', () => {
  const product: Apply = (b, x) => b.ReduceProd(x);

  it.each([
    [
      [2, 3, 4],
      [12, 8, 6],
    ],
    [
      [2, 0, 4],
      [0, 8, 0],
    ],
    [
      [0, 3, 0],
      [0, 0, 0],
    ],
    [
      [2, 0, 4, 5, 3],
      [0, 120, 0, 0, 0],
    ],
    [[7], [1]],
  ])('ReduceProd of %j', async (input, expected) => {
    expect(await gradients(product, input)).toEqual([expected]);
  });

  it.each([
    [
      [0, 0, 4],
      [0, 4, 0],
    ],
    [
      [2, 0, 4],
      [0, 4, 0],
    ],
    [
      [0, 2, 0, 5],
      [0, 0, 10, 0],
    ],
  ])('the second derivatives of ReduceProd of %j', async (input, expected) => {
    expect(await hessianRow(product, input)).toEqual(expected);
  });

  it('ReduceL1 and ReduceL2 of zeros', async () => {
    expect(await gradients((b, x) => b.ReduceL2(x), [0, 0])).toEqual([[0, 0]]);
    expect(await gradients((b, x) => b.ReduceL1(x), [0, -2])).toEqual([[0, -1]]);
  });

  it('ReduceLogSumExp does not overflow', async () => {
    const [dx] = await gradients((b, x) => b.ReduceLogSumExp(x), [1000, 1000]);
    expect(dx?.[0]).toBeCloseTo(0.5, 3);
  });
});

describe('Where', () => {
  it('keeps what was not chosen out of the gradient, be it infinite', async () => {
    const safeLog: Apply = (b, x) => {
      const isPositive = b.Greater(x, 0);
      const one = b.Where(isPositive, x, b.Add(b.Mul(x, 0), 1));
      return b.Where(isPositive, b.Log(one), b.Mul(x, 0));
    };
    expect(await gradients(safeLog, [0, 2])).toEqual([[0, 0.5]]);
  });
});

describe('LayerNormalization', () => {
  it('of a constant row is finite', async () => {
    const b = builder();
    const x = b.input('x0', 'float32', [4]);
    const scale = b.constant(tensor('float32', [4], [1, 2, 3, 4]));
    const [gradient] = backward(b, summed(b, b.LayerNormalization(x, scale)), [x]);
    b.output(gradient as Value);
    const [dx] = await run(b.build(), [[5, 5, 5, 5]]);
    expect(dx?.every(Number.isFinite)).toBe(true);
  });
});
