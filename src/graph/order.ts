/** What nodes read, and the order in which they can run. */
import { ModelError } from '../errors.js';
import type { Attribute, Graph, Node } from './graph.js';

/** The graphs inside a node: branches of If, bodies of Loop and Scan. */
export function innerGraphs(node: Node): Graph[] {
  return Object.values(node.attributes).flatMap((each) =>
    each.type === 'graph' ? [each.value] : [],
  );
}

/** Every name that the nodes use or give, in their graphs too. */
export function namesIn(nodes: readonly Node[]): string[] {
  return nodes.flatMap((node) => [
    node.name,
    ...node.outputs,
    ...innerGraphs(node).flatMap((graph) => [
      ...graph.initializers.keys(),
      ...graph.inputs.map(({ name }) => name),
      ...namesIn(graph.nodes),
    ]),
  ]);
}

/** The node with other names for the values that it reads, inside its graphs too: `now` gives the name for each. */
export function reading(node: Node, now: (name: string) => string): Node {
  const inner = (graph: Graph): Graph => {
    const own = ownNames(graph);
    const then = (name: string): string => (own.has(name) ? name : now(name));
    return {
      ...graph,
      nodes: graph.nodes.map((each) => reading(each, then)),
      outputs: graph.outputs.map((output) => ({ ...output, name: then(output.name) })),
    };
  };
  const attributes = Object.fromEntries(
    Object.entries(node.attributes).map(([name, each]): [string, Attribute] => [
      name,
      each.type === 'graph' ? { type: 'graph', value: inner(each.value) } : each,
    ]),
  );
  return { ...node, inputs: node.inputs.map(now), attributes };
}

/** Names of the values around it that a node reads, inside its graphs too. */
export function namesRead(node: Node): string[] {
  const inner = innerGraphs(node).flatMap((graph) => {
    const own = ownNames(graph);
    const read = [...graph.nodes.flatMap(namesRead), ...graph.outputs.map(({ name }) => name)];
    return read.filter((name) => !own.has(name));
  });
  return [...node.inputs, ...inner];
}

/** Names of the values that a graph has or makes: those around it may have the same. */
const ownNames = ({ inputs, initializers, nodes }: Graph): ReadonlySet<string> =>
  new Set([
    ...inputs.map(({ name }) => name),
    ...initializers.keys(),
    ...nodes.flatMap(({ outputs }) => outputs),
  ]);

/**
 * The nodes so that each comes after those that make its inputs: in the given order where that is one, as ONNX asks.
 * @throws ModelError naming a node that waits for itself.
 */
export function inOrder(nodes: readonly Node[]): readonly Node[] {
  const producers = new Map(
    nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)),
  );
  producers.delete('');
  const ordered = new Set<Node>();
  const open = new Set<Node>();
  // Not by recursion: a chain may be as long as the file.
  const stack: { readonly node: Node; readonly names: readonly string[]; next: number }[] = [];
  const enter = (node: Node): void => {
    if (open.has(node)) throw cyclic(node);
    open.add(node);
    stack.push({ node, names: namesRead(node), next: 0 });
  };
  for (const root of nodes) {
    if (!ordered.has(root)) enter(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const producer = producers.get(top.names[top.next++] ?? '');
      if (producer && !ordered.has(producer)) enter(producer);
      else if (top.next >= top.names.length) {
        ordered.add(top.node);
        stack.pop();
      }
    }
  }
  return [...ordered];
}

function cyclic(node: Node): ModelError {
  const name = node.name || node.outputs[0] || '';
  return new ModelError(
    `cyclic graph: ${node.op} at node "${name}" waits for its own output. Export the model again.`,
    { op: node.op, node: name },
  );
}
