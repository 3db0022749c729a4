/** Where the cells of a map stand in the image: what alignment is computed from. */
import { ModelError } from '../errors.js';
import type { AxisField, Field } from '../ops/receptive-field.js';

/**
 * The cells of a map along one axis of the image: the receptive field of cell i is centred at pixel
 * `offset + i * stride`. Pixels are counted by their centres, so the image itself is `{ stride: 1, offset: 0 }`.
 */
export interface Grid {
  readonly stride: number;
  readonly offset: number;
}

/** Along height and width. */
export type Grids = readonly [Grid, Grid];

/** The image's own pixels. */
export const pixels: Grids = [
  { stride: 1, offset: 0 },
  { stride: 1, offset: 0 },
];

/** The grid of one axis: a receptive field's middle stands for its cell. */
export function gridOfAxis({ size, stride, offset }: AxisField): Grid {
  return { stride, offset: offset + (size - 1) / 2 };
}

/**
 * The grids of a map (batch, channels, height, width) with the receptive field given.
 * @param name of the map, for the error
 * @throws ModelError where the cells do not lie in rows and columns over the image.
 */
export function gridsOf(field: Field | 'unknown' | null | undefined, name: string): Grids {
  const [height, width, ...more] = Array.isArray(field) ? (field as Field) : [];
  const lies = (axis: AxisField | undefined, at: number): axis is AxisField =>
    axis?.axis === at && !axis.merged && axis.stride > 0;
  if (lies(height, 2) && lies(width, 3) && more.length === 0)
    return [gridOfAxis(height), gridOfAxis(width)];
  throw new ModelError(
    `"${name}" is no map over the image whose cells lie in rows and columns: it cannot be aligned with the pixels`,
    { actual: name },
  );
}

/** The grid that is left where `first` cells are cut off at the beginning. */
export function cutGrid({ stride, offset }: Grid, first: number): Grid {
  return { stride, offset: offset + first * stride };
}
