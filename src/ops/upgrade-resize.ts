/** Upsample, and the first forms of Resize and GridSample. */
import { OperatorError } from '../errors.js';
import type { Attribute, Node } from '../graph/graph.js';
import { toNumbers } from '../tensor/tensor.js';
import {
  added,
  attribute,
  floats,
  type Surroundings,
  type Upgrade,
  without,
} from './upgrade-node.js';

const text = (value: string): Attribute => ({ type: 'string', value });

/** Before operator set 11 positions scaled without an offset, and `nearest` rounded down, or up where it shrank. */
export const resize: Upgrade = (node, graph, opset) => {
  const [x = '', ...rest] = node.inputs;
  if (opset < 11) return scaledFromZero(node, graph, rest[0] ?? '');
  // An empty tensor said "none" before the inputs became optional.
  const inputs = [x, ...rest.map((name) => (graph.known(name)?.data.length === 0 ? '' : name))];
  return { ...node, inputs };
};

/** An attribute in operator set 7, an input in 9. */
export const upsample: Upgrade = (node, graph) => {
  const scales = attribute(node, 'scales', 'floats');
  return scaledFromZero(node, graph, scales ? floats(graph, scales) : (node.inputs[1] ?? ''));
};

function scaledFromZero(node: Node, graph: Surroundings, scales: string): Node | Node[] {
  const [x = ''] = node.inputs;
  const mode = attribute(node, 'mode', 'string') ?? 'nearest';
  // Resize and Upsample called it linear however many dimensions there were; bilinear is a name of the oldest files.
  const modeNow = mode === 'bilinear' ? 'linear' : mode;
  if (modeNow !== 'linear' && modeNow !== 'nearest')
    throw new OperatorError(`${node.op} at node "${node.name}": unknown mode "${mode}"`, {
      op: node.op,
      node: node.name,
      actual: mode,
    });
  const attributes = (rounding: 'floor' | 'ceil'): Node['attributes'] => ({
    ...without(node, 'scales'),
    mode: text(modeNow),
    coordinate_transformation_mode: text('asymmetric'),
    ...(modeNow === 'nearest' && { nearest_mode: text(rounding) }),
  });
  const data = graph.known(scales);
  const factors = data ? toNumbers(data) : [];
  const last = { ...node, op: 'Resize' };
  const shrinks = modeNow === 'nearest' && factors.some((factor) => factor < 1);
  if (!shrinks) return { ...last, inputs: [x, '', scales], attributes: attributes('floor') };
  const apart = [Math.max, Math.min].map((pick) => factors.map((factor) => pick(factor, 1)));
  const [up = [], down = []] = apart;
  const inputs = [x, '', floats(graph, down)];
  if (up.every((factor) => factor === 1))
    return { ...last, inputs, attributes: attributes('ceil') };
  const grown = added(graph, 'Resize', [x, '', floats(graph, up)], attributes('floor'));
  return [
    grown.node,
    { ...last, inputs: [grown.y, ...inputs.slice(1)], attributes: attributes('ceil') },
  ];
}

/** Operator set 20 renamed the modes, when it took to more than two dimensions. */
export const gridSample: Upgrade = (node) => {
  const mode = attribute(node, 'mode', 'string') ?? 'bilinear';
  const now = { bilinear: 'linear', bicubic: 'cubic' }[mode] ?? mode;
  return { ...node, attributes: { ...node.attributes, mode: text(now) } };
};
