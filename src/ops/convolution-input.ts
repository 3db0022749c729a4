/** The gradient of a convolution by its image. Which formulation serves which stride was measured: decision 013. */
import type { Value } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { zeros } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import { type Convolution, convolved, endPads } from './convolution-form.js';
import { dimsOf } from './dims.js';
import { reshapedTo } from './emit.js';
import { castTo } from './mask.js';

/**
 * dx of y = Conv(x, w).
 * @param dy (N, M, ...counts)
 * @param w (M, C / group, ...kernel)
 * @returns (N, C, ...spatial)
 */
export function inputGradient(b: Builder, dy: Value, w: Value, form: Convolution): Value {
  const byTransposed = inputFormulation(dimsOf(w), form) === 'transposed';
  return (byTransposed ? byConvTranspose : byFlippedKernel)(b, dy, w, form);
}

/** Channels of the image up to which it is the smaller side by far, as in a first layer. */
const few = 4;

/** Taps up to which a kernel is turned round by a product with a matrix of taps x taps: beyond, that is no small one. */
const mostTaps = 4096;

/** The formulation that was quickest for shapes like these. `w` has the dimensions (M, C / group, ...kernel). */
export function inputFormulation(
  w: readonly number[],
  { group, window }: Convolution,
): 'flipped' | 'transposed' {
  if (window.strides.some((stride) => stride > 1)) return 'transposed';
  if (sizeOf(window.kernel) > mostTaps) return 'transposed';
  return group === 1 && (w[1] ?? 1) <= few ? 'transposed' : 'flipped';
}

/** dx[i] = Σ_t w[t] dy[i + begin - t · dilation]: a Conv of dy with the kernel turned round. For stride 1. */
export function byFlippedKernel(b: Builder, dy: Value, w: Value, form: Convolution): Value {
  const { extents, begin, dilations } = form.window;
  const sizes = dimsOf(dy).slice(2);
  const before = begin.map((pad, i) => (extents[i] ?? 1) - 1 - pad);
  const after = begin.map((pad, i) => (form.spatial[i] ?? 1) - (sizes[i] ?? 1) + pad);
  const turned = flippedKernel(b, w, form.group);
  return convolved(b, dy, turned, before, after, { dilations, group: form.group });
}

/** The same for any stride. What Conv skipped at the end of the image comes back as `output_padding`. */
export function byConvTranspose(b: Builder, dy: Value, w: Value, form: Convolution): Value {
  const { begin, strides, dilations } = form.window;
  const end = endPads(form);
  return b.ConvTranspose(dy, w, null, {
    strides,
    dilations,
    group: form.group,
    pads: [...begin, ...end.map((pad) => Math.max(0, pad))],
    output_padding: end.map((pad) => Math.max(0, -pad)),
  });
}

/**
 * From (M, C / group, ...kernel) to (C, M / group, ...kernel), the taps in reverse order. They are reversed by a product
 * with a permutation: for 512 channels each way a Slice with steps of -1 takes longer than the Conv that follows.
 */
export function flippedKernel(b: Builder, w: Value, group: number): Value {
  const [made = 1, each = 1, ...kernel] = dimsOf(w);
  const taps = sizeOf(kernel);
  if (taps === 1 && group === 1) {
    // As a matrix: of a Transpose with axes of size 1 and the Reshape behind it ONNX Runtime 1.30 makes one Transpose that
    // takes 2 ms for 1000 x 512; this one takes 0.3.
    const swapped = b.Transpose(reshapedTo(b, w, [made, each]), { perm: [1, 0] });
    return reshapedTo(b, swapped, [each, made, ...kernel]);
  }
  const reversed =
    taps === 1
      ? w
      : b.MatMul(reshapedTo(b, w, [made * each, taps]), castTo(b, mirror(b, taps), w.dtype));
  const split = reshapedTo(b, reversed, [group, made / group, each, taps]);
  const swapped = b.Transpose(split, { perm: [0, 2, 1, 3] });
  return reshapedTo(b, swapped, [group * each, made / group, ...kernel]);
}

function mirror(b: Builder, size: number): Value {
  const matrix = zeros('float32', [size, size]);
  for (let i = 0; i < size; i++) matrix.data[i * size + size - 1 - i] = 1;
  return b.constant(matrix);
}
