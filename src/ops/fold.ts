/** Weights that a file makes of constants become initializers, so that they can be trained like any other. */
import type { Graph, Node } from '../graph/graph.js';
import { resolveAttributes } from '../graph/op-rules.js';
import { inOrder, namesRead } from '../graph/order.js';
import { dtypeOf } from '../onnx/dtypes.js';
import { allocate, isFloat } from '../tensor/dtype.js';
import { bfloat16ToFloat32, float16ToFloat32 } from '../tensor/float16.js';
import { sizeOf, stridesOf } from '../tensor/shape.js';
import { hasDType, type Tensor, toNumbers } from '../tensor/tensor.js';
import { ops } from './table.js';
import { mergeTied, readTwice } from './tied.js';

/** The largest constant that ConstantOfShape is folded to, in elements: a file of few bytes may ask for any size. */
const largestFilled = 2 ** 26;

/** Operators through which exporters pass weights. */
const { Cast, Constant, ConstantOfShape, Identity, Reshape, Squeeze, Transpose, Unsqueeze } = ops;
const folding = {
  Cast,
  Constant,
  ConstantOfShape,
  Identity,
  Reshape,
  Squeeze,
  Transpose,
  Unsqueeze,
};
type Folding = keyof typeof folding;

/** How `foldInitializers` goes about it. */
export interface FoldOptions {
  /** Initializers to leave as they are, with the nodes that read them: those that are trained themselves. */
  readonly keep?: (name: string) => boolean;
  /**
   * Whether a weight that several places read stays one, with the nodes between where they give it other forms; where
   * left out, each gets a copy. Copies come apart when they are trained.
   */
  readonly ties?: boolean;
}

/**
 * The graph with the results of Constant, ConstantOfShape, Identity, Cast, Reshape, Squeeze, Unsqueeze and Transpose
 * of constants as initializers, under the names of the values. Initializers that nothing reads any more are dropped;
 * one that several such nodes read is copied for each, unless `ties` are kept. float16 weights that are cast to float32 become float32.
 * Nodes that cannot be computed stay: loading says what is wrong with them.
 * @throws ModelError where the graph is cyclic.
 */
export function foldInitializers(source: Graph, options: FoldOptions = {}): Graph {
  const graph = options.ties ? mergeTied(source) : source;
  const isShared = options.ties ? readTwice(graph) : () => false;
  const initializers = new Map(graph.initializers);
  const values = new Map(graph.values);
  const folded = new Set<string>();
  const isConstant = (name: string): boolean => {
    const data = initializers.get(name);
    if (!data || !isFloat(data.dtype) || !isWide(data)) return data !== undefined;
    return !options.keep?.(name) && !isShared(name, data);
  };
  const nodes = inOrder(graph.nodes).filter((node) => {
    const [output = ''] = node.outputs;
    if (output === '' || initializers.has(output) || !node.inputs.every(isConstant)) return true;
    const data = evaluated(
      node,
      node.inputs.map((name) => initializers.get(name)),
    );
    if (!data) return true;
    initializers.set(output, data);
    values.delete(output);
    for (const input of node.inputs) folded.add(input);
    return false;
  });
  const read = new Set([...nodes.flatMap(namesRead), ...graph.outputs.map(({ name }) => name)]);
  for (const name of folded) if (!read.has(name)) initializers.delete(name);
  return { ...graph, nodes, initializers, values };
}

/** Whether a training graph can hold it: half precision cannot be trained, so it is folded all the same. */
const isWide = ({ dtype }: Tensor): boolean => dtype === 'float32' || dtype === 'float64';

function isFolding(node: Node): node is Node & { readonly op: Folding } {
  return node.domain === '' && node.outputs.length === 1 && Object.hasOwn(folding, node.op);
}

/** What the node gives; null where it is of no such operator, or cannot be computed. */
function evaluated(node: Node, inputs: readonly (Tensor | undefined)[]): Tensor | null {
  if (!isFolding(node)) return null;
  const operands = inputs.filter((input) => input !== undefined);
  const [first] = operands;
  try {
    const attributes = resolveAttributes(node.op, ops[node.op], node.attributes, node.name);
    if (node.op === 'Cast' && first) return cast(first, Number(attributes['to']));
    if (node.op === 'Transpose' && first) return transposed(first, attributes['perm']);
    if (node.op === 'ConstantOfShape' && first) return filled(first, attributes['value']);
    return ops[node.op].evaluate?.(operands, attributes as never) ?? null;
  } catch {
    return null;
  }
}

function cast(data: Tensor, to: number): Tensor | null {
  if (dtypeOf(to) !== 'float32') return Cast.evaluate?.([data], { to, saturate: 1 }) ?? null;
  const { dtype, dims } = data;
  if (dtype === 'string' || dtype === 'float32') return dtype === 'string' ? null : data;
  const values = hasDType(data, 'float16')
    ? float16ToFloat32(data.data)
    : hasDType(data, 'bfloat16')
      ? bfloat16ToFloat32(data.data)
      : Float32Array.from(toNumbers(data));
  return { dtype: 'float32', dims, data: values };
}

function filled(shape: Tensor, value: unknown): Tensor | null {
  const { dtype, data } = (value as Tensor | undefined) ?? {
    dtype: 'float32' as const,
    data: [0],
  };
  const dims = toNumbers(shape);
  const valid = dims.every((dim) => Number.isInteger(dim) && dim >= 0) && data.length === 1;
  if (!valid || dtype === 'string' || sizeOf(dims) > largestFilled) return null;
  const result = allocate(dtype, sizeOf(dims));
  return { dtype, dims, data: result.fill(data[0] as never) };
}

/** As Transpose computes it, at the speed that weights of many megabytes ask for. */
function transposed(data: Tensor, perm: unknown): Tensor | null {
  const order = Array.isArray(perm) ? (perm as number[]) : data.dims.map((_, i) => i).reverse();
  const rank = data.dims.length;
  if (order.length !== rank || data.dims.some((_, axis) => !order.includes(axis))) return null;
  const dims = order.map((axis) => data.dims[axis] ?? 1);
  const from = stridesOf(data.dims);
  const strides = order.map((axis) => from[axis] ?? 1);
  const result = allocate(data.dtype, data.data.length);
  const position = dims.map(() => 0);
  for (let i = 0, at = 0; i < result.length; i++) {
    (result as unknown[])[i] = data.data[at];
    for (let axis = rank - 1; axis >= 0; axis--) {
      const next = (position[axis] ?? 0) + 1;
      at += strides[axis] ?? 0;
      position[axis] = next;
      if (next < (dims[axis] ?? 1)) break;
      at -= next * (strides[axis] ?? 0);
      position[axis] = 0;
    }
  }
  return { dtype: data.dtype, dims, data: result };
}
