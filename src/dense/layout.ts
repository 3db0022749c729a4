/** How the classifier's values lie in the dense network, where each is a map (batch, channels, height, width). */
import type { Value } from '../graph/graph.js';

/** A value of the classifier that depends on the image. */
export interface Layout {
  /** Its map in the dense network; null behind a node that cannot be converted. */
  readonly value: Value | null;
  /** Channels, height and width that the map has at the classifier's own image size. */
  readonly map: readonly [channels: number, height: number, width: number];
  /** In which order these lie behind the batch in the classifier: `hwc` behind a Transpose to channels last. */
  readonly order: 'chw' | 'hwc';
  /** Its shape in the classifier: the map, or any reshaping of it. */
  readonly shape: readonly number[];
  /** Whether the classifier holds it transposed: (features, batch). */
  readonly isTurned: boolean;
  /** The node that pooled it over the whole map, for messages; null where none did. */
  readonly pooledBy: string | null;
}

/** How many positions the map has at the classifier's image size. */
export const positions = ({ map: [, height, width] }: Layout): number => height * width;

/** Whether the classifier, too, has it as (batch, channels, height, width). */
export function isMap({ map, order, shape, isTurned }: Layout): boolean {
  const same = map.every((size, i) => shape[i + 1] === size);
  return shape.length === 4 && order === 'chw' && !isTurned && same;
}

/** The axis of the classifier's value along which its channels lie alone; null where there is none. */
export function channelAxis(layout: Layout): number | null {
  const { map, order, shape, isTurned } = layout;
  const [channels] = map;
  if (isMap(layout)) return 1;
  if (order === 'hwc' && shape.length === 4 && shape[3] === channels) return 3;
  if (positions(layout) !== 1) return null;
  if (isTurned) return 0;
  const axis = shape.findIndex(
    (size, at) => size === channels && (at > 0 || shape.length === 1 || channels > 1),
  );
  const isAlone = shape.every((size, at) => at === axis || at === 0 || size === 1);
  return axis >= 0 && isAlone ? axis : null;
}

/** Whether the axis holds all channels and positions, channel by channel: (batch, channels * height * width). */
export function isFlat({ map, order, shape, isTurned }: Layout): boolean {
  const all = map[0] * map[1] * map[2];
  return shape.length === 2 && order === 'chw' && !isTurned && shape[1] === all;
}

/** What to say of a shape: 10 x 5 x 5. */
export const sizesOf = (map: readonly number[]): string => map.join(' x ');
