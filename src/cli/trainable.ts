/** Which weights of a graph a gradient reaches. */
import { backward } from '../autodiff/backward.js';
import { EspalierError } from '../errors.js';
import type { Node, Value } from '../graph/graph.js';
import { type Builder, builder, type ExtendedOps } from '../ops/builder.js';
import { entryOf } from '../ops/op.js';
import { isFloat } from '../tensor/dtype.js';
import { isStatic } from '../tensor/shape.js';

/** Names of the float initializers that influence a float output through operators with a gradient. */
export function trainableWeights(b: Builder): ReadonlySet<string> {
  const reached = new Set(b.outputs.filter(({ dtype }) => isFloat(dtype)).map(({ name }) => name));
  const verdicts = new Map<string, boolean>();
  for (const node of b.nodes.toReversed()) {
    if (!node.outputs.some((output) => reached.has(output))) continue;
    node.inputs.forEach((input, i) => {
      if (input === '' || reached.has(input) || !isFloat(b.value(input).dtype)) return;
      const key = signature(b, node, i);
      const verdict = verdicts.get(key) ?? passesGradient(b, node, i);
      verdicts.set(key, verdict);
      if (verdict) reached.add(input);
    });
  }
  return new Set([...b.initializers.keys()].filter((name) => reached.has(name)));
}

/** Nodes that are alike in this have the same gradients: networks repeat themselves. */
function signature(b: Builder, { op, domain, attributes, inputs }: Node, index: number): string {
  const types = inputs.map((input) => {
    if (input === '') return null;
    const { dtype, shape } = b.value(input);
    return [dtype, shape, b.known(input) !== null];
  });
  return JSON.stringify([op, domain, attributes, types, index], (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}

/** Asks the operator's rule, on the node by itself; without sizes, whether it has one must do. */
function passesGradient(b: Builder, node: Node, index: number): boolean {
  const op = entryOf(b.table, node);
  if (!op || 'kind' in op.gradient) return false;
  const values = [...node.inputs, ...node.outputs].filter((name) => name !== '');
  if (!values.every((name) => isStatic(b.value(name).shape))) return true;
  const alone = builder(b.opset, b.table as ExtendedOps);
  const declared = new Map<string, Value>();
  const declare = (name: string): Value => {
    const { dtype, shape } = b.value(name);
    const data = b.known(name);
    return data ? alone.initializer(name, data) : alone.input(name, dtype, shape);
  };
  for (const name of node.inputs)
    if (name !== '' && !declared.has(name)) declared.set(name, declare(name));
  const wrt = declared.get(node.inputs[index] ?? '');
  try {
    const [y] = alone.add(node);
    if (!y || !wrt) return false;
    backward(alone, y, [wrt], { seed: alone.input('seed of the gradient', y.dtype, y.shape) });
    return true;
  } catch (error) {
    if (error instanceof EspalierError) return false;
    throw error;
  }
}
