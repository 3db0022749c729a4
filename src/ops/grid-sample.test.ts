import { describe, expect, it } from 'vitest';
import { differentiate } from '../autodiff/differentiate.js';
import { ShapeError } from '../errors.js';
import { model } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import { type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import { builder } from './builder.js';

const runtime = await nodeRuntime();

describe('GridSample', () => {
  it('names symbolic sizes', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3, 'h', 'w']);
    const grid = b.input('grid', 'float32', ['batch', 'rows', 7, 2]);
    expect(b.GridSample(x, grid).shape).toEqual(['batch', 3, 'rows', 7]);
    expect(b.opset).toBe(20);
  });

  it('adds up the gradients of places that are read more than once', async () => {
    const b = builder();
    const x = b.input('x', 'float32', [1, 1, 1, 2]);
    // Twice the second pixel, once the middle of both, once what lies outside.
    const grid = b.constant(tensor('float32', [1, 1, 4, 2], [0.5, 0, 0.5, 0, 0, 0, 4, 0]));
    b.output(b.ReduceSum(b.GridSample(x, grid), null, { keepdims: 0 }), 'loss');
    const { graph, gradients } = differentiate(b.build('grid'), { loss: 'loss', with: ['x'] });
    const session = await runtime.load(model(graph), { threads: 1 });
    const out = await session.run({ x: tensor('float32', [1, 1, 1, 2], [3, 5]) });
    expect(toNumbers(out['loss'] as Tensor)).toEqual([14]);
    expect(toNumbers(out[gradients['x'] ?? ''] as Tensor)).toEqual([0.5, 2.5]);
  });

  it.each<[string, readonly number[], readonly number[], Record<string, unknown>, RegExp]>([
    ['a name of old files', [1, 1, 2, 2], [1, 2, 2, 2], { mode: 'bilinear' }, /unknown mode "bili/],
    [
      'an unknown padding',
      [1, 1, 2, 2],
      [1, 2, 2, 2],
      { padding_mode: 'wrap' },
      /padding_mode "wr/,
    ],
    ['other coordinates', [1, 1, 2, 2], [1, 2, 2, 3], {}, /spatial axes of X and coordinates of g/],
    ['another batch', [1, 1, 2, 2], [3, 2, 2, 2], {}, /batch of X and of grid differ: 1 against 3/],
    ['a row of pixels', [1, 1, 2], [1, 2, 1], {}, /of at least two sizes/],
    ['cubic volumes', [1, 1, 2, 2, 2], [1, 2, 2, 2, 3], { mode: 'cubic' }, /for two spatial axes/],
  ])('tells of %s', (_, dims, gridDims, attributes, message) => {
    const b = builder();
    const inputs = [b.input('x', 'float32', dims), b.input('grid', 'float32', gridDims)];
    const attempt = () => b.node('GridSample', inputs, attributes);
    expect(attempt).toThrow(ShapeError);
    expect(attempt).toThrow(message);
  });
});
