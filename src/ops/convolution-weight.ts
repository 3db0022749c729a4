/** The gradient of a convolution by its weights, in the formulations that a benchmark chose between (decision 012). */
import type { Value } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { type Convolution, endPads, paddedSpatially } from './convolution-form.js';
import { dimsOf } from './dims.js';
import { reshapedTo } from './emit.js';

/**
 * dw of y = Conv(x, w).
 * @param x the image, (N, C, ...spatial)
 * @param dy (N, M, ...counts)
 * @returns (M, C / group, ...kernel)
 */
export function weightGradient(b: Builder, x: Value, dy: Value, form: Convolution): Value {
  return byBatchedProducts(b, x, dy, form);
}

/** The elements that each tap of the kernel meets, one value (…, ...counts) for each tap in the kernel's order. */
export function tapsOf(b: Builder, x: Value, form: Convolution): Value[] {
  const { kernel, strides, dilations, counts, begin } = form.window;
  const image = paddedSpatially(b, x, begin, endPads(form));
  const axes = kernel.map((_, i) => i + 2);
  const positions = kernel.reduce<number[][]>(
    (heads, size) => heads.flatMap((head) => Array.from({ length: size }, (_, t) => [...head, t])),
    [[]],
  );
  const whole = dimsOf(image).slice(2);
  return positions.map((tap) => {
    const starts = tap.map((t, i) => t * (dilations[i] ?? 1));
    const ends = starts.map((start, i) => start + ((counts[i] ?? 1) - 1) * (strides[i] ?? 1) + 1);
    const all = starts.every((start, i) => start === 0 && ends[i] === whole[i]);
    const isWhole = all && strides.every((stride) => stride === 1);
    return isWhole ? image : b.Slice(image, starts, ends, axes, strides);
  });
}

/** dy · patchesᵀ for each image and group, then the sum over the images. */
export function byBatchedProducts(b: Builder, x: Value, dy: Value, form: Convolution): Value {
  const { group, window } = form;
  const [batch = 1, channels = 1] = dimsOf(x);
  const made = dimsOf(dy)[1] ?? 1;
  const positions = sizeOf(window.counts);
  const parts = tapsOf(b, x, form).map((tap) =>
    reshapedTo(b, tap, [batch, group, channels / group, positions]),
  );
  const [only] = parts;
  const patches = parts.length === 1 && only ? only : b.Concat(...parts, { axis: 2 });
  const rows = reshapedTo(b, dy, [batch, group, made / group, positions]);
  const products = b.MatMul(rows, b.Transpose(patches, { perm: [0, 1, 3, 2] }));
  return inOrder(b, b.ReduceSum(products, [0], { keepdims: 0 }), form, channels, made);
}

/** From (group, M / group, taps · C / group) to the order of the weights. */
export function inOrder(
  b: Builder,
  sums: Value,
  { group, window }: Convolution,
  channels: number,
  made: number,
): Value {
  const taps = sizeOf(window.kernel);
  const each = channels / group;
  const apart = reshapedTo(b, sums, [made, taps, each]);
  const ordered = taps === 1 || each === 1 ? apart : b.Transpose(apart, { perm: [0, 2, 1] });
  return reshapedTo(b, ordered, [made, each, ...window.kernel]);
}
