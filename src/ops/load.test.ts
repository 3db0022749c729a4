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

  it('are refused before 7 and after 22', () => {
    const plain = graph([node('Relu', ['x'], ['y'])]);
    for (const opset of [6, 23]) {
      expect(() => loadModel(model(plain, {}, opset))).toThrow(ModelError);
      expect(() => loadModel(model(plain, {}, opset))).toThrow(
        new RegExp(`unsupported operator set ${opset}, supported are 7 to 22`),
      );
    }
  });

  it('and a form without a present equal is refused by name', () => {
    const scan = graph([node('Scan', ['', 'x'], ['y'])]);
    expect(() => loadModel(model(scan, {}, 8))).toThrow(OperatorError);
    expect(() => loadModel(model(scan, {}, 8))).toThrow(
      /Scan of operator set 8 at node "Scan of y"/,
    );
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

describe('the order of nodes', () => {
  it('may be any', () => {
    const backwards = graph([
      node('Relu', ['h'], ['y']),
      node('Neg', ['g'], ['h']),
      node('Exp', ['x'], ['g']),
    ]);
    expect(loadModel(model(backwards)).nodes.map(({ op }) => op)).toEqual(['Exp', 'Neg', 'Relu']);
  });

  it('is none where nodes wait for each other', () => {
    const cyclic = graph([node('Add', ['x', 'h'], ['y']), node('Neg', ['y'], ['h'])]);
    expect(() => loadModel(model(cyclic))).toThrow(ModelError);
    expect(() => loadModel(model(cyclic))).toThrow(/cyclic graph: Add at node "Add of y" waits/);
  });

  it('is found for chains as long as the file', () => {
    const count = 20_000;
    const chain = Array.from({ length: count }, (_, i) =>
      node('Relu', [i === count - 1 ? 'x' : `v${i + 1}`], [i === 0 ? 'y' : `v${i}`]),
    );
    expect(loadModel(model(graph(chain))).nodes).toHaveLength(count);
  });
});

describe('operators of other domains', () => {
  it('keep their operator set through differentiation', () => {
    const source = graph([
      node('ReduceSum', ['x'], ['y'], { keepdims: { type: 'int', value: 0 } }),
    ]);
    const foreign = { ...model(source), opsets: { '': 18, 'com.example': 3 } };
    const options = { loss: 'y', with: ['x'], dimensions: { batch: 2 } };
    expect(differentiate(foreign, options).model.opsets).toEqual({ '': 18, 'com.example': 3 });
  });
});

describe('what cannot be loaded', () => {
  it('names a value that nothing makes, and who needs it', () => {
    const missing = graph([node('Add', ['x', 'w'], ['y'])]);
    expect(() => inferShapes(missing)).toThrow(ModelError);
    expect(() => inferShapes(missing)).toThrow(
      /missing value "w": Add at node "Add of y" needs it/,
    );
    expect(() => inferShapes(graph([], 'z'))).toThrow(/missing value "z": it is an output/);
  });

  it('takes names for names, also those of JavaScript', () => {
    const unknown = graph([node('constructor', ['x'], ['y'])]);
    expect(() => inferShapes(unknown)).toThrow(/unsupported operator constructor/);
    const named = graph([node('Relu', ['x'], ['y'])]);
    const inputs = [{ name: 'x', dtype: 'float32' as const, shape: ['toString'] }];
    const types = inferShapes({ ...named, inputs }, { dimensions: { batch: 1 } });
    expect(types.get('y')?.shape).toEqual(['toString']);
  });

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
