import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Graph, model, type Value } from '../../graph/graph.js';
import { nodeRuntime } from '../../runtime/node.js';
import { fillUniform, streamKey } from '../../tensor/random.js';
import { type Tensor, tensor, zeros } from '../../tensor/tensor.js';
import { type Builder, builder } from '../builder.js';
import { optimize } from './optimize.js';

/** The operators left after optimising what `build` makes of x [3, 4] and w [4, 4], in order. */
function left(build: (b: Builder, x: Value, w: Value) => Value): string[] {
  const b = builder();
  const x = b.input('x', 'float32', [3, 4]);
  const w = b.input('w', 'float32', [4, 4]);
  b.output(build(b, x, w), 'y');
  return optimize(b.build()).nodes.map(({ op }) => op);
}

describe('a rewrite', () => {
  it.each<[string, (b: Builder, x: Value, w: Value) => Value, string[]]>([
    ['merges equal nodes', (b, x) => b.Add(b.Exp(x), b.Exp(x)), ['Exp', 'Add']],
    [
      'minds that + and * commute',
      (b, x) => b.Div(b.Mul(x, b.Exp(x)), b.Mul(b.Exp(x), x)),
      ['Exp', 'Mul', 'Div'],
    ],
    ['drops neutral elements', (b, x) => b.Exp(b.Add(b.Mul(x, 1), 0)), ['Exp']],
    ['drops nodes that nobody reads', (b, x) => [b.Exp(x), b.Log(x)][0] as Value, ['Exp']],
    [
      'takes Transpose into Gemm',
      (b, x, w) => b.Gemm(x, b.Transpose(w, { perm: [1, 0] })),
      ['Gemm'],
    ],
    [
      'takes Transpose out of MatMul',
      (b, x, w) => b.MatMul(x, b.Transpose(w, { perm: [1, 0] })),
      ['Gemm'],
    ],
    [
      'masks by a number that is made in one node',
      (b, x) => b.Mul(x, b.Cast(b.Greater(x, 0), { to: 1 })),
      ['HardSigmoid', 'Mul'],
    ],
    ['undoes two Transposes', (b, x) => b.Exp(b.Transpose(b.Transpose(x))), ['Exp']],
    ['adds inside Gemm', (b, x, w) => b.Add(b.Gemm(x, w), x), ['Gemm']],
    ['scales inside Gemm', (b, x, w) => b.Mul(b.Gemm(x, w), 0.5), ['Gemm']],
    [
      'keeps a product that is used twice',
      (b, x, w) => b.Mul(b.Add(b.Gemm(x, w), x), b.Gemm(x, w)),
      ['Gemm', 'Add', 'Mul'],
    ],
    ['chains reshapes', (b, x) => b.Exp(b.Reshape(b.Reshape(x, [2, 6]), [12])), ['Reshape', 'Exp']],
    [
      'does not expand what broadcasts',
      (b, x, w) => b.Mul(x, b.Expand(b.ReduceSum(w, [0]), [3, 4])),
      ['ReduceSum', 'Mul'],
    ],
    ['sums before it scales', (b, x) => b.ReduceSum(b.Mul(x, 0.25), [1]), ['ReduceSum', 'Mul']],
    [
      'squares while it sums everything',
      (b, x) => b.ReduceSum(b.Mul(x, x), null, { keepdims: 0 }),
      ['ReduceSumSquare'],
    ],
    ['multiplies rather than squares', (b, x) => b.Pow(x, 2), ['Mul']],
    [
      'subtracts rather than adds a negative',
      (b, x, w) => b.Add(x, b.Neg(b.ReduceSum(w, [0]))),
      ['ReduceSum', 'Sub'],
    ],
  ])('%s', (_, build, expected) => {
    expect(left(build)).toEqual(expected);
  });

  it('gathers small factors', () => {
    const operators = left((b, x, w) => {
      const small = b.ReduceSum(w, [0]);
      return b.Mul(b.Mul(x, small), b.Exp(small));
    });
    expect(operators.filter((op) => op === 'Mul')).toHaveLength(2);
    const b = builder();
    const x = b.input('x', 'float32', [300, 4]);
    const s = b.input('s', 'float32', [1, 4]);
    const t = b.input('t', 'float32', [1, 4]);
    b.output(b.Mul(b.Mul(x, s), t), 'y');
    const [first] = optimize(b.build()).nodes;
    expect(first?.inputs).toEqual(['s', 't']);
  });

  it('takes axes of size 1 off the end where a scalar meets many elements', () => {
    const made = (dims: readonly number[]): string[] => {
      const b = builder();
      const [x, s] = [b.input('x', 'float32', dims), b.input('s', 'float32', [])];
      b.output(b.Sub(s, x), 'y');
      const { nodes, values, outputs } = optimize(b.build());
      expect(outputs[0]?.shape).toEqual(dims);
      const sub = nodes.find(({ op }) => op === 'Sub');
      return [...nodes.map(({ op }) => op), String(values.get(sub?.outputs[0] ?? '')?.shape)];
    };
    expect(made([64, 32, 1, 1])).toEqual(['Reshape', 'Sub', 'Reshape', '64,32']);
    expect(made([64, 32, 1, 3])[0]).toBe('Sub');
    expect(made([8, 1])[0]).toBe('Sub');
  });

  it('keeps the names of inputs and outputs, also where an output is an input', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2]);
    b.output(b.Add(x, 0), 'same');
    b.output(b.Exp(x), 'exp');
    b.output(b.Exp(x), 'exp again');
    const { inputs, outputs } = optimize(b.build());
    expect(inputs.map(({ name }) => name)).toEqual(['x']);
    expect(outputs.map(({ name }) => name)).toEqual(['same', 'exp', 'exp again']);
  });

  it('drops optional outputs that nobody reads', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2, 3]);
    const ones = b.constant(tensor('float32', [3], [1, 1, 1]));
    const [y] = b.node('LayerNormalization', [x, ones], {}, { count: 3 });
    b.output(y as Value, 'y');
    expect(optimize(b.build()).nodes[0]?.outputs).toEqual(['y']);
  });

  it('merges no node with one that lacks an output that is read', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2, 3]);
    const ones = b.constant(tensor('float32', [3], [1, 1, 1]));
    const normalized = { op: 'LayerNormalization', domain: '', attributes: {} };
    const inputs = [x.name, ones.name];
    const first = b.add({ ...normalized, name: 'a', inputs, outputs: ['y', '', 'inverse'] });
    const second = b.add({ ...normalized, name: 'b', inputs, outputs: ['z', 'mean', 'again'] });
    b.output(b.Exp(first[2] as Value), 'inverse of the first');
    b.output(b.Exp(second[1] as Value), 'mean of the second');
    const read = optimize(b.build()).nodes.flatMap((node) =>
      node.op === 'Exp' ? node.inputs : [],
    );
    expect(read).toEqual(['inverse', 'mean']);
  });

  it('leaves integers to MatMul, since no runtime has a Gemm for them', () => {
    const b = builder();
    const x = b.input('x', 'int32', [2, 3]);
    b.output(b.MatMul(x, b.Transpose(x, { perm: [1, 0] })), 'y');
    expect(optimize(b.build()).nodes.map(({ op }) => op)).toEqual(['Transpose', 'MatMul']);
  });

  it.each<[string, (b: Builder, x: Value) => Value]>([
    ['Reshapes', (b, x) => b.Reshape(b.Reshape(x, [2, 0, 3]), [3, 2, 0], { allowzero: 1 })],
    ['a sum over nothing', (b, x) => b.ReduceSum(b.Unsqueeze(x, [0]), [0])],
  ])('keeps the size of an empty value through %s', (_, build) => {
    const b = builder();
    const y = build(b, b.input('x', 'float32', [6, 0]));
    b.output(b.Exp(y), 'y');
    expect(optimize(b.build()).outputs[0]?.shape).toEqual(y.shape);
  });
});

/** One step of a random program: an operator applied to values made before, by index modulo their number. */
type Step = readonly [kind: number, first: number, second: number];

const unary = ['Neg', 'Exp', 'Tanh', 'Abs', 'Identity'] as const;
const binary = ['Add', 'Sub', 'Mul'] as const;

/** Builds a random graph on 4 x 4 matrices, rows, columns and scalars. */
function program(steps: readonly Step[]): Graph {
  const b = builder();
  const made: Value[] = [
    b.input('x', 'float32', [4, 4]),
    b.input('w', 'float32', [4, 4]),
    b.input('row', 'float32', [1, 4]),
    b.input('column', 'float32', [4, 1]),
  ];
  const at = (i: number): Value => made[i % made.length] as Value;
  const square = (value: Value): Value => b.Expand(value, [4, 4]);
  for (const [kind, i, j] of steps) {
    const [p, q] = [at(i), at(j)];
    const bounded = (value: Value): Value => b.Tanh(value);
    if (kind < 5)
      made.push(b.node(unary[kind] as string, [kind === 1 ? bounded(p) : p])[0] as Value);
    else if (kind < 8) made.push(b.node(binary[kind - 5] as string, [p, q])[0] as Value);
    else if (kind === 8) made.push(b.Mul(bounded(p), (j % 3) - 1));
    else if (kind === 9) made.push(b.ReduceSum(bounded(p), [j % 2], { keepdims: 1 }));
    else if (kind === 10) made.push(b.Gemm(bounded(square(p)), bounded(square(q))));
    else if (kind === 11) made.push(b.Transpose(square(p), { perm: [1, 0] }));
    else if (kind === 12) made.push(b.Reshape(b.Reshape(square(p), [2, 8]), [4, 4]));
    else if (kind === 13) made.push(b.Pow(bounded(p), 2));
    else made.push(b.Add(b.Gemm(bounded(square(p)), b.Transpose(bounded(square(q)))), square(q)));
  }
  made.slice(-3).forEach((value, i) => {
    b.output(value, `y${i}`);
  });
  return b.build();
}

it('takes every normal number above 0 for positive, and no other', async () => {
  const numbers = [-Infinity, -1, -1.2e-38, -0, 0, 1.2e-38, 1e-30, 1, 3e38, Infinity];
  const b = builder();
  b.output(b.Cast(b.Greater(b.input('x', 'float32', [10]), 0), { to: 1 }), 'y');
  const graph = optimize(b.build());
  expect(graph.nodes.map(({ op }) => op)).toEqual(['HardSigmoid']);
  const session = await (await nodeRuntime()).load(model(graph), { threads: 1 });
  const { y } = await session.run({ x: tensor('float32', [10], numbers) });
  expect(Array.from(y?.data as Float32Array, Math.abs)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
});

it('never changes what a graph computes', { timeout: 60_000 }, async () => {
  const runtime = await nodeRuntime();
  const feeds: Record<string, Tensor> = {};
  for (const [name, dims] of [
    ['x', [4, 4]],
    ['w', [4, 4]],
    ['row', [1, 4]],
    ['column', [4, 1]],
  ] as const) {
    const made = zeros('float32', dims);
    fillUniform(made.data, streamKey(5, 0, name));
    feeds[name] = { ...made, data: made.data.map((value) => 2 * value - 1) };
  }
  const run = async (graph: Graph) => {
    const session = await runtime.load(model(graph), { optimize: false, threads: 1 });
    const known = Object.fromEntries(session.inputs.map((name) => [name, feeds[name] as Tensor]));
    return session.run(known);
  };
  const step = fc.tuple(fc.nat(14), fc.nat(30), fc.nat(30));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
      const graph = program(steps);
      const optimized = optimize(graph);
      expect(optimized.nodes.length).toBeLessThanOrEqual(graph.nodes.length);
      const [before, after] = [await run(graph), await run(optimized)];
      for (const [name, { data, dims }] of Object.entries(before)) {
        expect(after[name]?.dims).toEqual(dims);
        const other = after[name]?.data as Float32Array;
        (data as Float32Array).forEach((value, i) => {
          if (Math.abs(value) < 1e6)
            expect(Math.abs((other[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(
              1e-3 * Math.max(1, Math.abs(value)),
            );
        });
      }
    }),
    { numRuns: 60, seed: 11 },
  );
});
