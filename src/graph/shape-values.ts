/**
 * Shape arithmetic while a graph is built: what `Shape`, `Gather`, `Concat` … of an exported model compute is known
 * beforehand, or known but for dimensions that have only a name. Such a value, int64 to the graph, is a tensor of
 * strings here: `['batch', '3', '32']`.
 */
import type { Dim } from '../tensor/shape.js';
import { isStatic, sizeOf } from '../tensor/shape.js';
import { hasDType, type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import type { Node, TensorType } from './graph.js';
import type { OpRules } from './op-rules.js';

/** What the graph so far says of a value before it runs. */
export interface KnownData {
  /** Its data; null where a run computes them. */
  known(name: string): Tensor | null;
  /** Its data where some elements are names of dimensions; null where it is not of that kind. */
  symbolic(name: string): Tensor<'string'> | null;
}

/** The largest value that is computed on the host, in elements. */
const largestFolded = 4096;

/** Operators that carry dimensions on, and the inputs that hold them: the rest are axes, indices and shapes. */
const carriers: Readonly<Record<string, 'first' | 'all'>> = {
  Add: 'all',
  Cast: 'first',
  Concat: 'all',
  Div: 'all',
  Gather: 'first',
  Identity: 'first',
  Mul: 'all',
  Reshape: 'first',
  Slice: 'first',
  Squeeze: 'first',
  Sub: 'all',
  Unsqueeze: 'first',
};

/** The dimensions that a value lists: numbers, and names where it is symbolic; null where it is not known. */
export function listedDims(graph: KnownData, name: string): Dim[] | null {
  const known = graph.known(name);
  if (known) return known.dtype === 'string' ? null : toNumbers(known);
  return graph.symbolic(name)?.data.map(dimOf) ?? null;
}

const dimOf = (text: string): Dim => (isNumber(text) ? Number(text) : text);
const isNumber = (text: string): boolean => /^-?\d+$/.test(text);

/**
 * The only output of a node where it follows from what is known; of strings where the output is int64 and some of
 * its elements are names of dimensions.
 */
export function fold(
  node: Node,
  rules: OpRules,
  attributes: Record<string, unknown>,
  types: { readonly inputs: readonly (TensorType | null)[]; readonly output: TensorType },
  graph: KnownData,
): Tensor | null {
  const { shape } = types.output;
  if (!rules.evaluate || node.outputs.length !== 1) return null;
  if (!isStatic(shape) || sizeOf(shape) > largestFolded) return null;
  if (node.op === 'Shape') return settled(dimensionsOf(types.inputs[0], attributes));
  const operands = node.inputs.map((name, i) =>
    operand(node, types.inputs[i] ?? null, name, graph),
  );
  const inputs = operands.filter((each) => each !== null);
  if (inputs.length < operands.length) return null;
  if (inputs.every((input, i) => input.dtype === types.inputs[i]?.dtype || node.op === 'Size'))
    return rules.evaluate(inputs, attributes as never);
  const carrier = Object.hasOwn(carriers, node.op) ? carriers[node.op] : undefined;
  const carries = (i: number): boolean => carrier === 'all' || (carrier === 'first' && i === 0);
  if (types.output.dtype !== 'int64' || inputs.some((x, i) => x.dtype === 'string' && !carries(i)))
    return null;
  if (node.op === 'Cast') return inputs[0] ?? null;
  const dims = inputs.map((input, i) => (carries(i) ? asStrings(input) : input));
  return settled(rules.evaluate(dims, attributes as never));
}

/** Data of one input, known or symbolic. Size needs the dimensions only, so it gets a stand-in without data. */
function operand(
  { op }: Node,
  type: TensorType | null,
  name: string,
  graph: KnownData,
): Tensor | null {
  if (op === 'Size' && type && isStatic(type.shape))
    return { dtype: 'float32', dims: type.shape, data: new Float32Array(0) };
  const data = graph.known(name) ?? graph.symbolic(name);
  return data && data.data.length <= largestFolded ? data : null;
}

/** What Shape gives, as strings. */
function dimensionsOf(
  type: TensorType | null | undefined,
  { start, end }: Record<string, unknown>,
): Tensor<'string'> | null {
  if (!type) return null;
  const dims = type.shape.slice(start as number | undefined, end as number | undefined).map(String);
  return { dtype: 'string', dims: [dims.length], data: dims };
}

const asStrings = (data: Tensor): Tensor<'string'> => ({
  dtype: 'string',
  dims: data.dims,
  data: Array.from(data.data as ArrayLike<number | bigint | string>, String),
});

/** int64 where no name is left. */
function settled(data: Tensor | null): Tensor | null {
  return data && hasDType(data, 'string') && data.data.every(isNumber)
    ? tensor('int64', data.dims, data.data)
    : data;
}
