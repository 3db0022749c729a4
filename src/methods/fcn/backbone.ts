/** A classifier without its last layer, and the paper's way of giving it room around the image. */
import { ModelError } from '../../errors.js';
import type { Attribute, Graph, Node } from '../../graph/graph.js';
import { prune } from '../../ops/rewrite/prune.js';
import { findHead } from '../classifier/head.js';

/** What is left of a classifier whose layers are convolutions. */
export interface Backbone {
  /** Its one output is `top`. */
  readonly graph: Graph;
  /** Name of the map that the last layer read. */
  readonly top: string;
}

/**
 * The graph up to what its last layer reads: the classes of the source are dropped (Long et al. 2015, section 4.1).
 * @throws ModelError where there is no last layer.
 */
export function backboneOf(graph: Graph, output: string): Backbone {
  const { node } = findHead(graph, output);
  const top = node.inputs[0] ?? '';
  const info = graph.values.get(top) ?? { name: top, dtype: 'float32', shape: null };
  return { graph: prune({ ...graph, outputs: [info] }), top };
}

/** Pixels of padding around the image in the authors' networks. */
const paperPadding = 100;

const pools = new Set(['MaxPool', 'AveragePool']);

/**
 * The graph with 100 zeros around the image, put into the first convolution as the authors do it, and pools that keep
 * a last window cut off by the border, as Caffe's.
 * @throws ModelError where the image is read by something else than one convolution.
 */
export function paddedAsInPaper(graph: Graph, image: string): Graph {
  const readers = graph.nodes.filter(({ inputs }) => inputs.includes(image));
  const [first, ...more] = readers;
  if (first?.op !== 'Conv' || more.length > 0)
    throw new ModelError(
      `the paper's alignment pads the first convolution, but the image "${image}" is read by ${readers.map(({ op }) => op).join(', ') || 'nothing'}. Use the exact alignment.`,
      { actual: readers.map(({ op }) => op) },
    );
  const pads: Attribute = { type: 'ints', value: new Array<number>(4).fill(paperPadding) };
  const changed = (node: Node): Node => {
    if (node === first) {
      const { auto_pad: _, ...rest } = node.attributes;
      return { ...node, attributes: { ...rest, pads } };
    }
    if (!pools.has(node.op)) return node;
    const ceil: Attribute = { type: 'int', value: 1 };
    return { ...node, attributes: { ...node.attributes, ceil_mode: ceil } };
  };
  // Sizes that were stated held for the padding before.
  return { ...graph, nodes: graph.nodes.map(changed), values: new Map() };
}

/**
 * The graph with zeros around the maps that a fully connected layer covered, as many as keep their size: otherwise the
 * 7 x 7 of VGG16 would leave the outer 111 pixels without a cell of their own. It stands in for the 100 zeros around the
 * image, at less cost.
 * @param source the classifier, whose Gemm and MatMul are convolutions in `graph`, under their names
 */
export function paddedAsCells(graph: Graph, source: Graph): Graph {
  const matrices = new Set(
    source.nodes.filter(({ op }) => op === 'Gemm' || op === 'MatMul').map(({ name }) => name),
  );
  const changed = (node: Node): Node => {
    const kernel = graph.initializers.get(node.inputs[1] ?? '')?.dims.slice(2) ?? [];
    if (node.op !== 'Conv' || !matrices.has(node.name) || kernel.every((size) => size === 1))
      return node;
    const before = kernel.map((size) => Math.floor((size - 1) / 2));
    const after = kernel.map((size, i) => size - 1 - (before[i] ?? 0));
    const pads: Attribute = { type: 'ints', value: [...before, ...after] };
    return { ...node, attributes: { ...node.attributes, pads } };
  };
  return { ...graph, nodes: graph.nodes.map(changed), values: new Map() };
}
