/**
 * What Resize does along one axis, as the matrix of its weights, which ONNX Runtime's results agree with. Axes are
 * resized independently, so that the matrices of all of them are the whole operator.
 */
import { type AxisMatrix, axisMatrix, checkMatrix } from './resize-axis.js';
import { type ResizeAttributes, type ResizedAxis, transformations } from './resize-geometry.js';

type Entry = readonly [row: number, column: number, weight: number];

/** nearest_mode: the position that stands for one between two. */
export const roundings: Readonly<Record<string, (at: number) => number>> = {
  round_prefer_floor: (at) => Math.ceil(at - 0.5),
  round_prefer_ceil: (at) => Math.floor(at + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Keys' cubic convolution at a distance from the position (Keys 1981), with its parameter `a`. */
export function cubicWeight(distance: number, a: number): number {
  const t = Math.abs(distance);
  if (t >= 2) return 0;
  if (t > 1) return a * (((t - 5) * t + 8) * t - 4);
  return ((a + 2) * t - (a + 3)) * t * t + 1;
}

const triangle = (distance: number): number => Math.max(0, 1 - Math.abs(distance));

/**
 * The matrix (length, size) of an axis: rows of zeros where a crop lies outside the input.
 * @throws GradientError where it would be too large.
 */
export function resizeMatrix(axis: ResizedAxis, attributes: ResizeAttributes): AxisMatrix {
  checkMatrix(axis.length, axis.size);
  return axisMatrix(axis.length, axis.size, entriesOf(axis, attributes));
}

/** Row by row, since all of them together take many times the memory of the matrix. */
function* entriesOf(axis: ResizedAxis, attributes: ResizeAttributes): Generator<Entry> {
  const { coordinate_transformation_mode: name, mode } = attributes;
  const transform = transformations[name] ?? (() => 0);
  const isCrop = name === 'tf_crop_and_resize';
  const smooth = attributes.antialias !== 0 && axis.scale < 1;
  for (let row = 0; row < axis.length; row++) {
    const at = transform(row, axis);
    if (isCrop && (at < 0 || at > axis.size - 1)) continue;
    if (mode === 'nearest') yield nearest(row, at, axis, attributes);
    else if (smooth) yield* antialiased(row, at, axis, attributes);
    else if (mode === 'linear') yield* linear(row, at, axis);
    else yield* cubic(row, at, axis, attributes);
  }
}

const clamp = (at: number, size: number): number => Math.min(Math.max(at, 0), size - 1);

function nearest(
  row: number,
  at: number,
  { size, length }: ResizedAxis,
  { nearest_mode: name }: ResizeAttributes,
): Entry {
  const round = size === length && Number.isInteger(at) ? Math.floor : roundings[name];
  return [row, clamp((round ?? Math.floor)(at), size), 1];
}

function linear(row: number, at: number, { size }: ResizedAxis): Entry[] {
  const inside = clamp(at, size);
  const low = Math.floor(inside);
  const part = inside - low;
  return [
    [row, low, 1 - part],
    [row, low + 1, part],
  ];
}

/** Positions outside repeat the edge, or are left out and the others' weights raised to the sum of 1. */
function cubic(
  row: number,
  at: number,
  { size }: ResizedAxis,
  { cubic_coeff_a: a, exclude_outside: excludes }: ResizeAttributes,
): Entry[] {
  const low = Math.floor(at);
  const taps = [low - 1, low, low + 1, low + 2];
  return weighted(row, taps, (tap) => cubicWeight(at - tap, a), size, excludes !== 0);
}

/** Where an axis shrinks, the filter is stretched so that each input position counts. */
function antialiased(
  row: number,
  at: number,
  { size, scale }: ResizedAxis,
  { mode, cubic_coeff_a: a, exclude_outside: excludes }: ResizeAttributes,
): Entry[] {
  const [reach, weight] = mode === 'linear' ? [1, triangle] : [2, cubicWeight];
  const support = reach / scale;
  const first = Math.floor(at + 0.5 - support + 0.5);
  const last = Math.floor(at + 0.5 + support + 0.5);
  const taps = Array.from({ length: last - first }, (_, i) => first + i);
  return weighted(row, taps, (tap) => weight((tap - at) * scale, a), size, excludes !== 0, true);
}

function weighted(
  row: number,
  taps: readonly number[],
  weight: (tap: number) => number,
  size: number,
  excludes: boolean,
  normalizes = excludes,
): Entry[] {
  const used = excludes ? taps.filter((tap) => tap >= 0 && tap < size) : taps;
  const weights = used.map(weight);
  const sum = normalizes ? weights.reduce((a, c) => a + c, 0) : 1;
  return used.map((tap, i): Entry => [row, clamp(tap, size), (weights[i] ?? 0) / sum]);
}
