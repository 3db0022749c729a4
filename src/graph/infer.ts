/** One node's dtypes and shapes by its operator's rule, and its value where shape arithmetic makes it known. */
import { EspalierError, OperatorError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/shape.js';
import { type Tensor, toNumbers } from '../tensor/tensor.js';
import type { Graph, Node, TensorType, Value, ValueInfo } from './graph.js';
import { checkArity, type InferContext, type OpRules, resolveAttributes } from './op-rules.js';
import { fold, type KnownData, listedDims } from './shape-values.js';

/** What inference may ask of the graph so far. */
export interface Known extends KnownData {
  /** The value of this name; throws where there is none. */
  value(name: string): Value;
  /** Types of the outputs of a graph inside this one. */
  inner(graph: Graph, inputs: readonly TensorType[]): readonly TensorType[];
}

/**
 * dtype and shape of each output of a node, and the value of its only output where that is known already (see
 * `fold`: strings stand for int64 dimensions, some of them names).
 * @throws OperatorError, ShapeError, ModelError naming the node and its inputs' shapes.
 */
export function inferNode(
  node: Node,
  rules: OpRules,
  graph: Known,
  opset: number,
): { types: readonly TensorType[]; folded: Tensor | null } {
  const name = node.name || node.outputs[0] || '';
  checkArity(node.op, rules, node.inputs.length, name);
  const attributes = resolveAttributes(node.op, rules, node.attributes, name);
  const inputs = node.inputs.map((input) => (input === '' ? null : graph.value(input)));
  const constant = (i: number): Tensor | null => graph.known(node.inputs[i] ?? '');
  const context: InferContext = {
    inputs,
    attributes,
    outputs: node.outputs.length,
    opset,
    constant,
    dims: (i) => listedDims(graph, node.inputs[i] ?? ''),
    input(i) {
      const type = inputs[i];
      if (!type) throw new ShapeError(`missing input ${rules.inputs[i] ?? i}`);
      return type;
    },
    numbers(i) {
      const data = constant(i);
      if (!data) throw new ShapeError(`input ${rules.inputs[i] ?? i} must be known before the run`);
      return toNumbers(data);
    },
    inner: (body, types) => graph.inner(body, types),
  };
  try {
    const inferred = rules.infer(context as unknown as InferContext<never>);
    const all: readonly TensorType[] = Array.isArray(inferred) ? inferred : [inferred];
    const types = all.map((type, i) => checkedType(type, node.outputs[i] ?? ''));
    const [output] = types;
    const folded = output ? fold(node, rules, attributes, { inputs, output }, graph) : null;
    return { types, folded };
  } catch (error) {
    throw placed(error, node, name, inputs);
  }
}

/** Dimensions beyond this many are no tensor's: rules may take time that grows with their square. */
const largestRank = 64;
/** Names of dimensions beyond this length are cut: joined with itself again and again, one would double each time. */
const longestName = 400;

/**
 * The type as it is; a dimension whose name grew out of all measure is called after its value instead.
 * @throws ShapeError where a dimension is no size: negative, beyond 2^53, not a number; or where there are too many.
 */
export function checkedType({ dtype, shape }: TensorType, name: string): TensorType {
  if (shape.length > largestRank)
    throw new ShapeError(`"${name}" has ${shape.length} dimensions, at most ${largestRank} are`, {
      expected: largestRank,
      actual: shape.length,
    });
  for (const dim of shape)
    if (typeof dim !== 'string' && !(Number.isSafeInteger(dim) && dim >= 0))
      throw new ShapeError(`"${name}" would be of shape ${formatShape(shape)}: ${dim} is no size`, {
        actual: shape,
      });
  if (shape.every((dim) => typeof dim === 'number' || dim.length <= longestName))
    return { dtype, shape };
  const named = shape.map((dim, i) =>
    typeof dim === 'string' && dim.length > longestName ? `${name}[${i}]` : dim,
  );
  return { dtype, shape: named };
}

/** What a shape rule says of itself, said of the node at which it happened. */
function placed(
  error: unknown,
  node: Node,
  name: string,
  inputs: readonly (Value | null)[],
): unknown {
  if (error instanceof EspalierError && error.details.node !== undefined) return error;
  const kind = error instanceof OperatorError ? OperatorError : ShapeError;
  const shapes = inputs.map((x) => (x ? `${x.name} ${x.dtype}${formatShape(x.shape)}` : 'none'));
  const sentence = (what: string): string =>
    `${node.op} at node "${name}": ${what} (inputs: ${shapes.join(', ')})`;
  if (error instanceof EspalierError)
    return new kind(sentence(error.message), { ...error.details, op: node.op, node: name });
  // A rule that stumbles over what no rule foresaw: the model is refused, the program goes on.
  const reason = error instanceof Error ? error.message : String(error);
  const details = { op: node.op, node: name, cause: error };
  return new kind(sentence(`its inputs or attributes make no sense together: ${reason}`), details);
}

/**
 * What a file states of an output whose operator is not in the table.
 * @throws OperatorError where it states nothing.
 */
export function statedType(
  node: Node,
  output: string,
  stated?: ReadonlyMap<string, ValueInfo>,
): TensorType {
  const info = stated?.get(output);
  if (info?.dtype && info.shape) return { dtype: info.dtype, shape: info.shape };
  const where = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
  throw new OperatorError(
    `unsupported operator ${where} at node "${node.name || node.outputs[0]}", and the file states no shape for its output "${output}". State it as value_info when exporting, or export without this operator: "espalier ops" lists what is supported.`,
    { op: node.op, node: node.name },
  );
}
