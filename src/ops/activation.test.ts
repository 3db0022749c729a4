import { describe, expect, it } from 'vitest';
import { model } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import { tensor } from '../tensor/tensor.js';
import { builder } from './builder.js';
import { load } from './load.js';
import { optimize } from './rewrite/optimize.js';

describe('an operator newer than the default operator set', () => {
  it('raises the graph that it is in, and no other', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2]);
    b.output(b.Relu(x));
    expect([b.opset, model(b.build()).opsets['']]).toEqual([18, 18]);
    b.output(b.Gelu(x, { approximate: 'tanh' }), 'y');
    const graph = b.build();
    expect([b.opset, load(graph).opset, optimize(graph).opset]).toEqual([20, 20, 20]);
    expect(model(graph).opsets).toEqual({ '': 20 });
  });

  it('runs', async () => {
    const b = builder();
    b.output(b.Gelu(b.input('x', 'float32', [2])), 'y');
    const session = await (await nodeRuntime()).load(model(b.build()));
    const { y } = await session.run({ x: tensor('float32', [2], [0, 1]) });
    // Φ(1) = 0.841345
    expect(y?.data[0]).toBe(0);
    expect(Number(y?.data[1])).toBeCloseTo(0.841345, 5);
  });
});

it('refuses an unknown approximation and a slope that does not broadcast to X', () => {
  const b = builder();
  const x = b.input('x', 'float32', [2, 3]);
  expect(() => b.Gelu(x, { approximate: 'sigmoid' })).toThrow(/unknown approximate "sigmoid"/);
  expect(() => b.PRelu(x, b.input('s', 'float32', [4, 2, 3]))).toThrow(/must broadcast to X/);
  expect(() => b.Hardmax(x, { axis: 2 })).toThrow(/axis 2 is outside/);
});
