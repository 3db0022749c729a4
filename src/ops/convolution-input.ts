/** The gradient of a convolution by its image, in the formulations that a benchmark chose between (decision 012). */
import type { Value } from '../graph/graph.js';
import type { Builder } from './builder.js';
import { type Convolution, convolved, paddedSpatially } from './convolution-form.js';
import { unslice } from './cut.js';
import { dimsOf } from './dims.js';
import { reshapedTo } from './emit.js';

/**
 * dx of y = Conv(x, w).
 * @param dy (N, M, ...counts)
 * @param w (M, C / group, ...kernel)
 * @returns (N, C, ...spatial)
 */
export function inputGradient(b: Builder, dy: Value, w: Value, form: Convolution): Value {
  const { strides, dilations } = form.window;
  if (strides.every((stride) => stride === 1)) return byFlippedKernel(b, dy, w, form);
  const phased = strides.every((stride, i) => stride === 1 || dilations[i] === 1);
  return phased ? byPhases(b, dy, w, form) : bySpreading(b, dy, w, form);
}

/** dx[i] = Σ_t w[t] dy[i + begin - t · dilation]: a Conv of dy, whose stride is 1, with the kernel turned round. */
export function byFlippedKernel(b: Builder, dy: Value, w: Value, form: Convolution): Value {
  const { extents, begin, dilations } = form.window;
  const sizes = dimsOf(dy).slice(2);
  const before = begin.map((pad, i) => (extents[i] ?? 1) - 1 - pad);
  const after = begin.map((pad, i) => (form.spatial[i] ?? 1) - (sizes[i] ?? 1) + pad);
  const turned = phaseKernels(
    b,
    w,
    form.group,
    form.spatial.map(() => 1),
  );
  return convolved(b, dy, turned, before, after, { dilations, group: form.group });
}

/** As above for any stride: dy is spread out first, with zeros where no window begins. */
export function bySpreading(b: Builder, dy: Value, w: Value, form: Convolution): Value {
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
 * As many small convolutions of dy as there are positions modulo the stride, in one Conv: position i of the padded
 * image is i = stride · q + r, and dx[i] = Σ_m w[stride · m + r] dy[q - m]. Each r has output channels of its own,
 * which are woven together at the end. No zero is multiplied but where the stride does not divide the kernel.
 */
export function byPhases(b: Builder, dy: Value, w: Value, form: Convolution): Value {
  const { group, spatial, window } = form;
  const { begin, strides, kernel } = window;
  const axes = spatial.map((size, i) => {
    const [stride, pad] = [strides[i] ?? 1, begin[i] ?? 0];
    const [from, to] = [Math.floor(pad / stride), Math.floor((size - 1 + pad) / stride)];
    const taps = Math.ceil((kernel[i] ?? 1) / stride);
    return { stride, from, length: to - from + 1, taps, first: pad - from * stride };
  });
  const kernels = phaseKernels(b, w, group, strides);
  const before = axes.map(({ taps, from }) => taps - 1 - from);
  const after = axes.map(({ from, length }, i) => from + length - (window.counts[i] ?? 1));
  // Where an axis has a stride its dilation is 1.
  const { dilations } = window;
  const phases = convolved(b, dy, kernels, before, after, { dilations, group });
  const [batch = 1, made = 1] = dimsOf(phases);
  const channels = made / strides.reduce((product, stride) => product * stride, 1);
  const rank = spatial.length;
  const lengths = axes.map(({ length }) => length);
  const apart = reshapedTo(b, phases, [batch, channels, ...strides, ...lengths]);
  const perm = [0, 1, ...spatial.flatMap((_, i) => [2 + rank + i, 2 + i])];
  const woven = reshapedTo(b, b.Transpose(apart, { perm }), [
    batch,
    channels,
    ...axes.map(({ stride, length }) => stride * length),
  ]);
  return paddedSpatially(
    b,
    woven,
    axes.map(({ first }) => -first),
    axes.map(({ first, stride, length }, i) => (spatial[i] ?? 1) + first - stride * length),
  );
}

/**
 * The kernels of all phases, turned round: from (M, C / group, ...kernel) to (C · strides, M / group, ...kernel / stride).
 * The taps come first while they are turned round, so that whole rows are moved.
 */
function phaseKernels(b: Builder, w: Value, group: number, strides: readonly number[]): Value {
  const [made = 1, each = 1, ...kernel] = dimsOf(w);
  const taps = kernel.map((size, i) => Math.ceil(size / (strides[i] ?? 1)));
  const missing = taps.map((count, i) => count * (strides[i] ?? 1) - (kernel[i] ?? 1));
  const whole = paddedSpatially(
    b,
    w,
    missing.map(() => 0),
    missing,
  );
  const split = reshapedTo(b, whole, [
    group,
    made / group,
    each,
    ...taps.flatMap((count, i) => [count, strides[i] ?? 1]),
  ]);
  const tapAxes = taps.map((_, i) => 3 + 2 * i);
  const phaseAxes = taps.map((_, i) => 4 + 2 * i);
  const count = taps.reduce((product, size) => product * size, 1);
  const rest = [group, each, ...strides, made / group];
  const inFront = b.Transpose(split, { perm: [...tapAxes, 0, 2, ...phaseAxes, 1] });
  const rows = reshapedTo(b, inFront, [count, ...rest]);
  const turned = count === 1 ? rows : b.Slice(rows, [-1], [-(2 ** 31 - 1)], [0], [-1]);
  const behind = b.Transpose(turned, { perm: [...rest.map((_, i) => i + 1), 0] });
  const phases = strides.reduce((product, stride) => product * stride, 1);
  return reshapedTo(b, behind, [group * each * phases, made / group, ...taps]);
}
