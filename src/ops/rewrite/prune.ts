/** Drops what no output needs, and gives outputs their names without a copy. */

import { gradientsLeft, renamedGradients } from '../../graph/gradients.js';
import type { Graph, Node } from '../../graph/graph.js';
import { namesRead, reading } from '../../graph/order.js';

/**
 * The graph without dead nodes, without initializers that nobody reads, without optional outputs that nobody
 * reads, and without Identity nodes that do nothing but name an output.
 */
export function prune(graph: Graph): Graph {
  return withoutUnread(renameOutputs(graph));
}

/** Where an Identity makes an output from an inner value, the inner value takes the output's name. */
function renameOutputs(graph: Graph): Graph {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const produced = new Set(graph.nodes.flatMap((node) => node.outputs));
  const renamed = new Map<string, string>();
  const nodes = graph.nodes.filter((node) => {
    const [from = '', to = ''] = [node.inputs[0], node.outputs[0]];
    const copies = node.op === 'Identity' && node.domain === '' && outputs.has(to);
    if (!copies || !produced.has(from) || outputs.has(from) || renamed.has(from)) return true;
    renamed.set(from, to);
    return false;
  });
  if (renamed.size === 0) return graph;
  const now = (name: string): string => renamed.get(name) ?? name;
  const values = new Map(graph.values);
  for (const [from, to] of renamed) {
    const info = values.get(from);
    values.delete(from);
    if (info) values.set(to, { ...info, name: to });
  }
  return {
    ...graph,
    ...(graph.gradients && { gradients: renamedGradients(graph, now) }),
    values,
    nodes: nodes.map((node) => ({ ...reading(node, now), outputs: node.outputs.map(now) })),
  };
}

function withoutUnread(graph: Graph): Graph {
  const read = new Set(graph.outputs.map(({ name }) => name));
  const kept: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => read.has(output))) continue;
    for (const name of namesRead(node)) read.add(name);
    kept.push({ ...node, outputs: trimmed(node.outputs, read, node.op) });
  }
  const { gradients = new Map(), ...rest } = graph;
  return {
    ...rest,
    ...gradientsLeft(gradients, (name) => read.has(name)),
    nodes: kept.reverse(),
    initializers: new Map([...graph.initializers].filter(([name]) => read.has(name))),
    values: new Map([...graph.values].filter(([name]) => read.has(name))),
  };
}

/** Operators whose every output counts: the number of outputs says into how many parts they divide, or is fixed. */
const dividing = new Set(['Split', 'SplitToSequence', 'If', 'Loop', 'Scan', 'TopK']);

/** Unread outputs become absent, trailing ones go. */
function trimmed(outputs: readonly string[], read: ReadonlySet<string>, op: string): string[] {
  if (dividing.has(op) || outputs.length === 1) return [...outputs];
  const named = outputs.map((output, i) => (i === 0 || read.has(output) ? output : ''));
  while (named.length > 1 && named.at(-1) === '') named.pop();
  return named;
}
