import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { model, type Value } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import { tensor } from '../tensor/tensor.js';
import { type Builder, builder } from './builder.js';
import { optimize } from './rewrite/optimize.js';

const at = (b: Builder, dims: readonly number[], values: readonly number[]) =>
  b.constant(tensor('int64', dims, values));

describe('GatherND and ScatterND', () => {
  it('have the shape of the slices', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3, 4]);
    const places = b.input('places', 'int64', ['batch', 5, 1]);
    expect(b.GatherND(x, places, { batch_dims: 1 }).shape).toEqual(['batch', 5, 4]);
    expect(b.GatherND(x, places).shape).toEqual(['batch', 5, 3, 4]);
    expect(
      b.ScatterND(x, at(b, [2, 2], [0, 1, 0, 2]), b.input('updates', 'float32', [2, 4])).shape,
    ).toEqual(['batch', 3, 4]);
  });

  it('refuse indices and updates that do not fit', () => {
    const b = builder();
    const x = b.input('x', 'float32', [3, 4]);
    const long = at(b, [1, 3], [0, 0, 0]);
    const one = at(b, [1, 1], [0]);
    expect(() => b.GatherND(x, long)).toThrow(/index vectors hold 3 numbers, for 2 axes/);
    expect(() => b.GatherND(x, x)).toThrow(/indices must be int64, got float32/);
    expect(() => b.ScatterND(x, one, x)).toThrow(/slices and updates differ: 1 against 3/);
    expect(() => b.ScatterND(x, one, x, { reduction: 'mean' })).toThrow(/differ|unknown/);
  });

  it('say which gradients are not known', () => {
    const b = builder();
    const x = b.input('x', 'float32', [3]);
    const u = b.input('u', 'float32', [2]);
    const twice = at(b, [2, 1], [1, 1]);
    const loss = (reduction: string): Value =>
      b.ReduceSum(b.ScatterND(x, twice, u, { reduction }), null, { keepdims: 0 });
    expect(() => backward(b, loss('mul'), [u])).toThrow(/distinct, but some occur twice/);
    expect(() => backward(b, loss('max'), [x])).toThrow(/the gradient of reduction "max"/);
  });
});

describe('TopK', () => {
  it('refuses more elements than there are', () => {
    const b = builder();
    expect(() => b.TopK(b.input('x', 'float32', [2, 3]), [4])).toThrow(/K must be from 0 to the 3/);
  });

  it('keeps both outputs when one is read', async () => {
    const b = builder();
    b.output(b.TopK(b.input('x', 'float32', [3]), [2]), 'y');
    const session = await (await nodeRuntime()).load(model(optimize(b.build())));
    const { y } = await session.run({ x: tensor('float32', [3], [1, 3, 2]) });
    expect([...(y?.data ?? [])]).toEqual([3, 2]);
  });
});

it('Trilu and CumSum refuse what has no such axes', () => {
  const b = builder();
  const x = b.input('x', 'float32', [3]);
  expect(() => b.Trilu(x)).toThrow(/input must be matrices, got \[3\]/);
  expect(() => b.CumSum(x, b.constant(tensor('int64', [], [1])))).toThrow(/axis 1 is outside/);
});
