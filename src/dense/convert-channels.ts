/** Operators along the channels: their axis becomes the second. */
import type { Node } from '../graph/graph.js';
import { normalizeAxis, sizeOf } from '../tensor/shape.js';
import { tensor } from '../tensor/tensor.js';
import { type Attributes, type Conversion, int, Refusal } from './conversion.js';
import { reducedMap } from './convert-pool.js';
import { channelAxis, isFlat, isMap, type Layout, positions, sizesOf } from './layout.js';

/** @throws Refusal where the axes are not that of the channels alone. */
function checkAxes(layout: Layout, axes: readonly number[]): void {
  const channels = channelAxis(layout);
  const all = axes.map((axis) => normalizeAxis(axis, layout.shape.length));
  if (channels !== null && all.length === 1 && all[0] === channels) return;
  throw new Refusal(
    `it works along axis ${all.join(', ')} of ${sizesOf(layout.shape)}, which ${channels === null ? 'mixes channels with positions' : `is not that of the channels (${channels})`}`,
  );
}

/** The number of channels of an output along whose axis `axis` they lie; 1 where that axis was reduced. */
function give(node: Node, c: Conversion, value: Layout['value'], channels: number): void {
  const [, height, width] = c.layout(node).map;
  c.give(node, value, [channels, height, width]);
}

/** Softmax, LogSoftmax, Hardmax, LpNormalization. */
export function alongChannels(node: Node, c: Conversion): void {
  const layout = c.layout(node);
  checkAxes(layout, [Number(c.attributes(node)['axis'])]);
  const [value = null] = c.add(node, { attributes: { axis: int(1) } });
  give(node, c, value, layout.map[0]);
}

/** ArgMax and ArgMin: (batch, 1, height, width). */
export function place(node: Node, c: Conversion): void {
  checkAxes(c.layout(node), [Number(c.attributes(node)['axis'])]);
  const [value = null] = c.add(node, { attributes: { axis: int(1), keepdims: int(1) } });
  give(node, c, value, 1);
}

/** Reductions over the channels, or over all positions. */
export function reduction(node: Node, c: Conversion): void {
  const layout = c.layout(node);
  const rank = layout.shape.length;
  const axes = (c.numbers(node, 1) ?? layout.shape.map((_, axis) => axis)).map((axis) =>
    normalizeAxis(axis, rank),
  );
  if (reducedMap(node, c, axes)) return;
  checkAxes(layout, axes);
  const along = c.to.constant(tensor('int64', [1], [1]));
  const attributes: Attributes = { keepdims: int(1) };
  const [value = null] = c.add(node, { inputs: [layout.value, along], attributes });
  give(node, c, value, 1);
}

/** Maps one behind the other along the channels, flattened ones too. */
export function concat(node: Node, c: Conversion): void {
  const layouts = node.inputs.map((_, i) => c.layout(node, i));
  const axis = normalizeAxis(Number(c.attributes(node)['axis']), layouts[0]?.shape.length ?? 0);
  const [, height, width] = layouts[0]?.map ?? [];
  for (const layout of layouts) {
    const sizes = layout.map.slice(1);
    if (sizes[0] !== height || sizes[1] !== width)
      throw new Refusal(
        `it joins maps of ${layouts.map(({ map }) => sizesOf(map.slice(1))).join(' and ')} positions: no one window slides over both`,
      );
    const isOneByOne = axis === 1 && (isMap(layout) || isFlat(layout));
    if (!isOneByOne) checkAxes(layout, [axis]);
  }
  const [value = null] = c.add(node, { attributes: { axis: int(1) } });
  give(
    node,
    c,
    value,
    layouts.reduce((sum, { map }) => sum + map[0], 0),
  );
}

/** BatchNormalization: one number a channel, and channels are second in both networks. */
export function batchNormalization(node: Node, c: Conversion): void {
  const layout = c.layout(node);
  if (channelAxis(layout) !== 1)
    throw new Refusal(
      `it has a number for each of ${sizesOf(layout.shape)}: positions have their own`,
    );
  if (node.outputs[1]) throw new Refusal('it is in its training form. Export it for inference');
  const [value = null] = c.add(node, {});
  c.give(node, value, layout.map);
}

/** Operators that keep (batch, channels, height, width) and see all channels, but one position. */
export function perPosition(node: Node, c: Conversion): void {
  const layout = c.layout(node);
  if (!isMap(layout))
    throw new Refusal(`it reads a value of shape ${sizesOf(layout.shape)}, which is no map`);
  const [value = null] = c.add(node, {});
  c.give(node, value, layout.map);
}

/** Split along the channels. */
export function split(node: Node, c: Conversion): void {
  const layout = c.layout(node);
  const axis = Number(c.attributes(node)['axis']);
  checkAxes(layout, [axis]);
  const values = c.add(node, { attributes: { axis: int(1) } });
  const [, height, width] = layout.map;
  node.outputs.forEach((output, i) => {
    const shape = c.shape(output);
    const channels = shape[normalizeAxis(axis, shape.length)] ?? 1;
    c.layouts.set(output, {
      ...layout,
      value: values[i] ?? null,
      map: [channels, height, width],
      shape,
    });
  });
}

/** The same values in another shape: nothing is left to do where the map stays as it is. */
export function reshape(node: Node, c: Conversion): void {
  const layout = c.layout(node);
  const shape = c.shape(node.outputs[0] ?? '');
  if (sizeOf(shape) !== sizeOf(layout.shape))
    throw new Refusal(`it makes ${sizesOf(shape)} of ${sizesOf(layout.shape)}`);
  const isBatchFirst = layout.shape[0] === 1 || shape[0] === layout.shape[0];
  if (!isBatchFirst || (layout.isTurned && positions(layout) !== 1))
    throw new Refusal('it joins the batch with what is known of an image');
  c.give(node, layout.value, layout.map);
}

/** To channels last and back, and of a matrix: what comes after knows in which order the values lie. */
export function transpose(node: Node, c: Conversion): void {
  const layout = c.layout(node);
  const perm = (c.attributes(node)['perm'] as readonly number[] | undefined) ?? [
    ...layout.shape.keys(),
  ];
  const order = [...perm].join();
  const isTurn = layout.shape.length === 2 && (order === '1,0' || !c.attributes(node)['perm']);
  const isSpatial = layout.shape.length === 4 && !layout.isTurned;
  if (isTurn) c.give(node, layout.value, layout.map, { isTurned: !layout.isTurned });
  else if (isSpatial && isMap(layout) && order === '0,2,3,1')
    c.give(node, layout.value, layout.map, { order: 'hwc' });
  else if (isSpatial && layout.order === 'hwc' && order === '0,3,1,2')
    c.give(node, layout.value, layout.map, { order: 'chw' });
  else
    throw new Refusal(
      `it orders the axes of ${sizesOf(layout.shape)} by ${order}: positions and channels would change places`,
    );
}
