/** Convolutions and pools whose elements are spread over a finer map. */
import { ModelError } from '../errors.js';
import { attributesOf } from '../graph/builder.js';
import type { Node, Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import type { WindowAttributes } from '../ops/window.js';
import { scalar, tensor } from '../tensor/tensor.js';
import { ints } from './conversion.js';

/** What a node does along one axis. */
export interface Step {
  /** By how much its kernel and its pads are spread: so many cells of the finer map for one of the coarse. */
  readonly spread: number;
  /** Its stride in the finer network. */
  readonly stride: number;
}

/** The error for a node that has no finer form. */
export function cannot(node: Node, why: string): ModelError {
  const name = node.name || node.outputs[0] || '';
  return new ModelError(
    `${node.op} at node "${name}": ${why}. Take the stride that the network has, or --shift-and-stitch`,
    { op: node.op, node: name },
  );
}

/** Below any number that a map holds. */
const lowest = -3.4028234663852886e38;

interface SpreadWindow {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Before both axes, then after. */
  readonly pads: readonly number[];
}

/**
 * Adds the node with dilations, strides and pads for the finer map. Runtimes refuse pads as wide as a pool's kernel,
 * so that these are laid around the map before it.
 */
export function addFinerWindow(b: Builder, node: Node, steps: readonly Step[]): void {
  const window = spread(b, node, steps);
  const { kernel, pads } = window;
  const isNarrow = pads.every((size, i) => size < (kernel[i % 2] ?? 1));
  if (node.op === 'AveragePool' && pads.every((size) => size === 0)) addMeans(b, node, window);
  else if (node.op === 'Conv' || isNarrow) b.add(withWindow(node, window));
  else if (node.op === 'MaxPool') {
    const around = laidAround(b, b.value(node.inputs[0] ?? ''), pads, lowest);
    b.add({ ...withWindow(node, { ...window, pads: [0, 0, 0, 0] }), inputs: [around.name] });
  } else if (node.op === 'AveragePool') addAverage(b, node, window);
  else throw cannot(node, 'its padding cannot be spread');
}

function spread(b: Builder, node: Node, steps: readonly Step[]): SpreadWindow {
  const attributes = attributesOf(b.table, node) as unknown as WindowAttributes;
  const kernel =
    attributes.kernel_shape ??
    b
      .value(node.inputs[1] ?? '')
      .shape.slice(2)
      .map(Number);
  const list = (given: readonly number[] | undefined, otherwise: number, length: number) =>
    given ?? Array<number>(length).fill(otherwise);
  const strides = list(attributes.strides, 1, 2);
  const dilations = list(attributes.dilations, 1, 2);
  const pads = list(attributes.pads, 0, 4).map((size, i) => {
    const more = i > 1 && attributes.ceil_mode === 1 ? (strides[i - 2] ?? 1) - 1 : 0;
    const extent = ((kernel[i % 2] ?? 1) - 1) * (dilations[i % 2] ?? 1) + 1;
    if (more > 0 && extent <= size + more)
      throw cannot(node, 'its ceil_mode leaves windows that lie in the padding');
    return (size + more) * (steps[i % 2]?.spread ?? 1);
  });
  const countsPads = attributesOf(b.table, node)['count_include_pad'] === 1;
  if (countsPads && attributes.ceil_mode === 1 && strides.some((stride) => stride > 1))
    throw cannot(node, 'it counts its padding, but not what ceil_mode adds');
  return {
    kernel,
    strides: steps.map(({ stride }) => stride),
    dilations: dilations.map((each, i) => each * (steps[i]?.spread ?? 1)),
    pads,
  };
}

function withWindow(node: Node, { kernel, strides, dilations, pads }: SpreadWindow): Node {
  const { auto_pad: _, ceil_mode: __, ...attributes } = node.attributes;
  // AveragePool has dilations from operator set 19 on: they are only stated where there are any.
  const isDilated = dilations.some((dilation) => dilation > 1);
  return {
    ...node,
    attributes: {
      ...attributes,
      kernel_shape: ints(kernel),
      strides: ints(strides),
      pads: ints(pads),
      ...(isDilated ? { dilations: ints(dilations) } : {}),
    },
  };
}

function laidAround(b: Builder, x: Value, pads: readonly number[], fill: number): Value {
  const [top = 0, left = 0, bottom = 0, right = 0] = pads;
  const amounts = b.constant(tensor('int64', [8], [0, 0, top, left, 0, 0, bottom, right]));
  return b.Pad(x, amounts, b.constant(scalar(x.dtype, fill)));
}

/**
 * The mean over a window without padding, as the mean over its rows of the means over its columns: 14 + 14 elements
 * each where SqueezeNet's last pool has 14 x 14, which takes most of the time of a pass at stride 8.
 */
function addMeans(b: Builder, node: Node, window: SpreadWindow): void {
  const [height = 1, width = 1] = window.kernel;
  if (height === 1 || width === 1) {
    b.add(withWindow(node, window));
    return;
  }
  const along = (axis: 0 | 1): SpreadWindow => {
    const only = (list: readonly number[]) => list.map((each, i) => (i === axis ? each : 1));
    const { kernel, strides, dilations, pads } = window;
    return { kernel: only(kernel), strides: only(strides), dilations: only(dilations), pads };
  };
  const rows = b.fresh(`${node.outputs[0] ?? ''}/rows`);
  b.add({ ...withWindow(node, along(1)), name: rows, outputs: [rows] });
  b.add({ ...withWindow(node, along(0)), inputs: [rows] });
}

/** The mean of what a window holds: where padding does not count, over the mean of ones. */
function addAverage(b: Builder, node: Node, window: SpreadWindow): void {
  const x = b.value(node.inputs[0] ?? '');
  const bare = withWindow(node, { ...window, pads: [0, 0, 0, 0] });
  const around = laidAround(b, x, window.pads, 0);
  if (attributesOf(b.table, node)['count_include_pad'] === 1) {
    b.add({ ...bare, inputs: [around.name] });
    return;
  }
  const one = tensor('float32', [1], [1]);
  const ones = laidAround(b, b.ConstantOfShape(b.Shape(x), { value: one }), window.pads, 0);
  const pool = (name: string, stem: string): Value => {
    const output = b.fresh(`${node.outputs[0] ?? ''}/${stem}`);
    b.add({ ...bare, name: output, inputs: [name], outputs: [output] });
    return b.value(output);
  };
  const sums = pool(around.name, 'sums');
  const counts = pool(ones.name, 'counts');
  b.node('Div', [sums, counts], {}, { outputs: node.outputs });
}
