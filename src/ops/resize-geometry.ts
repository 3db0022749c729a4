/** Which axes Resize changes, to which size, and where in the input each output position lies. */
import { ShapeError } from '../errors.js';
import { type Dim, formatShape, normalizeAxis, type Shape } from '../tensor/shape.js';
import { divideDims, multiplyDims } from './dims.js';

/** Attributes of Resize. */
export interface ResizeAttributes {
  readonly antialias: number;
  readonly axes: readonly number[] | undefined;
  readonly coordinate_transformation_mode: string;
  readonly cubic_coeff_a: number;
  readonly exclude_outside: number;
  readonly extrapolation_value: number;
  readonly keep_aspect_ratio_policy: string;
  readonly mode: string;
  readonly nearest_mode: string;
}

/** What the inputs beside X hold, as far as they are given and known; one entry for each of `axes`. */
export interface ResizeTarget {
  /** Where the output begins and ends on each axis, in parts of the input: all the starts, then the ends. */
  readonly roi?: readonly number[] | null;
  readonly scales?: readonly number[] | null;
  readonly sizes?: readonly Dim[] | null;
}

/** One axis of Resize. */
export interface ResizedAxis {
  readonly axis: number;
  readonly size: number;
  readonly length: number;
  /** Output positions for each input position, as the runtime computes with it: float32. */
  readonly scale: number;
  readonly roi: readonly [start: number, end: number];
}

/** Output position p on an input of `size`, an output of `length`: all float32, so that halves round as in the runtime. */
type Transformation = (p: number, axis: ResizedAxis) => number;

const f = Math.fround;
const halfPixel: Transformation = (p, { scale }) => f(f(f(p + 0.5) / scale) - 0.5);

/** The coordinate_transformation_modes of the specification, and one that operator set 11 had. */
export const transformations: Readonly<Record<string, Transformation>> = {
  half_pixel: halfPixel,
  half_pixel_symmetric(p, axis) {
    const { scale, size, length } = axis;
    const adjustment = f(length / f(scale * size));
    const offset = f(f(size / 2) * f(1 - adjustment));
    return f(f(offset + f(f(p + 0.5) / scale)) - 0.5);
  },
  pytorch_half_pixel: (p, axis) => (axis.length > 1 ? halfPixel(p, axis) : 0),
  align_corners: (p, { size, length }) => (length === 1 ? 0 : f(f(p * (size - 1)) / (length - 1))),
  asymmetric: (p, { scale }) => f(p / scale),
  tf_half_pixel_for_nn: (p, { scale }) => f(f(p + 0.5) / scale),
  tf_crop_and_resize(p, { size, length, roi: [start, end] }) {
    if (length === 1) return f(0.5 * (start + end) * (size - 1));
    return f(start * (size - 1) + (p * (end - start) * (size - 1)) / (length - 1));
  },
};

/** The output's shape. @throws ShapeError where scales or sizes do not fit the axes. */
export function resizedShape(
  shape: Shape,
  attributes: ResizeAttributes,
  target: ResizeTarget,
): Dim[] {
  const axes = axesOf(shape.length, attributes, target);
  const dims = [...shape];
  const policy = policyScale(shape, axes, attributes, target);
  axes.forEach((axis, i) => {
    const dim = shape[axis] ?? 1;
    const wanted = target.sizes?.[i];
    // The runtime leaves roi out of this, other than the specification.
    if (wanted === undefined) dims[axis] = scaledDim(dim, target.scales?.[i] ?? 1);
    else if (policy === null) dims[axis] = wanted;
    else if (policy === 'symbolic' || typeof dim === 'string') dims[axis] = `resize(${dim})`;
    else dims[axis] = Math.round(policy * dim);
  });
  return dims;
}

/** The axes whose positions change, on known sizes. */
export function resizedAxes(
  dims: readonly number[],
  attributes: ResizeAttributes,
  target: ResizeTarget,
  output: readonly number[],
): ResizedAxis[] {
  const axes = axesOf(dims.length, attributes, target);
  const policy = policyScale(dims, axes, attributes, target);
  return axes.map((axis, i): ResizedAxis => {
    const [size, length] = [dims[axis] ?? 1, output[axis] ?? 1];
    const stated = typeof policy === 'number' ? policy : target.scales?.[i];
    const { roi } = target;
    return {
      axis,
      size,
      length,
      scale: f(stated ?? length / size),
      roi: [roi?.[i] ?? 0, roi?.[i + axes.length] ?? 1],
    };
  });
}

function axesOf(rank: number, { axes }: ResizeAttributes, target: ResizeTarget): number[] {
  const normalized = axes
    ? axes.map((axis) => normalizeAxis(axis, rank))
    : Array.from({ length: rank }, (_, axis) => axis);
  for (const [name, list, count] of [
    ['scales', target.scales, 1],
    ['sizes', target.sizes, 1],
    ['roi', target.roi, 2],
  ] as const)
    if (list && list.length > 0 && list.length !== count * normalized.length)
      throw new ShapeError(
        `${name} must hold ${count * normalized.length} numbers, ${count} for each axis, got ${formatShape(list)}`,
        { expected: count * normalized.length, actual: list.length },
      );
  return normalized;
}

/** The one scale of all axes that a policy asks for; null where each axis has its own. */
function policyScale(
  shape: Shape,
  axes: readonly number[],
  { keep_aspect_ratio_policy: policy, axes: stated = [] }: ResizeAttributes,
  { sizes }: ResizeTarget,
): number | 'symbolic' | null {
  if (policy === 'stretch' || !sizes) return null;
  if (stated.some((axis) => axis < 0))
    throw new ShapeError(
      `axes ${formatShape(stated)} count from the end, which the runtime does not understand beside keep_aspect_ratio_policy. Count from the front`,
      { actual: stated },
    );
  const ratios = axes.map((axis, i) => f(Number(sizes[i]) / Number(shape[axis])));
  if (ratios.some(Number.isNaN)) return 'symbolic';
  return policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
}

/** floor(dim * scale), by name where it is symbolic: `2*h`, `floor(h/2)`, `floor(1.5*h)`. */
function scaledDim(dim: Dim, scale: number): Dim {
  if (typeof dim === 'number') return Math.floor(f(dim * f(scale)));
  if (Number.isInteger(scale)) return multiplyDims([dim, scale]);
  const inverse = Math.round(1 / scale);
  if (f(1 / inverse) !== f(scale)) return `floor(${scale}*${dim})`;
  return `floor(${divideDims([dim], [inverse]) ?? dim})`;
}
