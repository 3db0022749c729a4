/** A dense network's graph taken up again, to be changed or gone on with. */
import type { Graph, Node, Value } from '../graph/graph.js';
import { namesIn, reading } from '../graph/order.js';
import type { Builder } from '../ops/builder.js';
import { builder } from '../ops/builder.js';
import { loadModel, opsetOf } from '../ops/load.js';
import type { Dense } from './convolutionalize.js';

/** The dense network in a builder, with its image and what it gives; it has no output yet. */
export interface Reopened {
  readonly b: Builder;
  readonly image: Value;
  readonly scores: Value;
}

/** So that what is added can have the output's name. */
function withFreeOutput({ model: { graph }, output }: Dense): { graph: Graph; inner: string } {
  const taken = new Set(namesIn(graph.nodes));
  let inner = `${output}/coarse`;
  while (taken.has(inner)) inner += '_';
  const now = (name: string): string => (name === output ? inner : name);
  const nodes = graph.nodes.map(
    (node): Node => ({ ...reading(node, now), outputs: node.outputs.map(now) }),
  );
  return { graph: { ...graph, nodes, outputs: [], values: new Map() }, inner };
}

/** To add nodes behind it. The output's name is free. */
export function reopen(dense: Dense): Reopened {
  const { graph, inner } = withFreeOutput(dense);
  const b = loadModel({ ...dense.model, graph });
  return { b, image: b.value(dense.input), scores: b.value(inner) };
}

/**
 * To change it: a builder with the inputs and initializers, into which `add` brings each node in turn.
 * @param before what stands in for the image, made of it
 */
export function rebuilt(
  dense: Dense,
  add: (b: Builder, node: Node) => void,
  before: (b: Builder, image: Value) => Value = (_, image) => image,
): Reopened {
  const { graph, inner } = withFreeOutput(dense);
  const b = builder(opsetOf(dense.model));
  b.reserve(namesIn(graph.nodes));
  for (const [name, data] of graph.initializers) b.initializer(name, data);
  for (const { name, dtype, shape } of graph.inputs)
    if (!graph.initializers.has(name)) b.input(name, dtype ?? 'float32', shape ?? []);
  const image = b.value(dense.input);
  const seen = before(b, image);
  const now = (name: string): string => (name === dense.input ? seen.name : name);
  for (const node of graph.nodes) add(b, reading(node, now));
  return { b, image, scores: b.value(inner) };
}
