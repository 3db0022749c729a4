/** One node's dtypes and shapes by its operator's rule, and its value where shape arithmetic makes it known. */
import { EspalierError, OperatorError, ShapeError } from '../errors.js';
import { formatShape } from '../tensor/shape.js';
import { type Tensor, toNumbers } from '../tensor/tensor.js';
import type { Node, TensorType, Value, ValueInfo } from './graph.js';
import { checkArity, type InferContext, type OpRules, resolveAttributes } from './op-rules.js';

/** What inference may ask of the graph so far. */
export interface Known {
  /** The value of this name; throws where there is none. */
  value(name: string): Value;
  /** Its data where it is known before the graph runs. */
  known(name: string): Tensor | null;
}

/** The largest value that shape arithmetic computes on the host, in elements. */
const largestFolded = 4096;

/**
 * dtype and shape of each output of a node, and the value of its only output where that is known already.
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
  };
  try {
    const inferred = rules.infer(context as unknown as InferContext<never>);
    return {
      types: Array.isArray(inferred) ? inferred : [inferred as TensorType],
      folded: fold(node, rules, attributes, inputs, graph),
    };
  } catch (error) {
    throw placed(error, node, name, inputs);
  }
}

/** The result of shape arithmetic, which later shape rules may ask for. */
function fold(
  node: Node,
  rules: OpRules,
  attributes: Record<string, unknown>,
  types: readonly (Value | null)[],
  graph: Known,
): Tensor | null {
  if (!rules.evaluate || node.outputs.length !== 1) return null;
  const readsShape = node.op === 'Shape' || node.op === 'Size';
  const inputs: Tensor[] = [];
  for (const [i, input] of node.inputs.entries()) {
    // Shape and Size need the dimensions only, so they get a stand-in without data.
    const operand = (readsShape ? shapeOnly(types[i]) : null) ?? graph.known(input);
    if (!operand || operand.data.length > largestFolded) return null;
    inputs.push(operand);
  }
  const result = rules.evaluate(inputs, attributes as never);
  return result && result.data.length <= largestFolded ? result : null;
}

function shapeOnly(type: TensorType | null | undefined): Tensor | null {
  if (!type?.shape.every((dim) => typeof dim === 'number')) return null;
  return { dtype: 'float32', dims: type.shape as readonly number[], data: new Float32Array(0) };
}

/** What a shape rule says of itself, said of the node at which it happened. */
function placed(
  error: unknown,
  node: Node,
  name: string,
  inputs: readonly (Value | null)[],
): unknown {
  if (!(error instanceof EspalierError) || error.details.node !== undefined) return error;
  const kind = error instanceof OperatorError ? OperatorError : ShapeError;
  const shapes = inputs.map((x) => (x ? `${x.name} ${x.dtype}${formatShape(x.shape)}` : 'none'));
  return new kind(`${node.op} at node "${name}": ${error.message} (inputs: ${shapes.join(', ')})`, {
    ...error.details,
    op: node.op,
    node: name,
  });
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
    `unsupported operator ${where} at node "${node.name || node.outputs[0]}", and the file states no shape for its output "${output}". "espalier ops" lists what is supported.`,
    { op: node.op, node: node.name },
  );
}
