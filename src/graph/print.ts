/** A graph as text that a person can read: one line a node, in the order in which they run. */
import { float16ToFloat32 } from '../tensor/float16.js';
import { formatShape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Attribute, Graph, Node, TensorType } from './graph.js';

/** What is known of values by name, such as shape inference gives. */
export type KnownTypes = ReadonlyMap<string, TensorType>;

/** Tensors of at most this many elements are shown with their values. */
const largestShown = 8;
/** Left sides are padded to the widest, but not beyond this, so that one long name does not push all away. */
const widestAligned = 56;

/**
 * The whole graph: its inputs, its initializers with their shapes (and values where they are few), its nodes such as
 * `%y: float32[batch, 10] = Gemm(%x, %w, %b) {transB: 1}`, its outputs. A node that has a name of its own is followed
 * by it after `#`. An absent optional input is `none`; the body of an If or Loop stands indented below its node.
 * @param types dtypes and shapes that the graph itself does not state; they win over those that it does.
 */
export function printGraph(graph: Graph, types: KnownTypes = new Map()): string {
  return printLines(graph, types).join('\n');
}

function printLines(graph: Graph, types: KnownTypes): string[] {
  const typed = (name: string): string =>
    withType(name, types.get(name) ?? statedType(graph, name));
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  return [
    `graph ${graph.name === '' ? '(no name)' : oneLine(graph.name)}`,
    ...section(
      'inputs',
      inputs.map(({ name }) => typed(name)),
    ),
    ...section(
      'initializers',
      [...graph.initializers].map(([name, tensor]) => {
        const values = printValues(tensor);
        return `${withType(name, { dtype: tensor.dtype, shape: tensor.dims })}${values === null ? '' : ` = ${values}`}`;
      }),
    ),
    ...section('nodes', printNodes(graph.nodes, typed, types)),
    ...section(
      'outputs',
      graph.outputs.map(({ name }) => typed(name)),
    ),
  ];
}

/** Names come from files: what would end the line, or a terminal would obey, becomes a space. */
const oneLine = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ');

const shown = (name: string): string => `%${oneLine(name)}`;

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`${title}:`, ...lines.map(indent)];

const indent = (line: string): string => (line === '' ? '' : `  ${line}`);

function printNodes(
  nodes: readonly Node[],
  typed: (name: string) => string,
  types: KnownTypes,
): string[] {
  const lefts = nodes.map(({ outputs }) =>
    outputs.map((name) => (name === '' ? 'none' : typed(name))).join(', '),
  );
  const widths = lefts.map(({ length }) => length).filter((width) => width <= widestAligned);
  const width = Math.max(0, ...widths);
  return nodes.flatMap((node, i) => [
    `${(lefts[i] ?? '').padEnd(width)} = ${printCall(node)}`,
    ...Object.entries(node.attributes).flatMap(([key, attribute]) =>
      attribute.type === 'graph'
        ? [`  ${key}:`, ...printLines(attribute.value, types).map((line) => `    ${line}`)]
        : [],
    ),
  ]);
}

/** `Gemm(%x, %w, %b) {transB: 1}  # name`. */
function printCall({ name, op, domain, inputs, outputs, attributes }: Node): string {
  const callee = oneLine(domain === '' ? op : `${domain}.${op}`);
  const operands = inputs.map((input) => (input === '' ? 'none' : shown(input))).join(', ');
  const settings = Object.entries(attributes).map(
    ([key, attribute]) => `${key}: ${printAttribute(attribute)}`,
  );
  const braces = settings.length === 0 ? '' : ` {${settings.join(', ')}}`;
  const comment = name === '' || name === outputs[0] ? '' : `  # ${oneLine(name)}`;
  return `${callee}(${operands})${braces}${comment}`;
}

function printAttribute(attribute: Attribute): string {
  switch (attribute.type) {
    case 'int':
    case 'float':
      return String(attribute.value);
    case 'string':
      return JSON.stringify(attribute.value);
    case 'ints':
    case 'floats':
      return `[${attribute.value.join(', ')}]`;
    case 'strings':
      return `[${attribute.value.map((text) => JSON.stringify(text)).join(', ')}]`;
    case 'tensor': {
      const { dtype, dims } = attribute.value;
      return printValues(attribute.value) ?? `${dtype}${formatShape(dims)}`;
    }
    case 'graph':
      return 'below';
    case 'opaque':
      return 'not shown';
  }
}

/** The elements of a small tensor, `[1, 2]`, or bare for a scalar; null for a large one. */
function printValues(tensor: Tensor): string | null {
  const { dtype, dims, data } = tensor;
  if (data.length > largestShown || dtype === 'bfloat16') return null;
  const values = dtype === 'float16' ? float16ToFloat32(data as Uint16Array) : data;
  const items = Array.from(values as ArrayLike<number | bigint | string>, (value) =>
    typeof value === 'string' ? JSON.stringify(value) : printNumber(value, dtype),
  );
  return dims.length === 0 ? (items[0] ?? '') : `[${items.join(', ')}]`;
}

/** float32 values in the digits that tell them apart: 0.1, not 0.10000000149011612. */
function printNumber(value: number | bigint, dtype: string): string {
  if (typeof value === 'bigint' || !Number.isFinite(value)) return String(value);
  if (dtype === 'bool') return value === 0 ? 'false' : 'true';
  if (dtype !== 'float32' && dtype !== 'float16') return String(value);
  return String(Number(value.toPrecision(7)));
}

function withType(name: string, type: Partial<TensorType> | undefined): string {
  if (type === undefined) return shown(name);
  const { dtype = '?', shape } = type;
  return `${shown(name)}: ${dtype}${shape === undefined ? '[?]' : formatShape(shape)}`;
}

/** What the file or the builder says of a value. */
function statedType(graph: Graph, name: string): Partial<TensorType> | undefined {
  const tensor = graph.initializers.get(name);
  if (tensor) return { dtype: tensor.dtype, shape: tensor.dims };
  const find = ({ name: other }: { readonly name: string }) => other === name;
  const info = graph.values.get(name) ?? graph.inputs.find(find) ?? graph.outputs.find(find);
  if (!info || (info.dtype === null && info.shape === null)) return undefined;
  return {
    ...(info.dtype === null ? {} : { dtype: info.dtype }),
    ...(info.shape === null ? {} : { shape: info.shape }),
  };
}
