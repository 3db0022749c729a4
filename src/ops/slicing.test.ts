import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { ShapeError } from '../errors.js';
import { model, type Value } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import type { Dim } from '../tensor/shape.js';
import { type Tensor, zeros } from '../tensor/tensor.js';
import { builder } from './builder.js';

describe('Concat', () => {
  const concat = (shapes: Dim[][], axis: number) => {
    const b = builder();
    return b.Concat(...shapes.map((shape, i) => b.input(`x${i}`, 'float32', shape)), { axis })
      .shape;
  };

  it('adds dimensions up along its axis', () => {
    expect(
      concat(
        [
          [2, 3],
          [4, 3],
          [1, 3],
        ],
        0,
      ),
    ).toEqual([7, 3]);
    expect(
      concat(
        [
          ['batch', 3],
          ['batch', 'k'],
        ],
        -1,
      ),
    ).toEqual(['batch', 'k + 3']);
    expect(
      concat(
        [
          ['batch', 3],
          [8, 3],
        ],
        1,
      ),
    ).toEqual([8, 6]);
  });

  it('refuses inputs that differ elsewhere', () => {
    expect(() =>
      concat(
        [
          [2, 3],
          [2, 4],
        ],
        0,
      ),
    ).toThrow('dimensions 1 of the inputs differ: 3 against 4');
    expect(() => concat([[2, 3], [2]], 0)).toThrow('inputs must share a rank, got 2 and 1');
    expect(() => concat([[2, 3]], 2)).toThrow(ShapeError);
  });
});

describe('Split', () => {
  const split = (
    shape: Dim[],
    sizes: number[] | null,
    count: number,
    attributes = {},
    opset = 18,
  ) => {
    const b = builder(opset);
    const x = b.input('x', 'float32', shape);
    return b.node('Split', [x, sizes], attributes, { count }).map((part) => part.shape[0]);
  };

  it('takes stated sizes, or makes equal parts with a smaller last one', () => {
    expect(split([6, 2], [1, 2, 3], 3)).toEqual([1, 2, 3]);
    expect(split([7, 2], null, 3, { num_outputs: 3 })).toEqual([3, 3, 1]);
    expect(split(['batch', 2], null, 2, { num_outputs: 2 })).toEqual(['batch/2', 'batch/2']);
    expect(split([6, 2], null, 3, {}, 13)).toEqual([2, 2, 2]);
  });

  it('refuses what does not add up', () => {
    expect(() => split([6], [1, 2], 2)).toThrow('split [1, 2] must hold 2 sizes that add up to 6');
    expect(() => split([6], [6], 2)).toThrow(ShapeError);
    expect(() => split([4], null, 3, { num_outputs: 3 })).toThrow('does not split into 3 parts');
    expect(() => split([7], null, 3, {}, 13)).toThrow('does not split into 3 parts');
    expect(() => split([6], null, 2)).toThrow('give split, or num_outputs equal to the 2 outputs');
  });

  it('fills in zeros where no gradient comes back', () => {
    const b = builder();
    const x = b.input('x', 'float32', [6]);
    const [, second] = b.node('Split', [x, [2, 3, 1]], {}, { count: 3 });
    const loss = b.ReduceSum(second ?? x, null, { keepdims: 0 });
    expect(backward(b, loss, [x])[0]?.shape).toEqual([6]);
    expect(b.nodes.filter(({ op }) => op === 'ConstantOfShape')).toHaveLength(2);
  });
});

describe('Slice', () => {
  const slice = (shape: Dim[], ...lists: number[][]) => {
    const b = builder();
    const [starts = [], ends = [], axes, steps] = lists;
    return b.Slice(b.input('x', 'float32', shape), starts, ends, axes ?? null, steps ?? null).shape;
  };

  it('clamps bounds and counts from the end', () => {
    expect(slice([5, 4], [1], [99])).toEqual([4, 4]);
    expect(slice([5, 4], [-2], [2 ** 40], [1])).toEqual([5, 2]);
    expect(slice([5], [3], [1])).toEqual([0]);
    expect(slice([5], [-9], [-9], [0], [-1])).toEqual([1]);
    expect(slice([5], [-1], [-(2 ** 31)], [0], [-2])).toEqual([3]);
  });

  it('leaves a symbolic dimension alone where it takes all of it, and names it where not', () => {
    expect(slice(['h', 4], [0], [2 ** 40])).toEqual(['h', 4]);
    expect(slice(['h'], [-1], [-(2 ** 40)], [0], [-1])).toEqual(['h']);
    expect(slice(['h'], [1], [9])).toEqual(['slice(h, 1, 9, 1)']);
  });

  it('knows the axes that computed bounds leave alone', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3, 4]);
    const at = b.input('at', 'int64', [1]);
    expect(b.Slice(x, [0], at, [1]).shape.map((dim) => typeof dim)).toEqual([
      'string',
      'string',
      'number',
    ]);
    expect(b.Slice(x, at, [9]).shape.slice(1)).toEqual([3, 4]);
  });

  it('refuses a step of 0, lists of different length, and an axis given twice', () => {
    expect(() => slice([5], [0], [1], [0], [0])).toThrow('a step of 0 goes nowhere');
    expect(() => slice([5], [0], [1, 2])).toThrow('must be of one length, got 1 and 2');
    expect(() => slice([5, 5], [0, 0], [1, 1], [0, -2])).toThrow('axis 0 is given twice');
  });
});

describe('the gradient of a Slice', () => {
  it.each<[string, number[], number[], number[], number[], number[]]>([
    ['rows and columns in steps', [2, 6, 7], [1, 0], [6, 7], [1, 2], [2, 3]],
    ['the last axis backwards', [3, 9], [-1], [-100], [1], [-2]],
    ['the only axis', [9], [2], [9], [0], [3]],
    ['an axis too long for a matrix', [2, 4000], [1], [4000], [1], [2]],
  ])('puts dy back where it came from: %s', async (_, dims, starts, ends, axes, steps) => {
    const b = builder();
    const x = b.parameter('x', numbered(dims));
    const y = b.Slice(x, starts, ends, axes, steps);
    const loss = b.ReduceSum(b.Mul(y, b.Mul(y, 0.5)), null, { keepdims: 0 });
    b.output(y, 'y');
    b.output(backward(b, loss, [x])[0] as Value, 'dx');
    const { y: taken, dx } = await (await (await nodeRuntime()).load(model(b.build()))).run({});
    const kept = new Set(taken?.data as Float32Array);
    expect(Array.from(dx?.data as Float32Array)).toEqual(
      Array.from(numbered(dims).data, (value) => (kept.has(value) ? value : 0)),
    );
  });
});

/** 1, 2, 3… */
function numbered(dims: readonly number[]): Tensor<'float32'> {
  const made = zeros('float32', dims);
  made.data.forEach((_, i) => {
    made.data[i] = i + 1;
  });
  return made;
}
