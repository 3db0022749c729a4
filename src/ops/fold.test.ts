import { describe, expect, it } from 'vitest';
import { differentiate } from '../autodiff/differentiate.js';
import type { Attribute, Graph, Node } from '../graph/graph.js';
import { model } from '../graph/graph.js';
import { readModel } from '../onnx/read.js';
import { writeModel } from '../onnx/write.js';
import { nodeRuntime } from '../runtime/node.js';
import { float32ToFloat16 } from '../tensor/float16.js';
import { type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import { foldInitializers } from './fold.js';
import { loadModel } from './load.js';

const node = (
  op: string,
  inputs: string[],
  output: string,
  attributes: Node['attributes'] = {},
): Node => ({ name: output, op, domain: '', inputs, outputs: [output], attributes });
const value = (data: Tensor): Attribute => ({ type: 'tensor', value: data });
const list = (...values: number[]): Tensor => tensor('int64', [values.length], values);
const matrix = tensor('float32', [2, 3], [1, 2, 3, 4, 5, 6]);

/** Sums of x times a weight that `nodes` make under the name w. */
function graph(nodes: Node[], initializers: Record<string, Tensor> = {}): Graph {
  return {
    name: 'g',
    inputs: [{ name: 'x', dtype: 'float32', shape: [1, 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [] }],
    nodes: [
      ...nodes,
      node('MatMul', ['x', 'w'], 'h'),
      node('ReduceSum', ['h'], 'y', { keepdims: { type: 'int', value: 0 } }),
    ],
    initializers: new Map(Object.entries(initializers)),
    values: new Map(),
  };
}

const weights: Record<string, [Graph, number[]]> = {
  Constant: [graph([node('Constant', [], 'w', { value: value(matrix) })]), [1, 2, 3, 4, 5, 6]],
  ConstantOfShape: [
    graph([
      node('Constant', [], 's', { value: value(list(2, 3)) }),
      node('ConstantOfShape', ['s'], 'w', { value: value(tensor('float32', [1], [0.5])) }),
    ]),
    Array(6).fill(0.5),
  ],
  Identity: [graph([node('Identity', ['v'], 'w')], { v: matrix }), [1, 2, 3, 4, 5, 6]],
  'Cast of float16': [
    graph([node('Cast', ['v'], 'w', { to: { type: 'int', value: 1 } })], {
      v: tensor('float16', [2, 3], float32ToFloat16(matrix.data)),
    }),
    [1, 2, 3, 4, 5, 6],
  ],
  'Cast of integers': [
    graph([node('Cast', ['v'], 'w', { to: { type: 'int', value: 1 } })], {
      v: tensor('int8', [2, 3], [1, -2, 3, 4, 5, 6]),
    }),
    [1, -2, 3, 4, 5, 6],
  ],
  Reshape: [
    graph([node('Reshape', ['v', 's'], 'w')], { v: { ...matrix, dims: [6] }, s: list(2, -1) }),
    [1, 2, 3, 4, 5, 6],
  ],
  Transpose: [
    graph([node('Transpose', ['v'], 'w')], { v: { ...matrix, dims: [3, 2] } }),
    [1, 3, 5, 2, 4, 6],
  ],
  'a chain': [
    graph(
      [
        node('Squeeze', ['t', 'one'], 'w'),
        node('Transpose', ['u'], 't', { perm: { type: 'ints', value: [2, 1, 0] } }),
        node('Unsqueeze', ['v', 'one'], 'u'),
      ],
      { v: { ...matrix, dims: [3, 2] }, one: list(1) },
    ),
    [1, 3, 5, 2, 4, 6],
  ],
};

describe('a weight that arrives through', () => {
  it.each(Object.entries(weights))('%s is an initializer', async (_, [source, expected]) => {
    const folded = foldInitializers(source);
    expect([...folded.initializers.keys()]).toEqual(['w']);
    expect(folded.nodes.map(({ op }) => op)).toEqual(['MatMul', 'ReduceSum']);
    const w = folded.initializers.get('w');
    expect(w).toMatchObject({ dtype: 'float32', dims: [2, 3] });
    expect(toNumbers(w as Tensor)).toEqual(expected);
    const feeds = { x: tensor('float32', [1, 2], [1, 10]) };
    const run = async (given: Graph) => (await (await nodeRuntime()).load(model(given))).run(feeds);
    expect(await run(folded)).toEqual(await run(source));
  });

  it.each(Object.entries(weights))('%s can be trained', (_, [source]) => {
    expect(
      loadModel(model(source), { trainable: (name) => name === 'w' }).parameters.has('w'),
    ).toBe(true);
    const { graph: step, gradients } = differentiate(source, { loss: 'y', with: ['w'] });
    expect(step.initializers.has('w')).toBe(true);
    expect(step.outputs.map(({ name }) => name)).toContain(gradients.w);
  });
});

describe('foldInitializers', () => {
  it('leaves what depends on an input, and what is trained itself', () => {
    const source = graph([node('Transpose', ['v'], 'w')], { v: { ...matrix, dims: [3, 2] } });
    expect(foldInitializers(source, { keep: (name) => name === 'v' })).toEqual(source);
    const { parameters, nodes } = loadModel(model(source), { trainable: () => true });
    expect([...parameters.keys()]).toEqual(['v']);
    expect(nodes).toHaveLength(3);
  });

  it('copies a weight that several nodes read, and keeps one that is read elsewhere', () => {
    const shared = graph([node('Identity', ['v'], 'w'), node('Identity', ['v'], 'u')], {
      v: matrix,
    });
    const outputs = [
      ...shared.outputs,
      ...['u', 'v'].map((name) => ({ name, dtype: null, shape: null })),
    ];
    const { initializers, nodes } = foldInitializers({ ...shared, outputs });
    expect([...initializers.keys()]).toEqual(['v', 'w', 'u']);
    expect(nodes).toHaveLength(2);
  });

  it('leaves nodes that cannot be computed, for loading to tell why', () => {
    const wrong = graph([node('Reshape', ['v', 's'], 'w')], { v: matrix, s: list(4) });
    expect(foldInitializers(wrong)).toEqual(wrong);
    expect(() => loadModel(model(wrong))).toThrow(/Reshape at node "w".*number of elements/);
    const huge = graph([node('ConstantOfShape', ['s'], 'w')], { s: list(2 ** 20, 2 ** 20) });
    expect(foldInitializers(huge)).toEqual(huge);
  });

  it('is no part of reading: an untouched model is written as it was', () => {
    const bytes = writeModel(model(weights['Constant']?.[0] as Graph));
    expect(writeModel(readModel(bytes))).toEqual(bytes);
    expect(readModel(bytes).graph.nodes[0]?.op).toBe('Constant');
  });
});
