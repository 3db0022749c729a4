/** Nodes of older operator sets in the form that the builder writes, so that one graph has one operator set. */
import { OperatorError } from '../errors.js';
import type { Attribute, Graph, Node } from '../graph/graph.js';
import { batchNormalization, dropout, groupNormalization, softmax } from './upgrade-layers.js';
import {
  attribute,
  numbers,
  type Surroundings,
  scalarLike,
  type Upgrade,
  without,
} from './upgrade-node.js';
import { gridSample, resize, upsample } from './upgrade-resize.js';

/** Axes that became the second input. */
const axesAsInput: Upgrade = (node, graph) => {
  const axes = attribute(node, 'axes', 'ints');
  if (!axes || node.inputs[1]) return node;
  const inputs = [node.inputs[0] ?? '', numbers(graph, axes)];
  return { ...node, inputs, attributes: without(node, 'axes') };
};

/** min and max, of the input's dtype. */
const clip: Upgrade = (node, graph) => {
  const [min, max] = ['min', 'max'].map((name) => {
    const value = attribute(node, name, 'float');
    return value === undefined ? '' : scalarLike(graph, node.inputs[0] ?? '', value);
  });
  const bounds = max ? [min ?? '', max] : min ? [min] : [];
  const attributes = without(node, 'min', 'max');
  return { ...node, inputs: [node.inputs[0] ?? '', ...bounds], attributes };
};

const pad: Upgrade = (node, graph) => {
  const pads = attribute(node, 'pads', 'ints') ?? [];
  const value = attribute(node, 'value', 'float') ?? 0;
  const fill = value === 0 ? [] : [scalarLike(graph, node.inputs[0] ?? '', value)];
  const inputs = [node.inputs[0] ?? '', numbers(graph, pads), ...fill];
  return { ...node, inputs, attributes: without(node, 'pads', 'value') };
};

const slice: Upgrade = (node, graph) => {
  const lists = ['starts', 'ends', 'axes'].map((name) => attribute(node, name, 'ints'));
  const inputs = lists.flatMap((list) => (list ? [numbers(graph, list)] : []));
  return {
    ...node,
    inputs: [node.inputs[0] ?? '', ...inputs],
    attributes: without(node, 'starts', 'ends', 'axes'),
  };
};

const split: Upgrade = (node, graph) => {
  if (node.inputs[1]) return node;
  const sizes = attribute(node, 'split', 'ints');
  const attributes = without(node, 'split');
  if (sizes) return { ...node, inputs: [node.inputs[0] ?? '', numbers(graph, sizes)], attributes };
  const count: Attribute = { type: 'int', value: node.outputs.length };
  return { ...node, attributes: { ...attributes, num_outputs: count } };
};

const topK: Upgrade = (node, graph) => {
  const k = attribute(node, 'k', 'int');
  if (k === undefined) return node;
  const inputs = [node.inputs[0] ?? '', numbers(graph, [k])];
  return { ...node, inputs, attributes: without(node, 'k') };
};

const refused =
  (reason: string): Upgrade =>
  (node, _, opset) => {
    throw new OperatorError(
      `unsupported ${node.op} of operator set ${opset} at node "${node.name}": ${reason}. Export the model again with a later operator set.`,
      { op: node.op, node: node.name, actual: opset },
    );
  };

const axesInputSince18 = [18, axesAsInput] as const;
const flatBefore13 = [13, softmax] as const;

/**
 * Operators whose form or meaning changed, with the operator set of the present form.
 * @see the "Version" entries of each operator in the ONNX specification (docs/Changelog.md)
 */
const changes: Readonly<Record<string, readonly [before: number, change: Upgrade]>> = {
  BatchNormalization: [14, batchNormalization],
  Clip: [11, clip],
  Dropout: [12, dropout],
  GridSample: [20, gridSample],
  GroupNormalization: [21, groupNormalization],
  Hardmax: flatBefore13,
  LogSoftmax: flatBefore13,
  Pad: [11, pad],
  ReduceL1: axesInputSince18,
  ReduceL2: axesInputSince18,
  ReduceLogSum: axesInputSince18,
  ReduceLogSumExp: axesInputSince18,
  ReduceMax: axesInputSince18,
  ReduceMean: axesInputSince18,
  ReduceMin: axesInputSince18,
  ReduceProd: axesInputSince18,
  ReduceSum: [13, axesAsInput],
  ReduceSumSquare: axesInputSince18,
  Resize: [18, resize],
  Scan: [9, refused('it takes a batch of sequences')],
  Scatter: [11, (node) => ({ ...node, op: 'ScatterElements' })],
  Slice: [10, slice],
  Softmax: flatBefore13,
  Split: [18, split],
  Squeeze: [13, axesAsInput],
  TopK: [10, topK],
  Unsqueeze: [13, axesAsInput],
  Upsample: [10, upsample],
};

/**
 * A node, and those in its graphs, in a form that operator set 18 and the later ones have; `opset` is the one that it
 * was written for, from 7 on.
 * @throws OperatorError for a form that has no present equal.
 */
export function upgrade(node: Node, opset: number, graph: Surroundings): readonly Node[] {
  if (node.domain !== '' && node.domain !== 'ai.onnx') return [node];
  const outer = withInner(node, opset, graph);
  const [before, change] = (Object.hasOwn(changes, node.op) && changes[node.op]) || [0];
  if (!change || opset >= before) return [outer];
  const upgraded = change(outer, graph, opset);
  return 'op' in upgraded ? [upgraded] : upgraded;
}

/** The node with the nodes of its graphs upgraded. Their constants go to the graph around, which they see. */
function withInner(node: Node, opset: number, graph: Surroundings): Node {
  const entries = Object.entries(node.attributes);
  if (!entries.some(([, each]) => each.type === 'graph')) return node;
  const inner = (body: Graph): Graph => {
    const around = {
      ...graph,
      known: (name: string) => body.initializers.get(name) ?? graph.known(name),
    };
    return { ...body, nodes: body.nodes.flatMap((each) => upgrade(each, opset, around)) };
  };
  const attributes = entries.map(([name, each]): [string, Attribute] => [
    name,
    each.type === 'graph' ? { type: 'graph', value: inner(each.value) } : each,
  ]);
  return { ...node, attributes: Object.fromEntries(attributes) };
}
