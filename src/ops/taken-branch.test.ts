import { describe, expect, it } from 'vitest';
import { differentiate } from '../autodiff/differentiate.js';
import type { Attribute, Graph, Node } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import { scalar, tensor, toNumbers } from '../tensor/tensor.js';
import { builder } from './builder.js';
import { load } from './load.js';

/** A branch that multiplies the outer `x`, by names that both branches and both nodes share. */
function branch(factor: number): Attribute {
  const multiply: Node = {
    ...{ name: 'multiply', op: 'Mul', domain: '', attributes: {} },
    ...{ inputs: ['x', 'factor'], outputs: ['scaled'] },
  };
  const graph: Graph = {
    ...{ name: `times ${factor}`, inputs: [], values: new Map() },
    nodes: [multiply],
    outputs: [{ name: 'scaled', dtype: null, shape: null }],
    initializers: new Map([['factor', scalar('float32', factor)]]),
  };
  return { type: 'graph', value: graph };
}

const choice = (condition: string, output: string): Node => ({
  ...{ name: output, op: 'If', domain: '', inputs: [condition], outputs: [output] },
  attributes: { then_branch: branch(2), else_branch: branch(5) },
});

/** loss = sum over x of both choices; `isThree` is computed from the shape of x, `isFed` is an input. */
function network(second: 'isThree' | 'isOne' | 'isFed'): Graph {
  const b = builder();
  const x = b.input('x', 'float32', ['n']);
  if (second === 'isFed') b.input('isFed', 'bool', []);
  const size = b.Shape(x);
  b.node('Equal', [size, b.constant(tensor('int64', [1], [3]))], {}, { outputs: ['isThree'] });
  b.node('Equal', [size, b.constant(tensor('int64', [1], [1]))], {}, { outputs: ['isOne'] });
  b.node('Identity', [x], {}, { outputs: ['a'] });
  b.node('Identity', [x], {}, { outputs: ['c'] });
  b.output(b.ReduceSum(b.Add(b.value('a'), b.value('c')), null, { keepdims: 0 }), 'loss');
  const graph = b.build();
  const nodes = graph.nodes.map((node) => {
    if (node.outputs[0] === 'a') return choice('isThree', 'a');
    return node.outputs[0] === 'c' ? choice(second, 'c') : node;
  });
  return { ...graph, nodes };
}

describe('an If whose condition is known', () => {
  it('becomes its branch, which is differentiated', async () => {
    const dimensions = { n: 3 };
    const made = differentiate(network('isOne'), { loss: 'loss', with: ['x'], dimensions });
    const session = await (await nodeRuntime()).load(made.model, { threads: 1 });
    const results = await session.run({ x: tensor('float32', [3], [1, 2, 3]) });
    const numbers = (name: string): number[] => {
      const result = results[name];
      return result ? toNumbers(result) : [];
    };
    expect(numbers('loss')).toEqual([6 * (2 + 5)]);
    expect(numbers(made.gradients.x)).toEqual([7, 7, 7]);
  });

  it('keeps every value of the outer graph by its name', () => {
    const { nodes, values } = load(network('isThree'), { dimensions: { n: 3 } });
    expect(nodes.map(({ op }) => op)).not.toContain('If');
    for (const name of ['a', 'c', 'loss']) expect(values.has(name), name).toBe(true);
  });

  it('stays where only a run knows the condition', () => {
    const ops = (graph: Graph, dimensions: Record<string, number>): string[] =>
      load(graph, { dimensions })
        .nodes.map(({ op }) => op)
        .filter((op) => op === 'If');
    expect(ops(network('isFed'), { n: 3 })).toEqual(['If']);
    expect(ops(network('isOne'), {})).toEqual(['If', 'If']);
  });
});

it.each([
  ['known', scalar('bool', 1)],
  ['fed', null],
])('a name inside a branch may be one that the graph gives later, the condition %s', (_, known) => {
  const b = builder();
  b.input('x', 'float32', [2]);
  if (!known) b.input('condition', 'bool', []);
  const graph = b.build();
  const tanh: Node = {
    ...{ name: 'tanh', op: 'Tanh', domain: '', attributes: {} },
    ...{ inputs: ['chosen'], outputs: ['scaled'] },
  };
  const made = load({
    ...graph,
    nodes: [choice('condition', 'chosen'), tanh],
    outputs: [{ name: 'scaled', dtype: 'float32', shape: [2] }],
    initializers: new Map(known ? [['condition', known]] : []),
  });
  expect(made.outputs).toEqual([{ name: 'scaled', dtype: 'float32', shape: [2] }]);
  expect(made.nodes.at(-1)).toMatchObject({ op: 'Tanh', inputs: ['chosen'] });
});
