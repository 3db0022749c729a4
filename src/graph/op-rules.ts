/** What the builder must know of an operator to add it to a graph; `ops/` states it for each. */
import { ModelError, OperatorError } from '../errors.js';
import type { Dim, Shape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Attribute, Attributes, Graph, TensorType } from './graph.js';

/** The type, and the default if the specification has one, of one attribute. */
export interface AttributeSpec {
  readonly type: Attribute['type'];
  readonly default?: unknown;
  readonly required?: boolean;
}

/** What a shape rule sees. `A` holds the attributes with defaults filled in. */
export interface InferContext<A = Readonly<Record<string, unknown>>> {
  /** dtype and shape of each input; null where an optional one is absent. */
  readonly inputs: readonly (TensorType | null)[];
  readonly attributes: A;
  /** How many outputs the node has. */
  readonly outputs: number;
  /** Operator-set version of the file that the node comes from. */
  readonly opset: number;
  /** The i-th input, which must be there. */
  input(i: number): TensorType;
  /** The value of the i-th input where it is known before the graph runs. */
  constant(i: number): Tensor | null;
  /** The dimensions that the i-th input lists, names where they are symbolic; null where it is not known. */
  dims(i: number): Dim[] | null;
  /** The elements of the i-th input as numbers. @throws ShapeError where they are not known beforehand. */
  numbers(i: number): number[];
  /** dtypes and shapes of the outputs of a graph that is an attribute, for inputs of these types. */
  inner(graph: Graph, inputs: readonly TensorType[]): readonly TensorType[];
}

/** The part of an operator's entry that building and shape inference need. */
export interface OpRules {
  /** Names as the specification has them; `?` marks an optional one, `...` the rest. */
  readonly inputs: readonly string[];
  /** As `inputs`; one called `Y` where left out. */
  readonly outputs?: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  /** The operator set that has it in this form, where that is a later one than `defaultOpset`. */
  readonly since?: number;
  infer(context: InferContext<never>): TensorType | readonly TensorType[];
  /** Computes the result on the host: for shape arithmetic, whose values must be known while building. */
  evaluate?(inputs: readonly Tensor[], attributes: never): Tensor | null;
}

export type OpTable = Readonly<Record<string, OpRules>>;

/** The entry of an operator; undefined for a name that only JavaScript's own objects know, such as `constructor`. */
export function rulesOf(table: OpTable, op: string): OpRules | undefined {
  return Object.hasOwn(table, op) ? table[op] : undefined;
}

const fewest = (names: readonly string[]): number =>
  names.filter((name) => !name.endsWith('?') && !name.endsWith('...')).length +
  (names.some((name) => name.endsWith('...')) ? 1 : 0);

/** How many outputs a node of the operator must have. */
export const fewestOutputs = ({ outputs = ['Y'] }: OpRules): number => Math.max(1, fewest(outputs));

/** Checks the number of inputs. @throws OperatorError naming the operator and its inputs. */
export function checkArity(op: string, rules: OpRules, count: number, node: string): void {
  const variadic = rules.inputs.some((name) => name.endsWith('...'));
  if (count >= fewest(rules.inputs) && (variadic || count <= rules.inputs.length)) return;
  throw new OperatorError(
    `${op} at node "${node}": takes inputs (${rules.inputs.join(', ')}), got ${count}`,
    { op, node, expected: rules.inputs, actual: count },
  );
}

/** Plain attribute values -> tagged ones, by the operator's schema. */
export function tagAttributes(
  op: string,
  rules: OpRules,
  plain: Readonly<Record<string, unknown>>,
): Attributes {
  const tagged: Record<string, Attribute> = {};
  for (const [name, value] of Object.entries(plain)) {
    if (value === undefined) continue;
    const spec = rules.attributes?.[name];
    if (!spec)
      throw new OperatorError(
        `${op}: unknown attribute ${name}. It has ${Object.keys(rules.attributes ?? {}).join(', ') || 'none'}`,
        { op, actual: name },
      );
    tagged[name] = { type: spec.type, value } as Attribute;
  }
  return tagged;
}

/** Tagged attributes -> plain values with defaults. @throws ModelError for a missing or mistyped one. */
export function resolveAttributes(
  op: string,
  rules: OpRules,
  tagged: Attributes,
  node: string,
): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(rules.attributes ?? {})) {
    const given = tagged[name];
    if (given === undefined) {
      if (spec.required)
        throw new ModelError(`${op} at node "${node}": missing attribute ${name}`, { op, node });
      plain[name] = spec.default;
    } else if (given.type !== spec.type || given.type === 'opaque') {
      throw new ModelError(
        `${op} at node "${node}": attribute ${name} must be of type ${spec.type}, got ${given.type}`,
        { op, node, expected: spec.type, actual: given.type },
      );
    } else plain[name] = given.value;
  }
  return plain;
}

/** A type with another shape. */
export function reshaped(type: TensorType, shape: Shape): TensorType {
  return { dtype: type.dtype, shape };
}
