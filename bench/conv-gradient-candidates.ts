/** Formulations of a convolution's gradients: those that are in use, and those that lost. */
import type { Value } from '../src/graph/graph.js';
import type { Builder } from '../src/ops/builder.js';
import {
  type Convolution,
  convolved,
  paddedSpatially,
  windowsOf,
} from '../src/ops/convolution-form.js';
import {
  byConvTranspose,
  byFlippedKernel,
  flippedKernel,
  inputFormulation,
} from '../src/ops/convolution-input.js';
import { weightFormulation, weightGradients } from '../src/ops/convolution-weight.js';
import { unslice } from '../src/ops/cut.js';
import { dimsOf } from '../src/ops/dims.js';
import { reshapedTo } from '../src/ops/emit.js';
import { sizeOf } from '../src/tensor/shape.js';

export interface Operands {
  readonly x: Value;
  readonly w: Value;
  readonly dy: Value;
}

export interface Candidate {
  readonly name: string;
  readonly of: 'forward' | 'input' | 'weight';
  /** Whether the gradient rule takes it for this shape. */
  readonly used: boolean;
  readonly build: (b: Builder, operands: Operands) => Value;
}

/** All that computes something for this convolution. */
export function candidatesFor(
  form: Convolution,
  { x, w, dy }: Readonly<Record<'x' | 'w' | 'dy', readonly number[]>>,
): Candidate[] {
  const strided = form.window.strides.some((stride) => stride > 1);
  const input = (
    name: string,
    used: boolean,
    build: (b: Builder, dy: Value, w: Value, form: Convolution) => Value,
  ): Candidate => ({ name, of: 'input', used, build: (b, at) => build(b, at.dy, at.w, form) });
  const chosen = weightFormulation(x, dy, form);
  const transposed = inputFormulation(w, form) === 'transposed';
  return [
    { name: 'Conv', of: 'forward', used: true, build: (b, at) => windowsOf(b, at.x, at.w, form) },
    ...(strided
      ? [input('spread', false, bySpreading), input('phases', false, byPhases)]
      : [input('flipped', !transposed, byFlippedKernel)]),
    input('ConvTranspose', transposed, byConvTranspose),
    ...Object.entries(weightGradients).map(
      ([name, build]): Candidate => ({
        name,
        of: 'weight',
        used: name === chosen,
        build: (b, at) => build(b, at.x, at.dy, form),
      }),
    ),
  ];
}

/** dy with zeros where no window begins, then as for stride 1. */
function bySpreading(b: Builder, dy: Value, w: Value, form: Convolution): Value {
  const { strides, counts } = form.window;
  const lengths = counts.map((count, i) => (count - 1) * (strides[i] ?? 1) + 1);
  const cuts = lengths.map((length, i) => ({
    axis: i + 2,
    start: 0,
    end: length,
    step: strides[i] ?? 1,
  }));
  const spread = unslice(b, dy, [...dimsOf(dy).slice(0, 2), ...lengths], cuts);
  return byFlippedKernel(b, spread, w, form);
}

/**
 * One Conv of dy with channels for every position modulo the stride, woven together at the end (sub-pixel convolution):
 * no zero is multiplied but where the stride does not divide the kernel. For dilation 1.
 */
function byPhases(b: Builder, dy: Value, w: Value, { group, spatial, window }: Convolution): Value {
  const { begin, strides, kernel, counts } = window;
  const axes = spatial.map((size, i) => {
    const [stride, pad] = [strides[i] ?? 1, begin[i] ?? 0];
    const from = Math.floor(pad / stride);
    const length = Math.floor((size - 1 + pad) / stride) - from + 1;
    const taps = Math.ceil((kernel[i] ?? 1) / stride);
    return { stride, from, length, taps, first: pad - from * stride };
  });
  const before = axes.map(({ taps, from }) => taps - 1 - from);
  const after = axes.map(({ from, length }, i) => from + length - (counts[i] ?? 1));
  const taps = axes.map((axis) => axis.taps);
  const phases = convolved(b, dy, phaseKernels(b, w, group, strides, taps), before, after, {
    group,
  });
  const [batch = 1, channels = 1] = [dimsOf(phases)[0], (dimsOf(w)[1] ?? 1) * group];
  const lengths = axes.map(({ length }) => length);
  const apart = reshapedTo(b, phases, [batch, channels, ...strides, ...lengths]);
  const perm = [0, 1, ...spatial.flatMap((_, i) => [2 + spatial.length + i, 2 + i])];
  const sizes = axes.map(({ stride, length }) => stride * length);
  const woven = reshapedTo(b, b.Transpose(apart, { perm }), [batch, channels, ...sizes]);
  return paddedSpatially(
    b,
    woven,
    axes.map(({ first }) => -first),
    axes.map(({ first }, i) => (spatial[i] ?? 1) + first - (sizes[i] ?? 1)),
  );
}

/** From (M, C / group, ...kernel) to (C · strides, M / group, ...taps), each phase's taps in reverse order. */
function phaseKernels(
  b: Builder,
  w: Value,
  group: number,
  strides: readonly number[],
  taps: readonly number[],
): Value {
  const [made = 1, each = 1, ...kernel] = dimsOf(w);
  const missing = taps.map((count, i) => count * (strides[i] ?? 1) - (kernel[i] ?? 1));
  const whole = paddedSpatially(
    b,
    w,
    missing.map(() => 0),
    missing,
  );
  const split = reshapedTo(b, whole, [
    made,
    each,
    ...taps.flatMap((count, i) => [count, strides[i] ?? 1]),
  ]);
  const phaseAxes = taps.map((_, i) => 3 + 2 * i);
  const tapAxes = taps.map((_, i) => 2 + 2 * i);
  const ordered = b.Transpose(split, { perm: [0, 1, ...phaseAxes, ...tapAxes] });
  return flippedKernel(b, reshapedTo(b, ordered, [made, each * sizeOf(strides), ...taps]), group);
}
