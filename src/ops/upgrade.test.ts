/** Files of older operator sets, as ONNX Runtime runs them, against what loading makes of them. */
import { describe, expect, it } from 'vitest';
import type { Attribute, Graph, Node } from '../graph/graph.js';
import { model } from '../graph/graph.js';
import { readModel } from '../onnx/read.js';
import { writeModel } from '../onnx/write.js';
import { nodeRuntime } from '../runtime/node.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import { loadModel } from './load.js';

const runtime = await nodeRuntime();

const int = (value: number): Attribute => ({ type: 'int', value });
const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const float = (value: number): Attribute => ({ type: 'float', value });
const floats = (...value: number[]): Attribute => ({ type: 'floats', value });
const text = (value: string): Attribute => ({ type: 'string', value });
const list = (...values: number[]): Tensor => tensor('int64', [values.length], values);
const reals = (...values: number[]): Tensor => tensor('float32', [values.length], values);

/** Numbers between -1 and 1 without a pattern, from `from` on. */
const wave = (dims: readonly number[], from = 0): Tensor =>
  tensor(
    'float32',
    dims,
    Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(1.7 * (i + from) + 0.3)),
  );

interface Old {
  readonly opset: number;
  readonly op: string;
  readonly x: readonly number[];
  readonly attributes?: Node['attributes'];
  /** The inputs after the first. */
  readonly constants?: readonly (Tensor | null)[];
  readonly outputs?: number;
  /** Whether only the first output has numbers to compare: older sets leave open what a mask holds. */
  readonly masked?: boolean;
}

/** A model of one node, its inputs `x` and constants. */
function modelOf({ opset, op, x, attributes = {}, constants = [], outputs = 1 }: Old) {
  const names = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const graph: Graph = {
    name: op,
    inputs: [{ name: 'x', dtype: 'float32', shape: x }],
    outputs: names.map((name) => ({ name, dtype: null, shape: null })),
    nodes: [
      {
        name: 'n',
        op,
        domain: '',
        inputs: ['x', ...constants.map((data, i) => (data ? `c${i}` : ''))],
        outputs: names,
        attributes,
      },
    ],
    initializers: new Map(constants.flatMap((data, i) => (data ? [[`c${i}`, data] as const] : []))),
    values: new Map(),
  };
  // IR version 4 is the first whose initializers need not be inputs.
  return { ...model(graph, {}, opset), irVersion: opset < 9 ? 4 : 8 };
}

const changed: readonly Old[] = [
  { opset: 7, op: 'Clip', x: [2, 3], attributes: { min: float(-0.5), max: float(0.25) } },
  { opset: 10, op: 'Clip', x: [2, 3], attributes: { max: float(0.25) } },
  { opset: 10, op: 'Clip', x: [2, 3], attributes: { min: float(0) } },
  { opset: 7, op: 'Clip', x: [2, 3] },
  { opset: 11, op: 'Squeeze', x: [1, 3, 1], attributes: { axes: ints(-1) } },
  { opset: 7, op: 'Squeeze', x: [1, 3, 1] },
  { opset: 12, op: 'Unsqueeze', x: [2, 3], attributes: { axes: ints(0, -1) } },
  { opset: 7, op: 'Unsqueeze', x: [2, 3], attributes: { axes: ints(1) } },
  { opset: 11, op: 'ReduceSum', x: [2, 3, 2], attributes: { axes: ints(1), keepdims: int(0) } },
  { opset: 7, op: 'ReduceSum', x: [2, 3, 2] },
  ...['ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceProd'].map((op) => ({
    opset: 13,
    op,
    x: [2, 3, 2],
    attributes: { axes: ints(-1, 0) },
  })),
  ...['ReduceSumSquare', 'ReduceLogSumExp', 'ReduceMean'].map((op) => ({
    opset: 7,
    op,
    x: [2, 3, 2],
    attributes: { axes: ints(0, 2), keepdims: int(0) },
  })),
  {
    opset: 9,
    op: 'Slice',
    x: [4, 5],
    attributes: { starts: ints(1, -3), ends: ints(3, 2 ** 31 - 1), axes: ints(0, 1) },
  },
  { opset: 7, op: 'Slice', x: [4, 5], attributes: { starts: ints(1), ends: ints(99) } },
  {
    opset: 9,
    op: 'Pad',
    x: [2, 3],
    attributes: { pads: ints(1, 0, 0, 2), value: float(0.5), mode: text('constant') },
  },
  { opset: 7, op: 'Pad', x: [2, 3], attributes: { pads: ints(1, 2, 0, 1), mode: text('reflect') } },
  { opset: 10, op: 'Pad', x: [2, 3], attributes: { pads: ints(0, 1, 1, 0), mode: text('edge') } },
  { opset: 11, op: 'Split', x: [6, 2], attributes: { split: ints(1, 5) }, outputs: 2 },
  { opset: 7, op: 'Split', x: [2, 6], attributes: { axis: int(1) }, outputs: 3 },
  { opset: 13, op: 'Split', x: [6, 2], constants: [list(4, 2)], outputs: 2 },
  { opset: 17, op: 'Split', x: [6, 2], outputs: 2 },
  { opset: 7, op: 'TopK', x: [3, 5], attributes: { k: int(2) }, outputs: 2 },
  { opset: 9, op: 'TopK', x: [3, 5], attributes: { k: int(2), axis: int(0) }, outputs: 2 },
  { opset: 10, op: 'TopK', x: [3, 5], constants: [list(3)], outputs: 2 },
  {
    opset: 10,
    op: 'Scatter',
    x: [3, 3],
    constants: [tensor('int64', [1, 2], [1, 0]), tensor('float32', [1, 2], [5, 6])],
    attributes: { axis: int(1) },
  },
  ...(['Softmax', 'LogSoftmax'] as const).flatMap((op): Old[] => [
    { opset: 12, op, x: [2, 3] },
    { opset: 7, op, x: [2, 3, 2] },
    { opset: 11, op, x: [2, 3, 2], attributes: { axis: int(0) } },
    { opset: 11, op, x: [2, 3, 4], attributes: { axis: int(-1) } },
    { opset: 9, op, x: [2, 5, 1, 1] },
    { opset: 9, op, x: [2, 1, 1], attributes: { axis: int(1) } },
    { opset: 9, op, x: [2, 1, 5, 1], attributes: { axis: int(1) } },
  ]),
  ...[7, 9].map(
    (opset): Old => ({
      opset,
      op: 'BatchNormalization',
      x: [2, 3, 2],
      constants: [wave([3], 1), wave([3], 2), wave([3], 3), reals(0.5, 1, 2)],
      attributes: { epsilon: float(0.1) },
    }),
  ),
  {
    opset: 7,
    op: 'BatchNormalization',
    x: [2, 3, 2],
    constants: [
      wave([3, 2], 1),
      wave([3, 2], 2),
      wave([3, 2], 3),
      tensor('float32', [3, 2], [0.5, 1, 2, 3, 0.1, 0.2]),
    ],
    attributes: { spatial: int(0) },
  },
  { opset: 7, op: 'Dropout', x: [2, 3], attributes: { ratio: float(0.7) } },
  { opset: 10, op: 'Dropout', x: [2, 3], outputs: 2, masked: true },
  {
    opset: 7,
    op: 'Upsample',
    x: [1, 2, 2, 3],
    attributes: { mode: text('nearest'), scales: floats(1, 1, 2, 3) },
  },
  {
    opset: 8,
    op: 'Upsample',
    x: [1, 1, 3, 2],
    attributes: { mode: text('linear'), scales: floats(1, 1, 2, 2) },
  },
  {
    opset: 9,
    op: 'Upsample',
    x: [1, 2, 2, 3],
    constants: [reals(1, 1, 2.5, 1.5)],
    attributes: { mode: text('nearest') },
  },
  ...[
    [1, 1, 2, 1.5],
    [1, 1, 0.6, 0.4],
    [1, 1, 0.6, 1.5],
  ].flatMap((scales) =>
    ['nearest', 'linear'].map(
      (mode): Old => ({
        opset: 10,
        op: 'Resize',
        x: [1, 2, 5, 4],
        constants: [reals(...scales)],
        attributes: { mode: text(mode) },
      }),
    ),
  ),
  {
    opset: 11,
    op: 'Resize',
    x: [1, 1, 2, 3],
    constants: [reals(), reals(), list(1, 1, 4, 5)],
    attributes: { mode: text('linear'), coordinate_transformation_mode: text('align_corners') },
  },
  {
    opset: 11,
    op: 'Resize',
    x: [1, 1, 2, 3],
    constants: [reals(), reals(1, 1, 2, 2)],
    attributes: { mode: text('nearest') },
  },
  ...[18, 20].map(
    (opset): Old => ({
      opset,
      op: 'GroupNormalization',
      x: [2, 4, 3],
      constants: [reals(0.5, 2), reals(1, -1)],
      attributes: { num_groups: int(2), epsilon: float(0.01) },
    }),
  ),
  {
    opset: 21,
    op: 'GroupNormalization',
    x: [2, 4, 3],
    constants: [reals(0.5, 2, 1, 3), reals(1, -1, 0, 2)],
    attributes: { num_groups: int(2) },
  },
  {
    opset: 16,
    op: 'GridSample',
    x: [1, 1, 3, 3],
    constants: [wave([1, 2, 2, 2])],
    attributes: { mode: text('bilinear') },
  },
  {
    opset: 20,
    op: 'GridSample',
    x: [1, 1, 3, 3],
    constants: [wave([1, 2, 2, 2])],
    attributes: { mode: text('linear') },
  },
  {
    opset: 7,
    op: 'AveragePool',
    x: [1, 1, 5, 5],
    attributes: { kernel_shape: ints(3, 3), pads: ints(1, 1, 1, 1), count_include_pad: int(1) },
  },
  {
    opset: 8,
    op: 'MaxPool',
    x: [1, 1, 5, 5],
    attributes: { kernel_shape: ints(2, 2), strides: ints(2, 2), auto_pad: text('SAME_UPPER') },
  },
  { opset: 11, op: 'ArgMax', x: [2, 3], attributes: { axis: int(1) } },
  { opset: 9, op: 'Cast', x: [2, 3], attributes: { to: int(7) } },
  { opset: 19, op: 'Cast', x: [2, 3], attributes: { to: int(9) } },
  { opset: 7, op: 'Gemm', x: [2, 3], constants: [wave([3, 2]), reals(1, 2)] },
  { opset: 9, op: 'PRelu', x: [2, 3], constants: [reals(0.1, 0.2, 0.3)] },
];

async function outputsOf(source: ReturnType<typeof modelOf>) {
  const session = await runtime.load(source, { optimize: false });
  const [x] = source.graph.inputs;
  return session.run({ x: wave(x?.shape as readonly number[]) });
}

describe('an operator of an older set', () => {
  it.each(changed.map((old) => [`${old.op} ${old.opset}`, old] as const))('%s', async (_, old) => {
    const source = readModel(writeModel(modelOf(old)));
    const b = loadModel(source);
    const expected = await outputsOf(source);
    const actual = await outputsOf(model(b.build(), {}, b.opset));
    source.graph.outputs.forEach(({ name }, i) => {
      const [want, got] = [expected[name] as Tensor, actual[name] as Tensor];
      expect(b.value(name)).toMatchObject({ dtype: want.dtype, shape: want.dims });
      expect(got.dims).toEqual(want.dims);
      if (i > 0 && old.masked) return;
      const wanted = toNumbers(want);
      for (const [k, value] of toNumbers(got).entries())
        expect(value).toBeCloseTo(wanted[k] ?? Number.NaN, 5);
    });
  });
});

describe('what training files of older sets state', () => {
  const training = (opset: number) =>
    modelOf({
      opset,
      op: 'BatchNormalization',
      x: [4, 3],
      constants: [wave([3], 1), wave([3], 2), wave([3], 3), reals(0.5, 1, 2)],
      outputs: 5,
    });

  it('BatchNormalization with more than one output trains', () => {
    const old = training(9);
    // The last two are only there for older runtimes' gradients.
    const graph = { ...old.graph, outputs: old.graph.outputs.slice(0, 3) };
    const [node] = loadModel({ ...old, graph }).nodes;
    expect(node?.outputs).toEqual(['y0', 'y1', 'y2']);
    expect(node?.attributes).toEqual({ training_mode: int(1) });
  });
});

describe('nodes inside others', () => {
  const value = (name: string) => ({ name, dtype: 'float32' as const, shape: [2, 3] });
  const node = (
    op: string,
    inputs: string[],
    output: string,
    attributes: Node['attributes'] = {},
  ) => ({
    name: output,
    op,
    domain: '',
    inputs,
    outputs: [output],
    attributes,
  });
  const branch = (output: string, ...nodes: Node[]): Attribute => ({
    type: 'graph',
    value: {
      name: output,
      inputs: [],
      outputs: [value(output)],
      nodes,
      initializers: new Map(),
      values: new Map(),
    },
  });
  const graph: Graph = {
    name: 'outer',
    inputs: [{ name: 'c', dtype: 'bool', shape: [] }, value('x')],
    outputs: [value('y')],
    nodes: [
      node('If', ['c'], 'y', {
        then_branch: branch('t', node('Clip', ['x'], 't', { max: float(0.25) })),
        else_branch: branch('e', node('Softmax', ['x'], 'e')),
      }),
    ],
    initializers: new Map(),
    values: new Map(),
  };

  it.each([0, 1])('are brought up to date as well: branch %i', async (condition) => {
    const source = model(graph, {}, 9);
    const b = loadModel(source);
    const feeds = { c: tensor('bool', [], [condition]), x: wave([2, 3]) };
    const run = async (given: typeof source) => (await runtime.load(given)).run(feeds);
    const { y: expected } = await run(source);
    const { y: actual } = await run(model(b.build(), {}, b.opset));
    expect(actual).toEqual(expected);
  });
});
