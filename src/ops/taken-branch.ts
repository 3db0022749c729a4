/**
 * An If whose condition is known before the run, as exporters write it where a size decides (PyTorch's `squeeze`):
 * its branch takes its place, so that it is shaped and differentiated like all else.
 */
import type { Node } from '../graph/graph.js';
import { reading } from '../graph/order.js';
import { toNumbers } from '../tensor/tensor.js';
import type { Builder } from './builder.js';

/**
 * The nodes of the branch that is taken, with names that are free in `b`, and one Identity for each output of the node;
 * null for another operator, or where the condition is only known to a run. Initializers of the branch are added to `b`.
 * @param promised names that nodes around it have, or will have
 */
export function takenBranch(
  b: Builder,
  node: Node,
  promised: ReadonlySet<string>,
): readonly Node[] | null {
  if (node.op !== 'If' || (node.domain !== '' && node.domain !== 'ai.onnx')) return null;
  const condition = b.known(node.inputs[0] ?? '');
  if (!condition) return null;
  const holds = toNumbers(condition)[0] !== 0;
  const branch = node.attributes[holds ? 'then_branch' : 'else_branch'];
  if (branch?.type !== 'graph' || branch.value.outputs.length !== node.outputs.length) return null;
  const { nodes, initializers, outputs } = branch.value;
  const own = [...initializers.keys(), ...nodes.flatMap((each) => each.outputs)];
  // The two branches, and those of other nodes, may use the same names.
  const isTaken = (name: string): boolean =>
    name !== '' && (b.values.has(name) || promised.has(name));
  const names = new Map(own.filter(isTaken).map((name) => [name, b.fresh(name)] as const));
  const now = (name: string): string => names.get(name) ?? name;
  for (const [name, data] of initializers) b.initializer(now(name), data);
  const identities = node.outputs.flatMap((output, i): Node[] => {
    const inputs = [now(outputs[i]?.name ?? '')];
    const rest = { name: node.name, domain: '', attributes: {} };
    return output === '' ? [] : [{ ...rest, op: 'Identity', inputs, outputs: [output] }];
  });
  return [
    ...nodes.map((each) => ({ ...reading(each, now), outputs: each.outputs.map(now) })),
    ...identities,
  ];
}
