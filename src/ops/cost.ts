/** Multiply-adds of nodes, as operators state them in their entries. */
import { attributesOf } from '../graph/builder.js';
import type { Node, TensorType } from '../graph/graph.js';
import { isStatic, sizeOf } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { entryOf } from './op.js';

/** What an operator's `macs` sees: dimensions are numbers. */
export interface CostContext<A = unknown> {
  readonly attributes: A;
  /** Dimensions of each input; none where it is absent. */
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
}

/** The number of elements of the i-th output: one multiply-add each, times what `CostContext` tells. */
export const outputSize = ({ outputs }: CostContext): number => sizeOf(outputs[0] ?? []);

/**
 * The multiply-adds of a node: 0 for operators that make no sums of products (their additions, comparisons and
 * functions do not count), null where dimensions are symbolic or the operator is not in the table.
 */
export function macsOf(b: Builder, node: Node): number | null {
  const op = entryOf(b.table, node);
  if (!op) return null;
  if (!op.macs) return 0;
  const type = (name: string): TensorType | null => (name === '' ? null : b.value(name));
  const shapes = (names: readonly string[]) => names.map((name) => type(name)?.shape ?? []);
  const [inputs, outputs] = [shapes(node.inputs), shapes(node.outputs)];
  if (!inputs.every(isStatic) || !outputs.every(isStatic)) return null;
  return op.macs({ attributes: attributesOf(b.table, node), inputs, outputs });
}
