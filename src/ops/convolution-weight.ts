/** The gradient of a convolution by its weights. Which formulation serves which shape was measured: decision 013. */
import type { Value } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { zeros } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import {
  type Convolution,
  convolved,
  endPads,
  paddedSpatially,
  windowsOf,
} from './convolution-form.js';
import { dimsOf } from './dims.js';
import { reshapedTo, unshaped, zerosOf } from './emit.js';
import { castTo } from './mask.js';
import type { Window } from './window.js';

/** A formulation. x: the image, (N, C, ...spatial); dy: (N, M, ...counts); gives (M, C / group, ...kernel). */
export type WeightGradient = (b: Builder, x: Value, dy: Value, form: Convolution) => Value;

/** dw of y = Conv(x, w), as `WeightGradient`; the graph says what it is, for runtimes that know a quicker way. */
export const weightGradient: WeightGradient = (b, x, dy, form) => {
  const dw = weightGradients[weightFormulation(dimsOf(x), dimsOf(dy), form)](b, x, dy, form);
  const { strides, dilations, begin, kernel } = form.window;
  if (form.group === 1 && kernel.length === 2)
    b.gradients.set(unshaped(b, dw).name, {
      of: 'weights',
      image: x.name,
      windows: dy.name,
      kernel,
      strides,
      dilations,
      before: begin,
      after: endPads(form),
    });
  return dw;
};

/** Channels of a group up to which it is small: the taps then make one product worth its while. */
const [few, fewGrouped] = [4, 8];
/** Channels of image and result up to which the rows of a kernel go into one product, and the rows that serve it. */
const [fewTogether, wideRow] = [32, 32];
/** M · C / (M + C) up to which im2col costs more than its one product saves: that of 72 channels each way. */
const leastShare = 36;
/** What several taps count for: they are written out for a product of each image as well, and read by one product at once. */
const leastOfTaps = 4;
/** Numbers of one image of dy up to which copies of it are quick to read again and again: 32 KB. */
const smallImage = 8192;
/** Taps from which on a kernel is large, and those beyond which nothing is written out tap by tap. */
const [largeKernel, mostTaps] = [49, 4096];

/**
 * The formulation that was quickest for shapes like these.
 * @param x the image's dimensions, (N, C, ...spatial)
 * @param dy (N, M, ...counts)
 */
export function weightFormulation(
  x: readonly number[],
  dy: readonly number[],
  { group, window }: Convolution,
): keyof typeof weightGradients {
  const [each, made] = [(x[1] ?? 1) / group, (dy[1] ?? 1) / group];
  const [taps, positions] = [sizeOf(window.kernel), sizeOf(window.counts)];
  if (taps > mostTaps) return 'conv';
  const strided = window.strides.some((stride) => stride > 1);
  if (group > 1 && each <= fewGrouped && !strided) return 'pairs';
  if (group > 1 && each === 1) return 'conv';
  if (each <= few) return taps >= largeKernel ? 'conv' : 'patches';
  const inRows = window.kernel.length === 2 && Math.min(...window.kernel) > 1 && !strided;
  if (inRows && made + each <= fewTogether && (window.counts[1] ?? 0) >= wideRow) return 'rows';
  // One product for each image writes made · each numbers and reads positions · (made + each).
  const share = (made * each) / (made + each);
  if (share > leastShare && (taps > 1 ? leastOfTaps : 1) * share > positions) return 'joint';
  const moves = window.kernel.length > 1 && (window.kernel.at(-1) ?? 1) > 1 && !strided;
  return moves && made <= each && made * positions <= smallImage ? 'shifts' : 'taps';
}

/** What each tap of the kernel meets of the image: (…, ...counts) for each tap, in the kernel's order. */
function tapsOf(b: Builder, x: Value, form: Convolution): Value[] {
  return cutsOf(b, paddedSpatially(b, x, form.window.begin, endPads(form)), form.window);
}

/** The same of an image that has its padding. */
function cutsOf(b: Builder, image: Value, window: Window): Value[] {
  const { kernel, strides, dilations, counts } = window;
  const whole = dimsOf(image).slice(2);
  const axes = kernel.map((_, i) => i + 2);
  return positionsIn(kernel).map((tap) => {
    const starts = tap.map((t, i) => t * (dilations[i] ?? 1));
    const ends = starts.map((start, i) => start + ((counts[i] ?? 1) - 1) * (strides[i] ?? 1) + 1);
    const isWhole = starts.every((start, i) => start === 0 && counts[i] === whole[i]);
    return isWhole ? image : b.Slice(image, starts, ends, axes, strides);
  });
}

/** All index lists of an array of these sizes, the last axis running fastest. */
const positionsIn = (sizes: readonly number[]): number[][] =>
  sizes.reduce<number[][]>(
    (heads, size) => heads.flatMap((head) => Array.from({ length: size }, (_, t) => [...head, t])),
    [[]],
  );

/** One product of dy and the image for each tap, image and group; no copy of the image has to be kept. */
const byTaps: WeightGradient = (b, x, dy, form) => {
  const { group, window } = form;
  const [[batch = 1, channels = 1], made = 1] = [dimsOf(x), dimsOf(dy)[1]];
  const positions = sizeOf(window.counts);
  const rows = reshapedTo(b, dy, [batch, group, made / group, positions]);
  const sums = tapsOf(b, x, form).map((tap) => {
    const columns = reshapedTo(b, tap, [batch, group, channels / group, positions]);
    const products = b.MatMul(rows, b.Transpose(columns, { perm: [0, 1, 3, 2] }));
    return b.ReduceSum(products, [0], { keepdims: 0 });
  });
  return inOrder(b, sums, form, channels, made);
};

/** dy times the patches of all taps side by side (im2col), for each image and group; then the sum over the images. */
const byPatches: WeightGradient = (b, x, dy, form) => {
  const { group, window } = form;
  const [[batch = 1, channels = 1], made = 1] = [dimsOf(x), dimsOf(dy)[1]];
  const positions = sizeOf(window.counts);
  const [each, taps] = [channels / group, sizeOf(window.kernel)];
  const rows = reshapedTo(b, dy, [batch, group, made / group, positions]);
  const patches = windowsOf(b, x, patchKernel(b, x, each, form), form);
  const parts = reshapedTo(b, patches, [batch, group, each * taps, positions]);
  const columns = b.Transpose(parts, { perm: [0, 1, 3, 2] });
  const sums = b.ReduceSum(b.MatMul(rows, columns), [0], { keepdims: 0 });
  return reshapedTo(b, sums, [made, each, ...window.kernel]);
};

/**
 * The kernel of a Conv that gives the patches, (C · taps, C / group, ...kernel): each of its channels copies one tap of one
 * channel, in the order of the weights. ONNX Runtime's Conv works on all threads, while a Slice of every tap has one, and takes an
 * element at a time where there is a stride: 7.2 ms of nine for 8 x 3 x 227 x 227 at stride 2.
 */
function patchKernel(b: Builder, x: Value, each: number, { group, window }: Convolution): Value {
  const taps = sizeOf(window.kernel);
  const kernel = zeros('float32', [group * each * taps, each, ...window.kernel]);
  for (let i = 0; i < group * each * taps; i++) {
    const [channel, tap] = [Math.floor(i / taps) % each, i % taps];
    kernel.data[(i * each + channel) * taps + tap] = 1;
  }
  return castTo(b, b.constant(kernel), x.dtype);
}

/** The same as one product over the positions of all images, for which the channels come first. */
const byJointProduct: WeightGradient = (b, x, dy, form) => {
  const { group, window } = form;
  const [[batch = 1, channels = 1], made = 1] = [dimsOf(x), dimsOf(dy)[1]];
  const [each, positions] = [channels / group, batch * sizeOf(window.counts)];
  const taps = tapsOf(b, channelsFirst(b, x), form).map((tap) =>
    reshapedTo(b, tap, [group, each, 1, positions]),
  );
  // Channel by channel, as the weights lie: taps side by side would have the product transposed.
  const parts = reshapedTo(b, together(b, taps, 2), [group, each * taps.length, positions]);
  const rows = reshapedTo(b, channelsFirst(b, dy), [group, made / group, positions]);
  const products = b.MatMul(rows, b.Transpose(parts, { perm: [0, 2, 1] }));
  return reshapedTo(b, products, [made, each, ...window.kernel]);
};

/**
 * One product for each tap over the positions of all images, as little as possible moved: only the last axes of the
 * image are cut for it, once for each column of the kernel; along the first axis dy is moved instead, with zeros before
 * and behind. A sum over a few channels is short of work, and the copies are what it costs. For stride 1 on that axis.
 */
const byPairs: WeightGradient = (b, x, dy, form) => {
  const { group, window } = form;
  const [[batch = 1, channels = 1], made = 1] = [dimsOf(x), dimsOf(dy)[1]];
  const [{ kernel, dilations, extents, begin, counts, strides }, end] = [window, endPads(form)];
  if (strides[0] !== 1) return byTaps(b, x, dy, form);
  const height = (counts[0] ?? 1) + (extents[0] ?? 1) - 1;
  const positions = batch * height * sizeOf(counts.slice(1));
  const image = paddedSpatially(b, channelsFirst(b, x), begin, end);
  const whole = {
    ...window,
    kernel: [1, ...kernel.slice(1)],
    counts: [height, ...counts.slice(1)],
  };
  const columns = cutsOf(b, image, whole).map((cut) =>
    b.Transpose(reshapedTo(b, cut, [group, channels / group, positions]), { perm: [0, 2, 1] }),
  );
  const still = counts.slice(1).map(() => 0);
  const moved = channelsFirst(b, dy);
  const rows = Array.from({ length: kernel[0] ?? 1 }, (_, t) => {
    const before = t * (dilations[0] ?? 1);
    const after = (extents[0] ?? 1) - 1 - before;
    const shifted = paddedSpatially(b, moved, [before, ...still], [after, ...still]);
    return reshapedTo(b, shifted, [group, made / group, positions]);
  });
  const sums = rows.flatMap((row) => columns.map((column) => b.MatMul(row, column)));
  return inOrder(b, sums, form, channels, made);
};

/**
 * A product for each column of the kernel and image: dy is written once for every row of the kernel, moved down by it,
 * so that the image is cut in columns alone. For stride 1 and two spatial axes.
 */
const byRows: WeightGradient = (b, x, dy, form) => {
  const { group, window } = form;
  const [[batch = 1, channels = 1], made = 1] = [dimsOf(x), dimsOf(dy)[1]];
  const { kernel, dilations, extents, begin, counts, strides } = window;
  if (kernel.length !== 2 || strides.some((stride) => stride > 1)) return byTaps(b, x, dy, form);
  const [rows = 1, columns = 1] = kernel;
  const [below = 1, wide = 1] = [extents[0], counts[1]];
  const height = (counts[0] ?? 1) + below - 1;
  const gap = zerosOf(b, dy.dtype, [batch, made, below - 1 + (dilations[0] ?? 1), wide]);
  const parts = Array.from({ length: rows }, (_, t) => (t === 0 ? [dy] : [gap, dy])).flat();
  // Behind each copy of dy come the zeros that end its row of the kernel and begin the next one, a row further down.
  const moved = reshapedTo(b, b.Concat(...parts, { axis: 2 }), [
    batch,
    group,
    (made / group) * rows,
    height * wide,
  ]);
  const image = paddedSpatially(b, x, begin, endPads(form));
  const whole = { ...window, kernel: [1, columns], counts: [height, wide] };
  const sums = cutsOf(b, image, whole).map((cut) => {
    const column = reshapedTo(b, cut, [batch, group, channels / group, height * wide]);
    const products = b.MatMul(moved, b.Transpose(column, { perm: [0, 1, 3, 2] }));
    const sum = b.ReduceSum(products, [0], { keepdims: 0 });
    return reshapedTo(b, sum, [made, rows, 1, channels / group]);
  });
  return b.Transpose(together(b, sums, 2), { perm: [0, 3, 1, 2] });
};

/**
 * As taps, but of the image only whole rows are cut, which ONNX Runtime copies as one piece; along the last axis dy is
 * moved instead, once for each column of the kernel. For stride 1 and several spatial axes.
 */
const byShifts: WeightGradient = (b, x, dy, form) => {
  const { group, window, spatial } = form;
  const [[batch = 1, channels = 1], made = 1] = [dimsOf(x), dimsOf(dy)[1]];
  const { kernel, dilations, begin, counts, strides } = window;
  const last = kernel.length - 1;
  if (last === 0 || strides.some((stride) => stride > 1)) return byTaps(b, x, dy, form);
  const wide = spatial[last] ?? 1;
  const positions = sizeOf(counts.with(last, wide));
  const image = paddedSpatially(b, x, begin.with(last, 0), endPads(form).with(last, 0));
  const whole = { ...window, kernel: kernel.with(last, 1), counts: counts.with(last, wide) };
  const columns = cutsOf(b, image, whole).map((cut) => {
    const column = reshapedTo(b, cut, [batch, group, channels / group, positions]);
    return b.Transpose(column, { perm: [0, 1, 3, 2] });
  });
  const rows = Array.from({ length: kernel[last] ?? 1 }, (_, t) => {
    const moved = movedAlong(b, dy, t * (dilations[last] ?? 1) - (begin[last] ?? 0), wide);
    return reshapedTo(b, moved, [batch, group, made / group, positions]);
  });
  const sums = columns.flatMap((column) =>
    rows.map((row) => b.ReduceSum(b.MatMul(row, column), [0], { keepdims: 0 })),
  );
  return inOrder(b, sums, form, channels, made);
};

/** `x` moved by `shift` along its last axis, which then is `size` long: zeros come in, and what leaves is gone. */
function movedAlong(b: Builder, x: Value, shift: number, size: number): Value {
  const dims = dimsOf(x);
  const [axis, length] = [dims.length - 1, dims.at(-1) ?? 1];
  const [first, end] = [Math.max(0, -shift), Math.min(length, size - shift)];
  const zeros = (count: number): Value[] =>
    count > 0 ? [zerosOf(b, x.dtype, dims.with(axis, count))] : [];
  if (first >= end) return zerosOf(b, x.dtype, dims.with(axis, size));
  const kept = first === 0 && end === length ? x : b.Slice(x, [first], [end], [axis]);
  return together(b, [...zeros(shift), kept, ...zeros(size - shift - end)], axis);
}

/**
 * dw[t] = Σ_q x[q · stride + t · dilation] dy[q] is a Conv of the image with dy as its kernel, images for channels, and
 * stride and dilation exchanged.
 */
const byConv: WeightGradient = (b, x, dy, form) => {
  const { group, spatial, window } = form;
  const [[batch = 1, channels = 1], made = 1] = [dimsOf(x), dimsOf(dy)[1]];
  const each = channels / group;
  const split = reshapedTo(b, x, [batch, group, each, ...spatial]);
  const perm = [2, 1, 0, ...spatial.map((_, i) => i + 3)];
  const images = reshapedTo(b, b.Transpose(split, { perm }), [each, group * batch, ...spatial]);
  const { strides, dilations, begin } = window;
  const found = convolved(b, images, channelsFirst(b, dy), begin, endPads(form), {
    strides: dilations,
    dilations: strides,
    group,
  });
  return reshapedTo(b, channelsFirst(b, found), [made, each, ...window.kernel]);
};

/** Every formulation: the benchmark `conv-gradient` times them all. */
export const weightGradients = {
  taps: byTaps,
  patches: byPatches,
  joint: byJointProduct,
  pairs: byPairs,
  rows: byRows,
  shifts: byShifts,
  conv: byConv,
} satisfies Readonly<Record<string, WeightGradient>>;

/** (N, C, ...) as (C, N, ...). */
const channelsFirst = (b: Builder, x: Value): Value =>
  b.Transpose(x, { perm: [1, 0, ...x.shape.slice(2).map((_, i) => i + 2)] });

const together = (b: Builder, parts: readonly Value[], axis: number): Value => {
  const [only] = parts;
  return only && parts.length === 1 ? only : b.Concat(...parts, { axis });
};

/**
 * (group, M / group, C / group) for each tap, in the order of the weights: number by number, which ONNX Runtime's Concat does
 * in half the time that its Transpose takes for as many.
 */
function inOrder(
  b: Builder,
  sums: readonly Value[],
  { group, window }: Convolution,
  channels: number,
  made: number,
): Value {
  const each = channels / group;
  const columns = sums.map((sum) => reshapedTo(b, sum, [made * each, 1]));
  return reshapedTo(b, together(b, columns, 1), [made, each, ...window.kernel]);
}
