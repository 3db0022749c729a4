/**
 * Receptive fields: which pixels of the image an element of a value depends on. Along each axis of the image
 * this is affine in the element's position: `size` pixels from `offset + stride * position` on. Each operator
 * states in its entry what becomes of the fields of its inputs.
 */
import type { TensorType } from '../graph/graph.js';
import type { Tensor } from '../tensor/tensor.js';

/** What the elements of a value see along one axis of the image, in pixels. */
export interface AxisField {
  /** Pixels that an element sees, those of padding included; an upper bound unless `exact`. */
  readonly size: number;
  /** Pixels between what neighbours see; for a value of one position, by what it would move were it a filter. */
  readonly stride: number;
  /** The first pixel that position 0 sees; negative where padding comes before it. */
  readonly offset: number;
  /** The value's axis along which positions lie; null where it has one position and no axis for it. */
  readonly axis: number | null;
  /** How many positions there are; null where the size is symbolic. */
  readonly count: number | null;
  /** Whether the axis holds more than these positions, as after Flatten: an index is then no position. */
  readonly merged: boolean;
  /** False where `size` and `offset` only bound what is seen, as between the pixels of Resize. */
  readonly exact: boolean;
}

/** One entry for each spatial axis of the image. */
export type Field = readonly AxisField[];

/** A field; null where the value does not depend on the image; `unknown` where no field describes it. */
export type FieldResult = Field | 'unknown' | null;

/** What an operator's field rule sees. */
export interface FieldContext<A = unknown> {
  readonly attributes: A;
  readonly inputs: readonly (TensorType | null)[];
  /** By input; null where it is absent or does not depend on the image. At least one is there. */
  readonly fields: readonly (Field | null)[];
  /** The output that is asked about, and which one of the node's it is. */
  readonly output: TensorType;
  readonly index: number;
  /** Data of the i-th input where it is known before the graph runs. */
  constant(i: number): Tensor | null;
}

/** What an output sees, by what the inputs see. */
export type FieldRule<A = unknown> = (context: FieldContext<A>) => FieldResult;

/** A window that moves over an axis: `before` elements of padding come first. */
export interface FieldWindow {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
}

/** What one pixel of the image sees: itself. */
export function pixelField(axis: number, count: number | null): AxisField {
  return { size: 1, stride: 1, offset: 0, axis, count, merged: false, exact: true };
}

/**
 * Of a convolution or pool: output position p reads the positions `p * stride - before + k * dilation` for k from
 * 0 to kernel - 1.
 */
export function throughWindow(field: AxisField, window: FieldWindow): AxisField {
  const { kernel, stride, dilation, before } = window;
  return {
    ...field,
    size: field.size + (kernel - 1) * dilation * field.stride,
    stride: field.stride * stride,
    offset: field.offset - before * field.stride,
  };
}

/**
 * Of a transposed convolution: output position p reads the positions i with `i * stride - before + k * dilation = p`.
 * For a stride above 1 their number depends on p; the window given holds them all.
 */
export function throughTransposedWindow(field: AxisField, window: FieldWindow): AxisField {
  const { kernel, stride, dilation, before } = window;
  const span = (kernel - 1) * dilation;
  return {
    ...field,
    size: field.size + (span * field.stride) / stride,
    stride: field.stride / stride,
    offset: field.offset + ((before - span) * field.stride) / stride,
    exact: field.exact && stride === 1,
  };
}

/**
 * Of resampling: output position p reads positions between `p / scale + shift - reach` and
 * `p / scale + shift + reach`.
 */
export function throughResampling(
  field: AxisField,
  {
    scale,
    shift,
    reach,
  }: { readonly scale: number; readonly shift: number; readonly reach: number },
): AxisField {
  return {
    ...field,
    size: field.size + 2 * reach * field.stride,
    stride: field.stride / scale,
    offset: field.offset + (shift - reach) * field.stride,
    exact: false,
  };
}

/**
 * All positions together, as one filter that could move over a larger image: what a fully connected layer or a
 * global pool sees. Null where the number of positions is not known.
 */
export function asOneFilter(field: AxisField): AxisField | null {
  if (field.count === null) return null;
  return {
    ...field,
    size: field.size + Math.max(0, field.count - 1) * Math.abs(field.stride),
    count: 1,
  };
}

/**
 * Each position sees what any of them sees. The window is the same at every position, so it reaches beyond the
 * image on both sides, as if padded.
 */
export function everywhere(field: AxisField): AxisField | null {
  if (field.count === null || field.stride < 0) return null;
  const reach = Math.max(0, field.count - 1) * field.stride;
  return {
    ...field,
    size: field.size + 2 * reach,
    offset: field.offset - reach,
    exact: field.exact && reach === 0,
  };
}

/** How many positions a filter has on `pixels` pixels without padding; none where the image is too small. */
export function positionsOn(pixels: number, { size, stride }: AxisField): number {
  return pixels < size ? 0 : Math.floor((pixels - size) / stride) + 1;
}

/**
 * The smallest field that holds what both see at each position. Strides must agree; where one of two has a single
 * position, which stands beside every position of the other, the bound is loose.
 * @returns null where no field describes it.
 */
export function union(a: AxisField, b: AxisField): AxisField | null {
  const [wide, narrow] = (a.count ?? 2) >= (b.count ?? 2) ? [a, b] : [b, a];
  if (wide.count === 1) return unionOfFilters(wide, narrow);
  if (narrow.count === 1) return besideAll(wide, narrow);
  const isSame =
    a.stride === b.stride && a.axis === b.axis && a.merged === b.merged && a.count === b.count;
  return isSame ? hull(a, b, a.stride) : null;
}

function hull(a: AxisField, b: AxisField, stride: number): AxisField {
  const offset = Math.min(a.offset, b.offset);
  const size = Math.max(a.offset + a.size, b.offset + b.size) - offset;
  return { ...a, offset, size, stride, exact: a.exact && b.exact };
}

/** Two single positions move together by a stride that is whole steps of both. */
function unionOfFilters(a: AxisField, b: AxisField): AxisField | null {
  const [large, small] = a.stride >= b.stride ? [a.stride, b.stride] : [b.stride, a.stride];
  if (small <= 0 || large % small !== 0) return null;
  return { ...hull(a, b, large), axis: a.axis ?? b.axis, merged: a.merged || b.merged };
}

function besideAll(moving: AxisField, single: AxisField): AxisField | null {
  if (moving.count === null || moving.stride < 0) return null;
  const reach = (moving.count - 1) * moving.stride;
  const beside = { ...single, offset: single.offset - reach, size: single.size + reach };
  return { ...hull(moving, beside, moving.stride), exact: false };
}
