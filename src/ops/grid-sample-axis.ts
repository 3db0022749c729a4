/**
 * One axis of GridSample: which elements of the input a sample reads, with which weights, and how these change with
 * the grid.
 */
import type { Value } from '../graph/graph.js';
import type { Builder } from './builder.js';
import { castTo, filled } from './mask.js';

/** Attributes of GridSample. */
export interface GridSampleAttributes {
  /** Whether -1 and 1 are the centres of the first and last elements, or their outer edges. */
  readonly align_corners: number;
  readonly mode: string;
  readonly padding_mode: string;
}

/** One element along an axis that every sample reads. Values have the shape of the grid's component. */
export interface Tap {
  /** int64 in [0, size). */
  readonly index: Value;
  /** Null where it is 1. */
  readonly weight: Value | null;
  /** The derivative of the weight by the grid; null where it is 0. */
  readonly slope: Value | null;
}

/** A coordinate in elements, and its derivative by the grid's component. */
interface Coordinate {
  readonly at: Value;
  readonly slope: Value;
}

/** Weights and their derivatives at t, the distance from the element below. */
interface Weight {
  readonly offset: number;
  readonly weight: Value;
  readonly slope: Value;
}

/** The taps of each sample. @param g the grid's component for this axis, -1 and 1 the ends of its `size` elements */
export function tapsOf(b: Builder, g: Value, size: number, given: GridSampleAttributes): Tap[] {
  const scale = (given.align_corners ? size - 1 : size) / 2;
  const centre = (size - 1) / 2;
  const raw = { at: b.Add(b.Mul(g, scale), centre), slope: filled(b, g, scale) };
  if (given.mode === 'nearest') {
    const { at } = padded(b, { ...raw, at: b.Round(raw.at) }, size, given);
    return [tapAt(b, b.Round(at), size, given)];
  }
  const { at, slope } = padded(b, raw, size, given);
  const low = b.Floor(at);
  const t = b.Sub(at, low);
  const weights = given.mode === 'linear' ? linear(b, t) : cubic(b, t);
  return weights.map((each) => {
    const place = each.offset === 0 ? low : b.Add(low, each.offset);
    const tap = tapAt(b, place, size, given);
    const inside = (value: Value) => (tap.weight ? b.Mul(value, tap.weight) : value);
    return { ...tap, weight: inside(each.weight), slope: inside(b.Mul(each.slope, slope)) };
  });
}

function linear(b: Builder, t: Value): Weight[] {
  return [
    { offset: 0, weight: b.Sub(1, t), slope: filled(b, t, -1) },
    { offset: 1, weight: t, slope: filled(b, t, 1) },
  ];
}

/** Keys' cubic convolution with a = -0.75, at distances 1 + t, t, 1 - t and 2 - t (Keys 1981). */
function cubic(b: Builder, t: Value): Weight[] {
  const a = -0.75;
  const near = [1, 0, -(a + 3), a + 2];
  const far = [-4 * a, 8 * a, -5 * a, a];
  const rest = b.Sub(1, t);
  const taps: [offset: number, distance: Value, weights: readonly number[], sign: number][] = [
    [-1, b.Add(t, 1), far, 1],
    [0, t, near, 1],
    [1, rest, near, -1],
    [2, b.Add(rest, 1), far, -1],
  ];
  return taps.map(([offset, distance, weights, sign]) => ({
    offset,
    weight: polynomial(b, distance, weights),
    slope: polynomial(
      b,
      distance,
      weights.slice(1).map((value, i) => sign * (i + 1) * value),
    ),
  }));
}

/** Horner's scheme; the constant term is the first of `terms`. */
function polynomial(b: Builder, x: Value, terms: readonly number[]): Value {
  const [last = 0, ...others] = terms.toReversed();
  const [next = 0, ...rest] = others;
  return rest.reduce(
    (sum, term) => {
      const product = b.Mul(sum, x);
      return term === 0 ? product : b.Add(product, term);
    },
    b.Add(b.Mul(x, last), next),
  );
}

/** Where padding moves a coordinate that lies outside. That of cubic stays: only what it reads is moved to the border. */
function padded(
  b: Builder,
  raw: Coordinate,
  size: number,
  { mode, padding_mode: padding, align_corners: aligned }: GridSampleAttributes,
): Coordinate {
  const [low, high] = aligned ? [0, size - 1] : [-0.5, size - 0.5];
  if (padding === 'border' && mode !== 'cubic') {
    const inside = b.And(b.GreaterOrEqual(raw.at, 0), b.LessOrEqual(raw.at, size - 1));
    const at = b.Max(b.Min(raw.at, size - 1), 0);
    return { at, slope: b.Mul(castTo(b, inside, raw.at.dtype), raw.slope) };
  }
  return padding === 'reflection' ? reflected(b, raw, low, high) : raw;
}

/** Mirrored at `low` and `high` as often as it takes. */
function reflected(b: Builder, { at, slope }: Coordinate, low: number, high: number): Coordinate {
  const span = high - low;
  if (span === 0) return { at: b.Add(b.Mul(at, 0), low), slope: filled(b, at, 0) };
  // The mirrored coordinate has the period 2 span: down and up again.
  const shifted = b.Mul(b.Sub(at, low), 1 / (2 * span));
  const part = b.Mul(b.Sub(shifted, b.Floor(shifted)), 2 * span);
  const isDown = b.Greater(part, span);
  const sign = b.Sub(1, b.Mul(castTo(b, isDown, at.dtype), 2));
  const mirrored = b.Where(isDown, b.Sub(2 * span, part), part);
  return { at: b.Add(mirrored, low), slope: b.Mul(sign, slope) };
}

/** The tap at a whole coordinate, which may lie outside; its weight is then 0 or it is another element, by the padding. */
function tapAt(b: Builder, place: Value, size: number, given: GridSampleAttributes): Tap {
  const inside = b.Max(b.Min(place, size - 1), 0);
  if (given.padding_mode === 'zeros') {
    const weight = castTo(b, b.Equal(place, inside), place.dtype);
    return { index: castTo(b, inside, 'int64'), weight, slope: null };
  }
  if (given.padding_mode === 'border')
    return { index: castTo(b, inside, 'int64'), weight: null, slope: null };
  const [low, high] = given.align_corners ? [0, size - 1] : [-0.5, size - 0.5];
  const { at } = reflected(b, { at: place, slope: filled(b, place, 1) }, low, high);
  const rounded = b.Max(b.Min(b.Round(at), size - 1), 0);
  return { index: castTo(b, rounded, 'int64'), weight: null, slope: null };
}
