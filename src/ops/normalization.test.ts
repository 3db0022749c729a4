import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import type { Value } from '../graph/graph.js';
import { scalar, tensor } from '../tensor/tensor.js';
import { builder } from './builder.js';

describe('LayerNormalization', () => {
  it('has statistics with 1 in the place of the normalized axes', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3, 4]);
    const scale = b.input('scale', 'float32', [3, 4]);
    const outputs = b.node('LayerNormalization', [x, scale], { axis: 1 }, { count: 3 });
    expect(outputs.map(({ shape }) => shape)).toEqual([
      ['batch', 3, 4],
      ['batch', 1, 1],
      ['batch', 1, 1],
    ]);
    expect(b.LayerNormalization(x, scale).shape).toEqual(['batch', 3, 4]);
  });

  it('refuses a scale or bias that does not broadcast to x', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2, 4]);
    const long = b.input('long', 'float32', [3, 2, 4]);
    const wrong = b.input('wrong', 'float32', [3]);
    expect(() => b.LayerNormalization(x, long)).toThrow(/must broadcast to X \[2, 4\]/);
    expect(() => b.LayerNormalization(x, wrong)).toThrow(/do not broadcast/);
    expect(() => b.LayerNormalization(x, x, null, { axis: 2 })).toThrow(/axis 2 is outside/);
  });
});

describe('Softmax', () => {
  it('refuses an axis outside the rank', () => {
    const b = builder();
    expect(() => b.Softmax(b.input('x', 'float32', [2, 3]), { axis: 2 })).toThrow(
      /axis 2 is outside/,
    );
  });
});

describe('normalization by channel', () => {
  const b = builder();
  const x = b.input('images', 'float32', ['batch', 6, 4, 4]);
  const six = b.input('six', 'float32', [6]);
  const four = b.input('four', 'float32', [4]);

  it('refuses statistics that are not one number for each channel', () => {
    expect(() => b.BatchNormalization(x, six, six, four, six)).toThrow(
      /channels of X and input_mean differ: 6 against 4/,
    );
    expect(() => b.InstanceNormalization(x, x, six)).toThrow(/one number for each channel/);
    expect(() => b.BatchNormalization(four, four, four, four, four)).toThrow(
      /must be \(batch, channels, ...\), got \[4\]/,
    );
  });

  it('has a gradient by a batch of nothing', () => {
    const none = b.input('no images', 'float32', [0, 6, 4, 4]);
    const made = [
      b.InstanceNormalization(none, six, six),
      b.GroupNormalization(none, six, six, { num_groups: 2 }),
    ];
    for (const y of made) {
      const [dx] = backward(b, b.ReduceSum(y, null, { keepdims: 0 }), [none]);
      expect(dx?.shape).toEqual([0, 6, 4, 4]);
    }
  });

  it('refuses groups that do not divide the channels, and windows of nothing', () => {
    expect(() => b.GroupNormalization(x, six, six, { num_groups: 4 })).toThrow(
      /num_groups must divide the channels 6, got 4/,
    );
    expect(() => b.LRN(x, { size: 0 })).toThrow(/size must be from 1 on, got 0/);
  });

  it('has no gradient where the runtime would draw the statistics or the mask', () => {
    const graph = builder();
    const y = graph.input('y', 'float32', [2, 3]);
    const c = graph.parameter('c', tensor('float32', [3], [1, 1, 1]));
    const trained = graph.BatchNormalization(y, c, c, c, c, { training_mode: 1 });
    const dropped = graph.Dropout(y, 0.5, graph.constant(scalar('bool', 1)));
    const sum = (value: Value) => graph.ReduceSum(value, null, { keepdims: 0 });
    expect(() => backward(graph, sum(trained), [y])).toThrow(
      /BatchNormalization at node "BatchNormalization": training_mode 1 has no gradient/,
    );
    expect(() => backward(graph, sum(dropped), [y])).toThrow(/Dropout at node "Dropout"/);
  });
});
