/** Weights that a file reads in several places: they stay one weight when what lies between is folded away. */
import type { Graph, Node } from '../graph/graph.js';
import { inOrder, namesRead, reading } from '../graph/order.js';
import { isFloat } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';

/** Operators through which a weight is read: their first input has the weight's numbers in another form. */
const views = new Set(['Cast', 'Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze']);

const isView = ({ op, domain, outputs }: Node): boolean =>
  domain === '' && views.has(op) && outputs.length === 1;

/**
 * Whether several readers of it are meant to share it. A tensor of one repeated number is not: exporters merge equal
 * initializers, and untrained biases and normalisations are equal without being one.
 */
function isWeight(data: Tensor | undefined): data is Tensor {
  if (!data || !isFloat(data.dtype)) return false;
  const [first] = data.data;
  return data.data.some((value) => value !== first);
}

/**
 * The weight that a value is, or is a form of, for all values of which that holds: by name of the value, the name of
 * the initializer.
 * @param graph whose nodes stand in order
 */
export function weightsBehind(graph: Graph): ReadonlyMap<string, string> {
  const behind = new Map([...graph.initializers.keys()].map((name) => [name, name]));
  for (const node of graph.nodes) {
    const weight = behind.get(node.inputs[0] ?? '');
    if (weight !== undefined && isView(node)) behind.set(node.outputs[0] ?? '', weight);
  }
  return behind;
}

/**
 * The graph in which the same form of the same weight is computed once, and an Identity of a weight is the weight:
 * their readers read one value.
 * @throws ModelError where the graph is cyclic.
 */
export function mergeTied(graph: Graph): Graph {
  const now = new Map<string, string>();
  const nameNow = (name: string): string => now.get(name) ?? name;
  const seen = new Map<string, string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const behind = new Set(
    [...graph.initializers].flatMap(([name, data]) => (isWeight(data) ? [name] : [])),
  );
  const nodes = inOrder(graph.nodes).flatMap((old): Node[] => {
    const node = reading(old, nameNow);
    const [output = ''] = node.outputs;
    const [weight = '', ...others] = node.inputs;
    const isForm = behind.has(weight) && others.every((name) => graph.initializers.has(name));
    if (!isForm || !isView(node) || graph.initializers.has(output)) return [node];
    behind.add(output);
    const key = JSON.stringify([node.op, node.inputs, node.attributes]);
    const same = node.op === 'Identity' ? weight : seen.get(key);
    if (same === undefined) seen.set(key, output);
    else if (!outputs.has(output)) {
      now.set(output, same);
      return [];
    }
    return [node];
  });
  return { ...graph, nodes };
}

/** Names of the weights, and of what is computed, that more than one place reads. */
export function readTwice(graph: Graph): (name: string, data: Tensor) => boolean {
  const counts = new Map<string, number>();
  const read = [...graph.nodes.flatMap(namesRead), ...graph.outputs.map(({ name }) => name)];
  for (const name of read) counts.set(name, (counts.get(name) ?? 0) + 1);
  return (name, data) => (counts.get(name) ?? 0) > 1 && isWeight(data);
}
