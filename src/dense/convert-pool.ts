/** Windows that slide over the map already, and pools over all of it that become such. */
import { attributesOf } from '../graph/builder.js';
import type { Node } from '../graph/graph.js';
import { type Window, type WindowAttributes, windowOf } from '../ops/window.js';
import { type Conversion, ints, Refusal } from './conversion.js';
import { isMap, type Layout, positions, sizesOf } from './layout.js';

/** The map that a node needs. @throws Refusal where the classifier has it in another form. */
export function mapOf(node: Node, c: Conversion): Layout {
  const layout = c.layout(node);
  if (isMap(layout)) return layout;
  throw new Refusal(
    `it reads a value of shape ${sizesOf(layout.shape)}, where a map (batch, channels, height, width) is wanted`,
  );
}

/** The output as the map that the classifier has. */
export function giveMap(node: Node, c: Conversion, value: Layout['value']): void {
  const [, channels = 1, height = 1, width = 1] = c.shape(node.outputs[0] ?? '');
  c.give(node, value, [channels, height, width], { order: 'chw', isTurned: false });
}

/** Where the windows of a node stand at the classifier's size. */
function windowAt(node: Node, c: Conversion, layout: Layout): Window {
  const attributes = attributesOf(c.from.table, node) as unknown as WindowAttributes;
  const weights = node.op === 'Conv' ? c.shape(node.inputs[1] ?? '').slice(2) : undefined;
  return windowOf(attributes, layout.map.slice(1), weights);
}

/** Conv and pools: pads that follow from the size are written out, as they are at the classifier's size. */
export function sliding(node: Node, c: Conversion): void {
  const layout = mapOf(node, c);
  if (node.inputs.slice(1).some((name) => c.layouts.has(name)))
    throw new Refusal('its kernels are computed from the image');
  if (node.outputs[1]) throw new Refusal('it gives the places of the largest, which change');
  const window = windowAt(node, c, layout);
  if (node.op === 'AveragePool' && isWhole(window, layout)) {
    pool(node, c, layout, 'AveragePool');
    return;
  }
  const autoPad = node.attributes['auto_pad'];
  const isComputed = autoPad?.type === 'string' && autoPad.value !== 'NOTSET';
  const pads = [...window.begin, ...window.end].map((size) => Math.max(0, size));
  const [value = null] = c.add(
    node,
    isComputed ? { attributes: { auto_pad: null, pads: ints(pads) } } : {},
  );
  giveMap(node, c, value);
}

function isWhole({ kernel, begin, end }: Window, { map: [, height, width] }: Layout): boolean {
  const isUnpadded = [...begin, ...end].every((size) => size <= 0);
  return kernel[0] === height && kernel[1] === width && isUnpadded;
}

const windows = {
  GlobalAveragePool: 'AveragePool',
  GlobalMaxPool: 'MaxPool',
  GlobalLpPool: 'LpPool',
} as const;

/** Pools over the whole map. */
export function globalPool(node: Node, c: Conversion): void {
  const op = windows[node.op as keyof typeof windows];
  pool(node, c, mapOf(node, c), op);
}

/** ReduceMean and ReduceMax over all positions of a map. */
export function reducedMap(node: Node, c: Conversion, axes: readonly number[]): boolean {
  const layout = c.layout(node);
  const { shape, map, order, isTurned } = layout;
  const channels = order === 'chw' ? 1 : shape.length - 1;
  const spatial = shape.map((_, axis) => axis).filter((axis) => axis > 0 && axis !== channels);
  const isSpatial =
    axes.length === spatial.length && spatial.every((axis) => axes.includes(axis)) && !isTurned;
  if (!isSpatial || shape.length < 3 || shape[channels] !== map[0]) return false;
  if (node.op !== 'ReduceMean' && node.op !== 'ReduceMax') return false;
  pool(node, c, layout, node.op === 'ReduceMean' ? 'AveragePool' : 'MaxPool');
  return true;
}

/** A pool over the whole map: as a window of its size with stride 1, or left out. */
function pool(node: Node, c: Conversion, layout: Layout, op: string): void {
  c.takesWhole(layout);
  const { map, value } = layout;
  const [channels, height, width] = map;
  const pooledBy = node.name || node.outputs[0] || '';
  const given = { order: 'chw', isTurned: false, pooledBy } as const;
  if (c.pooling === 'none' && positions(layout) > 1) c.hasDropped = true;
  if (c.pooling === 'none' || positions(layout) === 1 || !value) {
    c.give(node, value, [channels, 1, 1], given);
    return;
  }
  const { p } = node.attributes;
  const attributes = {
    kernel_shape: ints([height, width]),
    strides: ints([1, 1]),
    ...(op === 'LpPool' && p ? { p } : {}),
  };
  const [windowed = null] = c.add({ ...node, op, attributes }, { inputs: [value] });
  c.give(node, windowed, [channels, 1, 1], given);
}

/** A transposed convolution whose output is stated by pads. */
export function spreading(node: Node, c: Conversion): void {
  mapOf(node, c);
  const { auto_pad: autoPad, output_shape: size } = c.attributes(node);
  if (size || String(autoPad).startsWith('SAME'))
    throw new Refusal('the size of its output is written down. Export it with pads');
  const [value = null] = c.add(node, {});
  giveMap(node, c, value);
}

/** Resize by factors; by sizes only where these are computed from a map. */
export function resize(node: Node, c: Conversion): void {
  mapOf(node, c);
  const sizes = node.inputs[3] ?? '';
  if (sizes !== '' && !c.isSize(sizes))
    throw new Refusal('it resizes to a fixed size. Export it with scales');
  const [value = null] = c.add(node, {});
  giveMap(node, c, value);
}
