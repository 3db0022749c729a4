/** Element by element: constants with one number for each channel are laid along the map's channels. */
import type { Node, Value } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { type Conversion, Refusal } from './conversion.js';
import { channelAxis, isMap, type Layout, positions, sizesOf } from './layout.js';

/** Any number of values and constants that broadcast. */
export function elementwise(node: Node, c: Conversion): void {
  const seen = node.inputs.flatMap((name) => c.layouts.get(name) ?? []);
  const shape = c.shape(node.outputs[0] ?? '');
  const largest = seen.reduce((a, b) => (sizeOf(b.map) > sizeOf(a.map) ? b : a));
  for (const layout of seen) checkFits(layout, largest);
  const like = { ...largest, shape };
  const values = c.add(node, {
    inputs: node.inputs.map((name): Value | null | undefined => {
      const layout = c.layouts.get(name);
      if (layout) return layout.value;
      return name === '' ? undefined : constant(name, c, like);
    }),
  });
  const { order, isTurned, pooledBy } = largest;
  node.outputs.forEach((output, i) => {
    if (output === '') return;
    const layout = { map: largest.map, shape, order, isTurned, pooledBy };
    c.layouts.set(output, { ...layout, value: values[i] ?? null });
  });
}

/** @throws Refusal where two values of the image do not lie over each other. */
function checkFits(layout: Layout, largest: Layout): void {
  const [channels, height, width] = layout.map;
  const isSame = height === largest.map[1] && width === largest.map[2];
  if (!isSame)
    throw new Refusal(
      layout.pooledBy
        ? `it brings what is pooled over the whole map by "${layout.pooledBy}" back onto the map ${sizesOf(largest.map)}, as squeeze-and-excitation does: each window would need a pool of its own`
        : `it puts a map of ${sizesOf(layout.map)} over one of ${sizesOf(largest.map)}`,
    );
  const isAligned =
    layout.order === largest.order || positions(layout) === 1 || sizeOf(layout.map) === 1;
  const isSameRank =
    layout.shape.length === largest.shape.length && layout.isTurned === largest.isTurned;
  if (!isAligned || !isSameRank || (channels !== 1 && channels !== largest.map[0]))
    throw new Refusal(
      `it puts ${sizesOf(layout.shape)} over ${sizesOf(largest.shape)}, which lie in another order`,
    );
}

/** A constant operand, over the channels of the result. */
function constant(name: string, c: Conversion, like: Layout): Value {
  const stated = c.shape(name);
  if (sizeOf(stated) === 1) return stated.length > 4 ? scalar(name, c) : c.plain(name);
  const rank = like.shape.length;
  const dims = [...Array<number>(Math.max(0, rank - stated.length)).fill(1), ...stated];
  const axis = channelAxis(like);
  const isAlong = axis !== null && dims.every((size, at) => at === axis || size === 1);
  if (!isAlong || dims.length > rank)
    throw new Refusal(
      `"${name}" (${sizesOf(stated)}) has numbers of their own for positions of ${sizesOf(like.shape)}`,
    );
  if (isMap(like)) return c.plain(name);
  const data = c.from.known(name);
  if (!data) throw new Refusal(`"${name}" is computed, where constants are wanted`);
  const channels = sizeOf(stated);
  return c.constant(name, 'channels', () => ({ ...data, dims: [channels, 1, 1] }));
}

function scalar(name: string, c: Conversion): Value {
  const data = c.from.known(name);
  if (!data) throw new Refusal(`"${name}" is computed, where constants are wanted`);
  return c.constant(name, 'scalar', () => ({ ...data, dims: [1] }));
}
