/** Operators of older operator sets that meant something else than those of the same name today. */
import { OperatorError } from '../errors.js';
import type { Node } from '../graph/graph.js';
import { dataTypeOf } from '../onnx/dtypes.js';
import { normalizeAxis } from '../tensor/shape.js';
import { scalar } from '../tensor/tensor.js';
import {
  added,
  attribute,
  numbers,
  type Surroundings,
  scalarLike,
  type Upgrade,
  without,
} from './upgrade-node.js';

/**
 * Softmax and its kin flattened their input to a matrix at `axis` (1 unless stated) and normalised its rows, before
 * operator set 13. That is the present meaning where no more than one of the dimensions from `axis` on is over 1.
 */
export const softmax: Upgrade = (node, graph) => {
  const [x = ''] = node.inputs;
  const axis = attribute(node, 'axis', 'int') ?? 1;
  const along = (at: number): Node['attributes'] => ({
    ...node.attributes,
    axis: { type: 'int', value: at },
  });
  const shape = graph.type(x)?.shape;
  if (shape) {
    const start = normalizeAxis(axis, shape.length);
    const wide = shape.flatMap((dim, at) => (at >= start && dim !== 1 ? [at] : []));
    if (wide.length <= 1) return { ...node, attributes: along(wide[0] ?? start) };
  }
  const rows = added(graph, 'Flatten', [x], { axis: { type: 'int', value: axis } });
  const result = added(graph, node.op, [rows.y], along(1));
  const dims = added(graph, 'Shape', [x]);
  return [
    rows.node,
    result.node,
    dims.node,
    {
      ...node,
      op: 'Reshape',
      inputs: [result.y, dims.y],
      attributes: { allowzero: { type: 'int', value: 1 } },
    },
  ];
};

/**
 * Before operator set 14 the number of outputs told training from inference, and two more of them held what the
 * gradient needed; before 9, `spatial` 0 asked for statistics of every position rather than of every channel.
 */
export const batchNormalization: Upgrade = (node, graph) => {
  const used = node.outputs.findLastIndex((output) => output !== '') + 1;
  const attributes = without(node, 'spatial');
  if ((attribute(node, 'spatial', 'int') ?? 1) === 0) return byPosition(node, graph, used);
  if (used <= 1) return { ...node, outputs: node.outputs.slice(0, 1), attributes };
  return {
    ...node,
    // The last two outputs had no meaning of their own to any other operator.
    outputs: node.outputs.slice(0, 3),
    attributes: { ...attributes, training_mode: { type: 'int', value: 1 } },
  };
};

/** y = (x - mean) / sqrt(var + epsilon) * scale + B, where all have the shape of one example. */
function byPosition(node: Node, graph: Surroundings, outputs: number): Node[] {
  if (outputs > 1)
    throw new OperatorError(
      `unsupported BatchNormalization at node "${node.name}": spatial 0 is supported for inference only. Export the model in evaluation mode.`,
      { op: node.op, node: node.name },
    );
  const [x = '', scale = '', shift = '', mean = '', variance = ''] = node.inputs;
  const epsilon = scalarLike(graph, x, attribute(node, 'epsilon', 'float') ?? 1e-5);
  const centred = added(graph, 'Sub', [x, mean]);
  const safe = added(graph, 'Add', [variance, epsilon]);
  const deviation = added(graph, 'Sqrt', [safe.y]);
  const normal = added(graph, 'Div', [centred.y, deviation.y]);
  const scaled = added(graph, 'Mul', [normal.y, scale]);
  const steps = [centred, safe, deviation, normal, scaled].map((step) => step.node);
  const last = { ...node, op: 'Add', inputs: [scaled.y, shift], attributes: {} };
  return [...steps, { ...last, outputs: node.outputs.slice(0, 1) }];
}

/** The ratio became an input with operator set 12; before 10 the mask had the dtype of the data. */
export const dropout: Upgrade = (node, graph, opset) => {
  const ratio = graph.constant(scalar('float32', attribute(node, 'ratio', 'float') ?? 0.5));
  const [x = ''] = node.inputs;
  const [y = '', mask = ''] = node.outputs;
  const present = { ...node, inputs: [x, ratio], attributes: without(node, 'ratio') };
  if (mask === '') return { ...present, outputs: [y] };
  if (opset >= 10) return present;
  const kept = graph.fresh('mask');
  const to = { type: 'int', value: dataTypeOf(graph.type(x)?.dtype ?? 'float32') } as const;
  const cast = added(graph, 'Cast', [kept], { to });
  return [
    { ...present, outputs: [y, kept] },
    { ...cast.node, outputs: [mask] },
  ];
};

/**
 * Before operator set 21 scale and bias had one entry a group, as those of an InstanceNormalization of the groups
 * still have.
 */
export const groupNormalization: Upgrade = (node, graph) => {
  const [x = '', scale = '', bias = ''] = node.inputs;
  const groups = attribute(node, 'num_groups', 'int') ?? 1;
  const { epsilon } = node.attributes;
  const apart = added(graph, 'Reshape', [x, numbers(graph, [0, groups, -1])]);
  const normal = added(graph, 'InstanceNormalization', [apart.y, scale, bias], {
    ...(epsilon && { epsilon }),
  });
  const dims = added(graph, 'Shape', [x]);
  return [
    apart.node,
    normal.node,
    dims.node,
    { ...node, op: 'Reshape', inputs: [normal.y, dims.y], attributes: {} },
  ];
};
