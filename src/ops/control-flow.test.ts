import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { type Graph, model, type Node, type TensorType, type Value } from '../graph/graph.js';
import { readModel } from '../onnx/read.js';
import { writeModel } from '../onnx/write.js';
import { nodeRuntime } from '../runtime/node.js';
import { scalar, tensor } from '../tensor/tensor.js';
import { type Builder, builder } from './builder.js';
import { loadModel } from './load.js';
import { optimize } from './rewrite/optimize.js';

const node = (op: string, inputs: readonly string[], output: string): Node => ({
  name: output,
  op,
  domain: '',
  inputs,
  outputs: [output],
  attributes: {},
});

/** A graph of these nodes whose outputs are `outputs`; its inputs are of any type. */
const graph = (
  name: string,
  inputs: readonly string[],
  nodes: readonly Node[],
  outputs: readonly string[],
): Graph => ({
  name,
  inputs: inputs.map((each) => ({ name: each, dtype: 'float32', shape: null })),
  outputs: outputs.map((each) => ({ name: each, dtype: null, shape: null })),
  nodes,
  initializers: new Map(),
  values: new Map(),
});

const typed = (values: readonly Value[]): TensorType[] =>
  values.map(({ dtype, shape }) => ({ dtype, shape }));

/** If over two values of the graph around: `yes` squared, or `no` as it is. */
function choice(b: Builder, cond: Value, yes: Value, no: Value, count = 1): Value[] {
  return b.node(
    'If',
    [cond],
    {
      then_branch: graph('then', [], [node('Mul', [yes.name, yes.name], 'then/y')], ['then/y']),
      else_branch: graph('else', [], [node('Identity', [no.name], 'else/y')], ['else/y']),
    },
    { count },
  );
}

describe('If', () => {
  it('has what both branches have; where they differ only a run will tell', () => {
    const b = builder();
    const cond = b.input('cond', 'bool', []);
    const x = b.input('x', 'float32', ['batch', 3]);
    const other = b.input('other', 'float32', ['batch', 4]);
    const rows = b.input('rows', 'float32', [3]);
    expect(typed(choice(b, cond, x, x))).toEqual([{ dtype: 'float32', shape: ['batch', 3] }]);
    const [differing] = choice(b, cond, x, other);
    expect(differing?.shape).toEqual(['batch', 'if(cond)[0][1]']);
    expect(() => choice(b, cond, x, rows)).toThrow(/branches differ in output 0: float32\[batch/);
    expect(() => choice(b, cond, x, x, 2)).toThrow(/a branch gives 1 values, the node 2/);
    const known = b.constant(scalar('bool', 0));
    expect(choice(b, known, x, rows)[0]?.shape).toEqual([3]);
  });

  it('is refused by name where a gradient would pass, also by what its graphs read from around', () => {
    const b = builder();
    const x = b.input('x', 'float32', [3]);
    const [y] = choice(b, b.input('cond', 'bool', []), x, x);
    const loss = b.ReduceSum(y as Value, null, { keepdims: 0 });
    expect(() => backward(b, loss, [x])).toThrow(
      /If at node "If": has no gradient: the graphs inside it are not differentiated here/,
    );
  });

  it('survives rewrites and files with what it reads from around', async () => {
    const b = builder();
    const x = b.input('x', 'float32', [2]);
    const doubled = b.Neg(b.Neg(b.Mul(x, 2)));
    const again = b.Mul(x, 2);
    b.output(choice(b, b.input('cond', 'bool', []), doubled, again)[0] as Value, 'y');
    const optimized = optimize(b.build());
    expect(optimized.nodes.map(({ op }) => op)).toEqual(['Mul', 'If']);
    const read = loadModel(readModel(writeModel(model(optimized))));
    expect(read.value('y').shape).toEqual([2]);
    const session = await (await nodeRuntime()).load(model(optimized));
    const run = async (holds: number) => {
      const cond = scalar('bool', holds);
      const { y } = await session.run({ x: tensor('float32', [2], [1, 3]), cond });
      return [...(y?.data ?? [])];
    };
    expect([await run(1), await run(0)]).toEqual([
      [4, 36],
      [2, 6],
    ]);
  });
});

describe('Loop and Scan', () => {
  it('a value of the body that is called as a constant around it is not that constant', () => {
    const b = builder();
    b.initializer('sizes', tensor('int64', [1], [3]));
    const first = b.input('first', 'int64', [1]);
    const nodes = [
      node('Identity', ['go'], 'on'),
      node('Identity', ['sizes'], 'next'),
      node('ConstantOfShape', ['sizes'], 'made'),
    ];
    const body = graph('body', ['i', 'go', 'sizes'], nodes, ['on', 'next', 'made']);
    const once = b.constant(scalar('int64', 1));
    const made = b.node('Loop', [once, null, first], { body }, { count: 2 })[1];
    expect(made?.shape).toEqual([1, 'sizes[0]']);
  });

  it.each([10, 2n ** 63n - 1n])(
    'a loop of at most %s runs that its body may end has as many rows as a run tells',
    async (most) => {
      const b = builder();
      const v = b.input('v', 'float32', []);
      const limit = b.constant(scalar('float32', 2));
      const one = b.constant(scalar('float32', 1));
      const nodes = [
        node('Less', ['while/v', limit.name], 'while/on'),
        node('Add', ['while/v', one.name], 'while/next'),
        node('Identity', ['while/v'], 'while/was'),
      ];
      const body = {
        ...graph('while', [], nodes, ['while/on', 'while/next', 'while/was']),
        inputs: [
          { name: 'while/i', dtype: 'int64', shape: [] },
          { name: 'while/go', dtype: 'bool', shape: [] },
          { name: 'while/v', dtype: 'float32', shape: [] },
        ],
      };
      const times = b.constant(scalar('int64', most));
      const go = b.constant(scalar('bool', 1));
      const rows = b.node('Loop', [times, go, v], { body }, { count: 2 })[1] as Value;
      expect(rows.shape).toEqual(['loop(while)']);
      b.output(rows, 'rows');
      const session = await (await nodeRuntime()).load(model(b.build()), { optimize: false });
      const results = await session.run({ v: scalar('float32', 0) });
      expect(results['rows']?.dims).toEqual([3]);
    },
  );

  const body = (nodes: readonly Node[], outputs: readonly string[]): Graph =>
    graph('body', ['i', 'go', 'v'], nodes, outputs);

  it('count the rows that they collect, and name what a run changes', () => {
    const b = builder();
    const v = b.input('v', 'float32', [2, 3]);
    const times = b.input('times', 'int64', []);
    const collect = body(
      [node('Identity', ['go'], 'on'), node('Relu', ['v'], 'w'), node('Neg', ['v'], 'n')],
      ['on', 'w', 'n'],
    );
    const loop = (count: Value | null) =>
      b.node('Loop', [count, null, v], { body: collect }, { count: 2 });
    expect(typed(loop(times)).map(({ shape }) => shape)).toEqual([
      [2, 3],
      ['loop(body)', 2, 3],
    ]);
    expect(loop(b.constant(scalar('int64', 5)))[1]?.shape).toEqual([5, 2, 3]);
    const grow = body(
      [
        node('Identity', ['go'], 'on'),
        { ...node('Concat', ['v', 'v'], 'w'), attributes: { axis: { type: 'int', value: 0 } } },
      ],
      ['on', 'w'],
    );
    expect(b.node('Loop', [times, null, v], { body: grow })[0]?.shape).toEqual([
      'loop(body)[0][0]',
      3,
    ]);
  });

  it('say what does not fit', () => {
    const b = builder();
    const v = b.input('v', 'float32', [2, 3]);
    const long = b.input('long', 'float32', [5, 3]);
    const sum = graph('sum', ['x', 'y'], [node('Add', ['x', 'y'], 'z')], ['z']);
    const scan = (count: number) =>
      b.node('Scan', [v, long], { body: sum, num_scan_inputs: count });
    expect(() => scan(3)).toThrow(/num_scan_inputs must be from 1 to 2, got 3/);
    expect(() => scan(2)).toThrow(/lengths of the sequences differ: 2 against 5/);
    const missing = graph('sum', ['x'], [node('Neg', ['nowhere'], 'z')], ['z']);
    expect(() => b.node('Scan', [v], { body: missing, num_scan_inputs: 1 })).toThrow(
      /unknown value "nowhere"/,
    );
  });
});

it('graphs in graphs are read to a depth, not for ever', () => {
  const least = graph('least', [], [node('Identity', ['x'], 'y')], ['y']);
  let inner = least;
  for (let depth = 0; depth < 40; depth++) {
    const attributes = {
      then_branch: { type: 'graph', value: least },
      else_branch: { type: 'graph', value: inner },
    } as const;
    inner = graph(
      `of ${depth}`,
      [],
      [{ ...node('If', ['cond'], `y${depth}`), attributes }],
      [`y${depth}`],
    );
  }
  const b = builder();
  b.input('x', 'float32', [1]);
  const cond = b.input('cond', 'bool', []);
  expect(() => b.node('If', [cond], { then_branch: least, else_branch: inner })).toThrow(
    /lies in 12 others: no more are read/,
  );
});
