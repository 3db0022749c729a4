/** What Slice takes from each axis, and how its gradient is put back. */
import { ShapeError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import type { InferContext } from '../graph/op-rules.js';
import { type Dim, normalizeAxis, type Shape } from '../tensor/shape.js';
import { toNumbers, zeros } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import { dimsOf, lengthOf, nameOf } from './dims.js';
import { padded, reshapedTo } from './emit.js';
import { normalizeAxes } from './infer.js';

/** A cut of one axis, as the node states it. */
export interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** One cut for each axis named, as given. */
export function cuts(
  rank: number,
  [starts, ends, axes, steps]: readonly (number[] | null)[],
): Cut[] {
  const count = starts?.length ?? 0;
  for (const list of [ends, axes, steps])
    if (list && list.length !== count)
      throw new ShapeError(
        `starts, ends, axes and steps must be of one length, got ${count} and ${list.length}`,
        { expected: count, actual: list.length },
      );
  const found = Array.from({ length: count }, (_, i) => {
    const step = steps?.[i] ?? 1;
    if (step === 0) throw new ShapeError('a step of 0 goes nowhere');
    const axis = normalizeAxis(axes?.[i] ?? i, rank);
    return { axis, start: starts?.[i] ?? 0, end: ends?.[i] ?? 0, step };
  });
  normalizeAxes(
    found.map(({ axis }) => axis),
    rank,
  );
  return found;
}

/** Where a cut begins in a dimension, and how many elements it takes: bounds clamped as in numpy. */
export function resolve(dim: number, { start, end, step }: Cut): { first: number; length: number } {
  const clamp = (at: number, low: number, high: number): number =>
    Math.min(Math.max(at < 0 ? at + dim : at, low), high);
  const first = step > 0 ? clamp(start, 0, dim) : clamp(start, 0, dim - 1);
  const stop = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, dim - 1);
  return { first, length: Math.max(0, Math.ceil((stop - first) / step)) };
}

/** As far as an int32 goes: exporters write it, or int64's own limit, for "to the end". */
export const far = 2 ** 31 - 1;

export function cutDim(dim: Dim, cut: Cut): Dim {
  if (typeof dim === 'number') return resolve(dim, cut).length;
  const { start, end, step } = cut;
  const forwards = step === 1 && start === 0 && end >= far;
  const backwards = step === -1 && (start === -1 || start >= far) && end <= -far;
  return forwards || backwards ? dim : `slice(${dim}, ${start}, ${end}, ${step})`;
}

/** The shape where starts, ends or steps are computed: only the axes cut are unknown. */
export function unknownCut({ input, inputs, constant }: InferContext<object>, shape: Shape): Dim[] {
  const given = constant(3);
  const axes = given ? toNumbers(given) : null;
  const reached = inputs[3] ? shape.length : lengthOf(input(1), 'starts');
  const cut = axes?.map((axis) => normalizeAxis(axis, shape.length));
  const by = [1, 2, 4].flatMap((i) => (inputs[i] ? [nameOf(input(i))] : [])).join(', ');
  return shape.map((dim, axis) =>
    (cut ? cut.includes(axis) : axis < reached) ? `slice(${dim}, ${by})[${axis}]` : dim,
  );
}

export const numbersAt = (context: { constant(i: number): ReturnType<InferContext['constant']> }) =>
  [1, 2, 3, 4].map((i) => {
    const data = context.constant(i);
    return data ? toNumbers(data) : null;
  });

/**
 * dx has dy where the slice took from and zero elsewhere: dy turned round where a step is negative, spread out
 * with zeros between where a step is over 1, and padded to the size of x. No scatter, so nothing depends on
 * the order of additions.
 */
export function unslice(
  b: Builder,
  dy: Value,
  dims: readonly number[],
  list: readonly Cut[],
): Value {
  const resolved = list.map((cut) => ({ ...cut, ...resolve(dims[cut.axis] ?? 1, cut) }));
  const turned = resolved.filter(({ step, length }) => step < 0 && length > 1);
  const before = dims.map(() => 0);
  const spread: number[] = [];
  const stretched = [...dims];
  for (const { axis, first, length, step } of resolved) {
    before[axis] = step > 0 ? first : first + step * Math.max(0, length - 1);
    spread[axis] = length > 1 ? Math.abs(step) : 1;
    stretched[axis] = length * (spread[axis] ?? 1);
  }
  const forwards =
    turned.length === 0
      ? dy
      : flipped(
          b,
          dy,
          turned.map(({ axis }) => axis),
        );
  const spaced = reshapedTo(b, withGaps(b, forwards, spread), stretched);
  return padded(
    b,
    spaced,
    before,
    dims.map((dim, axis) => dim - (before[axis] ?? 0) - (stretched[axis] ?? 0)),
  );
}

function flipped(b: Builder, x: Value, axes: readonly number[]): Value {
  const all = (value: number) => axes.map(() => value);
  return b.Slice(x, all(-1), all(-far), axes, all(-1));
}

/**
 * `x` with `spread - 1` zeros after each element of an axis, on an axis of their own or in their place: `unslice` gives
 * the result its shape. The last axis is spread by a product with a matrix of ones and zeros, the others by Pad, which
 * ONNX Runtime 1.30 makes in runs of the last axis: with runs of one element it takes 3 ms for 64 x 16 x 32 x 32, where
 * the product and rows of padding take 0.4 (one thread). An infinite element makes its whole row NaN.
 */
function withGaps(b: Builder, x: Value, spread: readonly number[]): Value {
  const last = dimsOf(x).length - 1;
  const [length, step] = [dimsOf(x)[last] ?? 1, spread[last] ?? 1];
  const byProduct =
    step > 1 && x.dtype === 'float32' && length * length * step <= mostSpread && last > 0;
  const rows = byProduct ? b.MatMul(x, spreading(b, length, step)) : x;
  const [dims, after]: [number[], number[]] = [[], []];
  dimsOf(rows).forEach((dim, axis) => {
    const gap = byProduct && axis === last ? 0 : (spread[axis] ?? 1) - 1;
    dims.push(...(gap > 0 ? [dim, 1] : [dim]));
    after.push(...(gap > 0 ? [0, gap] : [0]));
  });
  return padded(
    b,
    reshapedTo(b, rows, dims),
    after.map(() => 0),
    after,
  );
}

/** Elements of the largest matrix that spreads an axis: a row of 64 with steps of 2. */
const mostSpread = 2 ** 13;

/** (length, length · step): a one where column j is row i · step. */
function spreading(b: Builder, length: number, step: number): Value {
  const matrix = zeros('float32', [length, length * step]);
  for (let i = 0; i < length; i++) matrix.data[i * length * step + i * step] = 1;
  return b.constant(matrix);
}
