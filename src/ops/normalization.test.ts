import { describe, expect, it } from 'vitest';
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
