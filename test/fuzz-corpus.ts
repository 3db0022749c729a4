/** Small whole models to be damaged: every case of every operator, and what exporters write beside. */
import { type Graph, type Model, model, type Node } from '../src/graph/graph.js';
import { writeModel } from '../src/onnx/write.js';
import { builder } from '../src/ops/builder.js';
import type { Case, Op } from '../src/ops/op.js';
import { ops } from '../src/ops/table.js';
import { sizeOf } from '../src/tensor/shape.js';
import { scalar, tensor } from '../src/tensor/tensor.js';

/** The bytes of all of them. */
export function corpus(): Uint8Array[] {
  const entries = Object.entries(ops) as [string, Op][];
  const cases = entries.flatMap(([name, op]) => op.cases.map((each) => caseModel(name, each)));
  return [...cases, exported(), branching()].map(writeModel);
}

/** One operator on inputs of the graph, its fixed inputs as initializers. */
function caseModel(name: string, testCase: Case<unknown>): Model {
  const b = builder();
  const inputs = testCase.inputs.map((input, i) => {
    if (input === null) return null;
    if ('fixed' in input) return b.initializer(`c${i}`, input.fixed);
    const shape = 'shape' in input ? input.shape : input;
    return b.input(`x${i}`, 'float32', shape.length > 1 ? ['batch', ...shape.slice(1)] : shape);
  });
  const count = testCase.outputs ?? 1;
  const attributes = (testCase.attributes ?? {}) as Record<string, unknown>;
  try {
    for (const output of b.node(name, inputs, attributes, { count })) b.output(output);
  } catch {
    // Not every case can have its first dimension unknown.
    return staticModel(name, testCase);
  }
  return model(b.build(name));
}

function staticModel(name: string, testCase: Case<unknown>): Model {
  const b = builder();
  const inputs = testCase.inputs.map((input, i) => {
    if (input === null) return null;
    if ('fixed' in input) return b.constant(input.fixed);
    return b.input(`x${i}`, 'float32', 'shape' in input ? input.shape : input);
  });
  const attributes = (testCase.attributes ?? {}) as Record<string, unknown>;
  for (const output of b.node(name, inputs, attributes, { count: testCase.outputs ?? 1 }))
    b.output(output);
  return model(b.build(name));
}

/** A classifier with the shape arithmetic of exporters, its weight behind Transpose and Cast, inputs with defaults. */
function exported(): Model {
  const b = builder();
  const x = b.input('image', 'float32', ['batch', 3, 'height', 4]);
  const shape = b.Shape(x);
  const batch = b.Unsqueeze(b.Gather(shape, b.constant(scalar('int64', 0)), { axis: 0 }), [0]);
  const rows = b.Reshape(x, b.Concat(b.Slice(shape, [0], [1]), [-1, 4], { axis: 0 }));
  const half = b.initializer('half', tensor('float16', [5, 4], new Uint16Array(20).fill(0x3c00)));
  const weight = b.Transpose(b.Cast(half, { to: 1 }), { perm: [1, 0] });
  const y = b.Softmax(b.MatMul(rows, weight), { axis: -1 });
  b.output(b.Reshape(y, b.Concat(batch, [15, -1], { axis: 0 })), 'scores');
  b.output(b.Pad(b.Clip(b.ReduceMean(x, [2, 3]), -1, 1), [0, 1, 0, 0, 0, 0, 2, 0]), 'means');
  const made = b.build('exported');
  const note = tensor('string', [2], ['cat', 'dog']);
  const graph = { ...made, initializers: new Map([...made.initializers, ['note', note]]) };
  const source = model(graph, { classes: '["cat", "dog"]' }, 13);
  return { ...source, irVersion: 3 };
}

/** A condition with a graph for each outcome, nodes of another domain, and every type of attribute. */
function branching(): Model {
  const value = (name: string) => ({ name, dtype: 'float32' as const, shape: ['n', 3] });
  const node = (op: string, inputs: string[], outputs: string[]): Node => ({
    name: outputs[0] ?? '',
    op,
    domain: '',
    inputs,
    outputs,
    attributes: {},
  });
  const branch = (output: string, nodes: Node[]): Graph => ({
    name: output,
    inputs: [],
    outputs: [value(output)],
    nodes,
    initializers: new Map([[`${output}w`, tensor('float32', [3], [1, 2, 3])]]),
    values: new Map(),
  });
  const graph: Graph = {
    name: 'branching',
    inputs: [{ name: 'c', dtype: 'bool', shape: [] }, value('x')],
    outputs: [value('y'), value('z')],
    nodes: [
      {
        ...node('If', ['c'], ['y']),
        attributes: {
          then_branch: { type: 'graph', value: branch('t', [node('Mul', ['x', 'tw'], ['t'])]) },
          else_branch: { type: 'graph', value: branch('e', [node('Clip', ['x'], ['e'])]) },
        },
      },
      {
        ...node('Twist', ['x', '', 'y'], ['z', '']),
        domain: 'com.example',
        attributes: {
          a: { type: 'int', value: 2 ** 53 },
          b: { type: 'floats', value: [0.5, 1] },
          c: { type: 'strings', value: ['é', ''] },
          d: { type: 'tensor', value: tensor('int8', [2], [1, -1]) },
        },
      },
    ],
    initializers: new Map([['spare', tensor('bool', [sizeOf([2])], [1, 0])]]),
    values: new Map(),
  };
  return { ...model(graph, {}, 11), opsets: { '': 11, 'com.example': 1 } };
}
