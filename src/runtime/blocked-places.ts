/**
 * Values whose rows and columns strides leave apart, in blocks of channels: what is added to such a value is added to its
 * parts, before rows and then columns are put side by side.
 */
import type { Node } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { sameDims } from './blocked-maps.js';
import { blockedDomain, int, type NodeMaker } from './node-maker.js';

export type Strides = readonly [number, number];

/** Places of rows and columns up to which the convolutions that make them are worth their number. */
export const mostPlaces = 4;

/** The places of positions modulo a stride. */
export const placesOf = (stride: number): number[] =>
  Array.from({ length: stride }, (_, place) => place);

/**
 * The rows of one place, and the nodes that make them: in blocks (N, C / block, place of columns, height / stride,
 * width / stride, block).
 */
export interface Part {
  readonly nodes: readonly Node[];
  readonly blocked: string;
}

/** A value by the places of its rows modulo strides that divide its size. */
export interface Parts {
  /** (N, C, height, width) of the whole. */
  readonly dims: readonly number[];
  readonly strides: Strides;
  /** One for each place of rows; null where all is zero. */
  readonly parts: readonly (Part | null)[];
}

/**
 * The parts of a value that is zero but for the first place of rows and columns.
 * @param x what is there, in blocks
 * @param y what the names of values and nodes begin with
 * @param dims dimensions of the whole
 */
export function firstPlace(
  maker: NodeMaker,
  x: string,
  y: string,
  dims: readonly number[],
  strides: Strides,
  block: number,
): Parts {
  const [down, right] = strides;
  const [batch = 1, channels = 1, height = 1, width = 1] = dims;
  const [high, wide] = [height / down, width / right];
  const size = high * wide * block;
  const [nodes, blocked]: [Node[], string] = [[], maker.name(`${y}/rows 0/blocked`)];
  const [pieces, none] = [(batch * channels) / block, `${y}/zeros`];
  const [view, beside, joined] = [
    maker.name(`${y}/pieces`),
    maker.name(none),
    maker.name(`${y}/joined`),
  ];
  nodes.push(
    maker.reshape(x, [pieces, 1, size], view),
    maker.node(
      'ConstantOfShape',
      [maker.list(`${none}/dims`, [pieces, right - 1, size])],
      beside,
      {},
      '',
    ),
    maker.node('Concat', [view, beside], joined, { axis: int(1) }, ''),
    maker.reshape(joined, [batch, channels * right, high, wide], blocked),
  );
  const first = right === 1 ? { nodes: [], blocked: x } : { nodes, blocked };
  return { dims, strides, parts: placesOf(down).map((place) => (place === 0 ? first : null)) };
}

/** The sum of two values that lie apart alike, as `sum`; null where they do not. */
export function addedParts(maker: NodeMaker, a: Parts, b: Parts, sum: string): Parts | null {
  if (!sameDims(a.dims, b.dims) || !sameDims(a.strides, b.strides)) return null;
  const parts = a.parts.map((part, i) => {
    const other = b.parts[i] ?? null;
    if (!part || !other) return part ?? other;
    const summed = maker.name(`${sum}/rows ${i}`);
    return withSum(part, other) ?? withSum(other, part) ?? plainSum(maker, part, other, summed);
  });
  return { ...a, parts };
}

/** A part that ends in a convolution, with another added in the same pass. */
function withSum({ nodes, blocked }: Part, other: Part): Part | null {
  const conv = nodes.at(-1);
  if (conv?.op !== 'Conv' || conv.domain !== blockedDomain || conv.inputs.length > 3) return null;
  const [x = '', kernel = '', bias = ''] = conv.inputs;
  const summing = { ...conv, inputs: [x, kernel, bias, other.blocked] };
  return { blocked, nodes: [...other.nodes, ...nodes.slice(0, -1), summing] };
}

const plainSum = (maker: NodeMaker, a: Part, b: Part, blocked: string): Part => ({
  blocked,
  nodes: [...a.nodes, ...b.nodes, maker.node('Add', [a.blocked, b.blocked], blocked, {}, '')],
});

/** Nodes that put the parts together as `blocked`, the whole value in blocks. */
export function together(
  maker: NodeMaker,
  { dims, strides: [down, right], parts }: Parts,
  blocked: string,
  block: number,
): Node[] {
  const named = (name: string): string => maker.name(`${blocked}/${name}`);
  const nodes: Node[] = parts.flatMap((part) => part?.nodes ?? []);
  const [batch = 1, channels = 1, height = 1, width = 1] = dims;
  const row = (width / right) * block;
  const pieces = [sizeOf(dims) / (down * row), 1, row];
  const views = parts.map((part) => {
    const view = named(part ? 'rows' : 'zeros');
    if (part) nodes.push(maker.reshape(part.blocked, pieces, view));
    else
      nodes.push(maker.node('ConstantOfShape', [maker.list(`${view}/dims`, pieces)], view, {}, ''));
    return view;
  });
  const rows = down === 1 ? (views[0] ?? '') : named('rows side by side');
  if (down > 1) nodes.push(maker.node('Concat', views, rows, { axis: int(1) }, ''));
  if (right === 1) return [...nodes, maker.reshape(rows, dims, blocked)];
  // Columns are positions in blocks of channels: what lays channels-last maps out moves a block at a time, on all threads.
  const [apart, columns] = [named('columns'), named('columns side by side')];
  const last = [(batch * channels) / block, right, 1, height * row];
  return [
    ...nodes,
    maker.reshape(rows, last, apart),
    maker.node('ReorderInput', [apart], columns, { channels_last: int(1) }),
    maker.reshape(columns, dims, blocked),
  ];
}
