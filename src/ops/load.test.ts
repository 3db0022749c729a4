import { describe, expect, it } from 'vitest';
import { differentiate } from '../autodiff/differentiate.js';
import { ModelError, OperatorError, ShapeError } from '../errors.js';
import type { Graph, Node } from '../graph/graph.js';
import { model } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import { tensor } from '../tensor/tensor.js';
import { inferShapes, loadModel } from './load.js';

const node = (
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Node['attributes'] = {},
) => ({
  name: `${op} of ${outputs[0]}`,
  op,
  domain: '',
  inputs,
  outputs,
  attributes,
});

function graph(nodes: Node[], output = 'y'): Graph {
  return {
    name: 'old',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 4] }],
    outputs: [{ name: output, dtype: null, shape: null }],
    nodes,
    initializers: new Map(),
    values: new Map(),
  };
}

describe('files of older operator sets', () => {
  const old = graph([
    node('Split', ['x'], ['left', 'right'], { axis: { type: 'int', value: 1 } }),
    node('Mul', ['left', 'right'], ['product']),
    node('ReduceMean', ['product'], ['y'], {
      axes: { type: 'ints', value: [0, 1] },
      keepdims: { type: 'int', value: 0 },
    }),
  ]);

  it('are differentiated into a model that runs', async () => {
    const source = model(old, {}, 13);
    const { model: made, gradients } = differentiate(source, {
      loss: 'y',
      with: ['x'],
      dimensions: { batch: 1 },
    });
    expect(made.opsets).toEqual({ '': 18 });
    const session = await (await nodeRuntime()).load(made);
    const results = await session.run({ x: tensor('float32', [1, 4], [1, 2, 3, 4]) });
    expect(results['y']?.data[0]).toBeCloseTo((1 * 3 + 2 * 4) / 2);
    expect(Array.from(results[gradients.x]?.data as Float32Array)).toEqual([1.5, 2, 0.5, 1]);
  });

  it('are refused where operators meant something else', () => {
    const flattening = graph([node('Softmax', ['x'], ['y'])]);
    expect(() => loadModel(model(flattening, {}, 12))).toThrow(ModelError);
    expect(() => loadModel(model(flattening, {}, 12))).toThrow(/operator set 12.*13 and later/);
  });

  it('and newer ones keep theirs', () => {
    const plain = graph([
      node('ReduceMean', ['x'], ['y'], { keepdims: { type: 'int', value: 0 } }),
    ]);
    const { model: made } = differentiate(model(plain, {}, 21), {
      loss: 'y',
      with: ['x'],
      dimensions: { batch: 1 },
    });
    expect(made.opsets).toEqual({ '': 21 });
  });
});

describe('what cannot be loaded', () => {
  it('names an operator that is not known, and its node', () => {
    const unknown = graph([node('Frobnicate', ['x'], ['y'])]);
    expect(() => inferShapes(unknown)).toThrow(OperatorError);
    expect(() => inferShapes(unknown)).toThrow(
      /unsupported operator Frobnicate at node "Frobnicate of y"/,
    );
  });

  it('names the node where shapes do not fit, with the shapes', () => {
    const misfit = graph([node('MatMul', ['x', 'x'], ['y'])]);
    const load = () => loadModel(model(misfit), { dimensions: { batch: 3 } });
    expect(load).toThrow(ShapeError);
    expect(load).toThrow(/MatMul at node "MatMul of y".*\[3, 4\]/s);
  });
});
