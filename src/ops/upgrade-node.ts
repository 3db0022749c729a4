/** What an upgrade of one node is written in. */
import { OperatorError } from '../errors.js';
import type { Node, TensorType } from '../graph/graph.js';
import { isFloat } from '../tensor/dtype.js';
import { scalar, type Tensor, tensor } from '../tensor/tensor.js';

/** What an upgrade may ask of the graph around a node, and add to it. */
export interface Surroundings {
  /** The name of a constant. */
  constant(data: Tensor): string;
  /** A name that nothing has yet. */
  fresh(stem: string): string;
  /** The data of a value that are known before the run. */
  known(name: string): Tensor | null;
  /** Its dtype and shape; null where they are not known yet. */
  type(name: string): TensorType | null;
}

/** The same in the present form: one node or several, the last one with the outputs. */
export type Upgrade = (node: Node, graph: Surroundings, opset: number) => Node | readonly Node[];

/** `attributes` without those called `names`. */
export function without(node: Node, ...names: readonly string[]): Node['attributes'] {
  return Object.fromEntries(
    Object.entries(node.attributes).filter(([key]) => !names.includes(key)),
  );
}

interface AttributeValues {
  readonly int: number;
  readonly float: number;
  readonly string: string;
  readonly ints: readonly number[];
  readonly floats: readonly number[];
}

/** The value of an attribute of this type; undefined where the node has none. @throws OperatorError for another type. */
export function attribute<T extends keyof AttributeValues>(
  node: Node,
  name: string,
  type: T,
): AttributeValues[T] | undefined {
  const given = Object.hasOwn(node.attributes, name) ? node.attributes[name] : undefined;
  if (given === undefined) return undefined;
  if (given.type === type) return given.value as AttributeValues[T];
  throw new OperatorError(
    `${node.op} at node "${node.name}": attribute ${name} must be of type ${type}, got ${given.type}`,
    { op: node.op, node: node.name, expected: type, actual: given.type },
  );
}

/** A 1-D int64 constant. */
export const numbers = (graph: Surroundings, list: readonly number[]): string =>
  graph.constant(tensor('int64', [list.length], list.map(wholeNumber)));

/** int64's limits, which a number holds rounded up, stay inside int64. */
const wholeNumber = (value: number): bigint =>
  BigInt.asIntN(64, value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(Math.trunc(value)));

/** A 1-D float32 constant. */
export const floats = (graph: Surroundings, list: readonly number[]): string =>
  graph.constant(tensor('float32', [list.length], list));

/** A scalar constant of the dtype of the value `like`, float32 where that is not known. */
export function scalarLike(graph: Surroundings, like: string, value: number): string {
  const dtype = graph.type(like)?.dtype;
  return graph.constant(scalar(dtype && isFloat(dtype) ? dtype : 'float32', value));
}

/** A new node of the standard domain with one output, `y`, of its own. */
export function added(
  graph: Surroundings,
  op: string,
  inputs: readonly string[],
  attributes: Node['attributes'] = {},
): { readonly node: Node; readonly y: string } {
  const y = graph.fresh(op);
  return { node: { name: y, op, domain: '', inputs, outputs: [y], attributes }, y };
}
