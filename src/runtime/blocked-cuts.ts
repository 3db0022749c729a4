/**
 * Ways past a strided convolution that have no weights, in blocks of channels: every so-manieth row and column is a
 * depthwise convolution of one tap, and channels in whole blocks, added or taken away, are whole pieces of memory.
 */
import type { Graph, Node } from '../graph/graph.js';
import { namesRead } from '../graph/order.js';
import { tensor, toNumbers } from '../tensor/tensor.js';
import { sameDims } from './blocked-maps.js';
import { mostPlaces, type Strides } from './blocked-places.js';
import { int, ints, type NodeMaker } from './node-maker.js';

/** What a node takes of (N, C, height, width): every so-manieth row and column, or some channels and zeros beside them. */
export type BlockedCut =
  | { readonly strides: readonly [number, number] }
  | { readonly channels: readonly [number, number] };

/**
 * A Slice with steps over rows and columns, or a Pad of channels by whole blocks, of which negative counts cut; null for
 * other nodes.
 * @param shapeOf static shape of a value, or null
 */
export function blockedCut(
  node: Node,
  graph: Graph,
  shapeOf: (name: string) => readonly number[] | null,
  block: number,
): BlockedCut | null {
  if (node.domain !== '' || (node.op !== 'Slice' && node.op !== 'Pad')) return null;
  const dims = shapeOf(node.inputs[0] ?? '');
  if (dims?.length !== 4 || (dims[1] ?? 1) % block !== 0) return null;
  const lists = node.inputs.slice(1).map((name) => {
    const known = graph.initializers.get(name);
    return known ? toNumbers(known) : null;
  });
  if (node.op === 'Pad') return channelPad(node, graph, dims, lists[0] ?? null, block);
  const known = node.inputs.slice(1).every((name, i) => name === '' || lists[i]);
  return known ? steps(dims, lists) : null;
}

/** The steps over rows and columns of a Slice of all that they reach from the start on. */
function steps(
  dims: readonly number[],
  [starts, ends, axes, by]: readonly (readonly number[] | null)[],
): BlockedCut | null {
  const strides: [number, number] = [1, 1];
  for (const [i, start] of (starts ?? []).entries()) {
    const [end = 0, axis = -5, step = 1] = [ends?.[i], axes ? axes[i] : i, by?.[i]];
    const at = axis < 0 ? axis + dims.length : axis;
    const size = dims[at] ?? 0;
    // A convolution begins at the start and takes all that its stride reaches.
    const reached = Math.ceil(Math.min(end, size) / step) === Math.ceil(size / step);
    if (start !== 0 || step < 1 || !reached || (at < 2 && step > 1)) return null;
    if (at >= 2) strides[at - 2] = step;
  }
  return strides.some((stride) => stride > 1) ? { strides } : null;
}

function channelPad(
  node: Node,
  graph: Graph,
  dims: readonly number[],
  pads: readonly number[] | null,
  block: number,
): BlockedCut | null {
  if (pads?.length !== 8 || !addsZeros(node, graph)) return null;
  const [before = 0, after = 0] = [pads[1], pads[5]];
  if (pads.some((pad, i) => pad !== 0 && i % 4 !== 1)) return null;
  if (before % block !== 0 || after % block !== 0 || (before === 0 && after === 0)) return null;
  const kept = (dims[1] ?? 0) + Math.min(before, 0) + Math.min(after, 0);
  return kept > 0 ? { channels: [before, after] } : null;
}

/** Whether a Pad puts zeros, beside all axes in turn. */
function addsZeros({ inputs, attributes: { mode } }: Node, graph: Graph): boolean {
  const [, , value = '', axes = ''] = inputs;
  if (axes || (mode?.type === 'string' && mode.value !== 'constant')) return false;
  const known = graph.initializers.get(value);
  return value === '' || (known !== undefined && toNumbers(known).every((each) => each === 0));
}

/**
 * Nodes that do it to what lies in blocks.
 * @param x the value in blocks
 * @param dims its dimensions, (N, C, height, width)
 * @param blocked the name of what they make
 */
export function cutNodes(
  maker: NodeMaker,
  cut: BlockedCut,
  x: string,
  [batch = 1, channels = 1, height = 1, width = 1]: readonly number[],
  blocked: string,
): Node[] {
  if ('strides' in cut) {
    const ones = tensor('float32', [channels, 1, 1, 1], Array(channels).fill(1));
    return [
      maker.node('Conv', [x, maker.constant(`${blocked}/ones`, ones)], blocked, {
        kernel_shape: ints([1, 1]),
        strides: ints(cut.strides),
        group: int(channels),
      }),
    ];
  }
  // Blocks of channels are the outermost axis of an image, so that cuts between them are the same in any layout.
  const [before, after] = cut.channels;
  const nodes: Node[] = [];
  const isCut = before < 0 || after < 0;
  const isPadded = before > 0 || after > 0;
  const kept = isCut && isPadded ? maker.name(`${blocked}/kept`) : isCut ? blocked : x;
  const list = (name: string, value: number): string => maker.list(`${blocked}/${name}`, [value]);
  if (isCut) {
    const [first, end] = [Math.max(0, -before), channels + Math.min(0, after)];
    const bounds = [list('first', first), list('end', end), list('axis', 1)];
    nodes.push(maker.node('Slice', [x, ...bounds], kept, {}, ''));
  }
  if (!isPadded) return nodes;
  const zeros = (side: string, count: number): string[] => {
    if (count <= 0) return [];
    const [name, dims] = [maker.name(`${blocked}/${side}`), [batch, count, height, width]];
    const shape = maker.list(`${name}/dims`, dims);
    nodes.push(maker.node('ConstantOfShape', [shape], name, {}, ''));
    return [name];
  };
  const parts = [...zeros('zeros before', before), kept, ...zeros('zeros after', after)];
  return [...nodes, maker.node('Concat', parts, blocked, { axis: int(1) }, '')];
}

/**
 * What the node spreads with zeros between rows and columns, as the gradient of a Slice with steps does: a product with a
 * matrix of ones for the columns, Pad on an axis of its own for the rows.
 * @param makerOf the node that makes a value
 * @param shapeOf static shape of a value, or null
 */
export function spreadValue(
  node: Node,
  graph: Graph,
  makerOf: (name: string) => Node | undefined,
  shapeOf: (name: string) => readonly number[] | null,
): { readonly x: string; readonly strides: Strides } | null {
  const chain = [node];
  for (const op of ['Reshape', 'Pad', 'Reshape', 'MatMul']) {
    const last = chain.at(-1);
    if (last?.op !== op || last.domain !== '') return null;
    const before = makerOf(last.inputs[0] ?? '');
    if (before) chain.push(before);
  }
  const [, pad, , product] = chain;
  const [x = '', matrix = ''] = product?.inputs ?? [];
  const [dims, y] = [shapeOf(x), shapeOf(node.outputs[0] ?? '')];
  const [pads, ones] = [
    graph.initializers.get(pad?.inputs[1] ?? ''),
    graph.initializers.get(matrix),
  ];
  if (!pad || dims?.length !== 4 || y?.length !== 4 || !pads || !ones || !addsZeros(pad, graph))
    return null;
  const [batch = 0, channels = 0, height = 0, width = 0] = dims;
  const [down, right] = [(y[2] ?? 0) / height, (y[3] ?? 0) / width];
  const spaced = [batch, channels, height, 1, width * right];
  const added = [0, 0, 0, 0, 0, 0, 0, 0, down - 1, 0];
  if (!sameDims(shapeOf(pad.inputs[0] ?? ''), spaced) || !sameDims(toNumbers(pads), added))
    return null;
  if (!sameDims(ones.dims, [width, width * right])) return null;
  if (!sameDims(y, [batch, channels, height * down, width * right])) return null;
  const isSpread = toNumbers(ones).every((value, i) => {
    const [row, column] = [Math.floor(i / (width * right)), i % (width * right)];
    return value === (column === row * right ? 1 : 0);
  });
  if (!isSpread) return null;
  return down * right <= mostPlaces ? { x, strides: [down, right] } : null;
}

/**
 * The nodes in an order in which each of those that `isEarly` names comes as soon as it can: a convolution can add only
 * what is there before it, and the way past it is often written behind it.
 */
export function early(
  nodes: readonly Node[],
  there: Iterable<string>,
  isEarly: (node: Node) => boolean,
): Node[] {
  const [made, done] = [new Set([...there, '']), new Set<Node>()];
  const waiting = new Map<string, Node[]>();
  for (const node of nodes.filter(isEarly))
    for (const name of namesRead(node)) {
      const others = waiting.get(name);
      if (others) others.push(node);
      else waiting.set(name, [node]);
    }
  const ordered: Node[] = [];
  for (const each of nodes) {
    const ready = [each];
    for (let node = ready.pop(); node; node = ready.pop()) {
      if (done.has(node)) continue;
      done.add(node);
      ordered.push(node);
      for (const name of node.outputs) made.add(name);
      const next = node.outputs.flatMap((name) => waiting.get(name) ?? []);
      ready.push(...next.filter((one) => namesRead(one).every((name) => made.has(name))));
    }
  }
  return ordered;
}
