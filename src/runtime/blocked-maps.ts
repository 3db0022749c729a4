/**
 * What else a network does with maps that lie in blocks: element-wise work is the same in any layout, a number for each
 * channel is a depthwise convolution of one tap, which adds and cuts off in the same pass. So a map stays in blocks from
 * one convolution to the next: decision 025.
 */
import type { Graph, Node } from '../graph/graph.js';
import type { Shape } from '../tensor/shape.js';
import { toNumbers } from '../tensor/tensor.js';
import { int, ints, type NodeMaker } from './node-maker.js';

/** Operators that give each element for itself. */
const elementwise = new Set(['Add', 'Sub', 'Mul', 'Neg', 'Relu', 'HardSigmoid', 'Max', 'Min']);

/** Whether the node gives every element of its one output for itself. */
export const isElementwise = ({ op, domain, outputs }: Node): boolean =>
  domain === '' && outputs.length === 1 && elementwise.has(op);

/** `x` times a number for each channel, and another added. */
export interface ByChannel {
  readonly x: string;
  /** Values of so many numbers as there are channels, in any shape; null: nothing is added. */
  readonly scale: string;
  readonly shift: string | null;
  /** Nodes that make these two. */
  readonly nodes: readonly Node[];
}

/**
 * A BatchNormalization, or a product with one number for each channel, as `ByChannel`; null for other nodes.
 * @param shapeOf static shape of a value, or null
 */
export function byChannel(
  maker: NodeMaker,
  node: Node,
  graph: Graph,
  shapeOf: (name: string) => readonly number[] | null,
): ByChannel | null {
  if (node.domain !== '' || node.outputs.length !== 1) return null;
  if (node.op === 'BatchNormalization') return normalization(maker, node, graph);
  if (node.op !== 'Mul') return null;
  const y = shapeOf(node.outputs[0] ?? '');
  const [left = '', right = ''] = node.inputs;
  for (const [x, scale] of [
    [left, right],
    [right, left],
  ] as const)
    if (y && sameDims(shapeOf(x), y) && isByChannel(shapeOf(scale), y))
      return { x, scale, shift: null, nodes: [] };
  return null;
}

/** scale / sqrt(variance + epsilon) and B - mean times that; they are there already where mean and variance are 0 and 1. */
function normalization(maker: NodeMaker, node: Node, graph: Graph): ByChannel | null {
  const [x = '', scale = '', bias = '', mean = '', variance = ''] = node.inputs;
  const { epsilon, training_mode: mode } = node.attributes;
  if (mode?.type === 'int' && mode.value !== 0) return null;
  const added = epsilon?.type === 'float' ? epsilon.value : 1e-5;
  const all = (name: string, value: number): boolean => {
    const known = graph.initializers.get(name);
    return known !== undefined && toNumbers(known).every((each) => each === value);
  };
  if (all(mean, 0) && all(variance, 1) && added === 0) return { x, scale, shift: bias, nodes: [] };
  const [y = ''] = node.outputs;
  const named = (name: string): string => maker.name(`${y}/${name}`);
  const [safe, deviation, slope] = [named('variance'), named('deviation'), named('slope')];
  const [moved, shift] = [named('moved'), named('shift')];
  return {
    x,
    scale: slope,
    shift,
    nodes: [
      maker.node('Add', [variance, maker.number(`${y}/epsilon`, added)], safe, {}, ''),
      maker.node('Sqrt', [safe], deviation, {}, ''),
      maker.node('Div', [scale, deviation], slope, {}, ''),
      maker.node('Mul', [mean, slope], moved, {}, ''),
      maker.node('Sub', [bias, moved], shift, {}, ''),
    ],
  };
}

/** The convolution of one tap that does it, for `channels` channels. @param sum what is added as well, in blocks */
export function scaled(
  maker: NodeMaker,
  { scale, shift }: ByChannel,
  source: string,
  channels: number,
  sum: string | null,
  blocked: string,
): Node[] {
  const kernel = maker.name(`${blocked}/kernel`);
  const added = shift ?? (sum === null ? null : '');
  return [
    maker.reshape(scale, [channels, 1, 1, 1], kernel),
    maker.node(
      'Conv',
      [source, kernel, ...(added === null ? [] : [added]), ...(sum === null ? [] : [sum])],
      blocked,
      { kernel_shape: ints([1, 1]), group: int(channels) },
    ),
  ];
}

/** Whether a value has one number for each channel of `y`, (N, C, height, width), and broadcasts to it. */
function isByChannel(dims: Shape | null, y: readonly number[]): boolean {
  if (!dims || dims.length > 4 || dims.length < 3) return false;
  return sameDims([...[1, 1].slice(dims.length - 2), ...dims].slice(-4), [1, y[1] ?? 0, 1, 1]);
}

/** Whether both are known and equal. */
export const sameDims = (a: Shape | null, b: Shape | null): boolean =>
  a !== null && b !== null && a.length === b.length && a.every((dim, i) => dim === b[i]);
