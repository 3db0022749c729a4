/**
 * Where a sliding window stands: the arithmetic that Conv, ConvTranspose and the pools share. It follows ONNX Runtime
 * where the specification leaves a choice; `window.test.ts` compares the two.
 */
import { ShapeError } from '../errors.js';
import { type Dim, formatShape, isStatic, type Shape } from '../tensor/shape.js';
import { addDims, multiplyDims } from './dims.js';

/** Attributes as the specification spells them; undefined where the file leaves them out. */
export interface WindowAttributes {
  readonly kernel_shape: readonly number[] | undefined;
  readonly strides: readonly number[] | undefined;
  /** What goes before each axis, then what goes after each. */
  readonly pads: readonly number[] | undefined;
  readonly dilations: readonly number[] | undefined;
  /** NOTSET, SAME_UPPER, SAME_LOWER or VALID. */
  readonly auto_pad: string;
  /** 1 rounds the number of windows up (pools only). */
  readonly ceil_mode?: number;
}

/** ConvTranspose's own attributes beside them. */
export interface TransposedAttributes extends WindowAttributes {
  readonly output_padding: readonly number[] | undefined;
  /** Spatial sizes of the output; pads follow from them. */
  readonly output_shape: readonly number[] | undefined;
}

/** A window on an input of known size. Each list holds one number for every spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** (kernel - 1) · dilation + 1: the elements from a window's first to its last. */
  readonly extents: readonly number[];
  /** Elements added before the input. */
  readonly begin: readonly number[];
  /** Added after it; below 0 where the last elements are skipped. With ceil_mode the last window may reach further. */
  readonly end: readonly number[];
  /** Number of windows: the spatial sizes of the output (of ConvTranspose: of the input). */
  readonly counts: readonly number[];
}

/** One axis of a window, before the size of the input counts. */
interface Axis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly extent: number;
  readonly begin: number;
  readonly end: number;
  /** What SAME pads for: the extent, but for pools the kernel itself, whatever its dilation. */
  readonly same: number;
  readonly autoPad: string;
  readonly ceil: boolean;
}

/**
 * The spatial sizes of the output of Conv or a pool. A symbolic one is named by its expression, `ceil(height/2)`.
 * @param spatial the input's dimensions behind batch and channels
 * @param weights of Conv: the spatial dimensions of W. Pools have kernel_shape alone.
 * @throws ShapeError for attributes of the wrong length or range, and where no window fits, naming kernel, stride
 *   and size.
 */
export function windowDims(attributes: WindowAttributes, spatial: Shape, weights?: Shape): Dim[] {
  return axesOf(attributes, spatial.length, weights).map((axis, i) =>
    count(axis, spatial[i] ?? 1, i),
  );
}

/** The same on a known size, with all that a gradient needs. @throws ShapeError as `windowDims`. */
export function windowOf(
  attributes: WindowAttributes,
  spatial: readonly number[],
  weights?: Shape,
): Window {
  const axes = axesOf(attributes, spatial.length, weights);
  const pads = axes.map((axis, i) => padsOf(axis, spatial[i] ?? 1));
  return {
    ...listsOf(axes),
    begin: pads.map(([begin]) => begin),
    end: pads.map(([, end]) => end),
    counts: axes.map((axis, i) => Number(count(axis, spatial[i] ?? 1, i))),
  };
}

/**
 * The spatial sizes of ConvTranspose's output.
 * @param spatial the input's dimensions behind batch and channels
 * @param weights the spatial dimensions of W
 * @throws ShapeError as `windowDims`, and for an output_padding or output_shape that ONNX Runtime does not take.
 */
export function transposedDims(
  attributes: TransposedAttributes,
  spatial: Shape,
  weights: Shape,
): Dim[] {
  return spread(attributes, spatial, weights).map(({ output }) => output);
}

/** The window that slides over ConvTranspose's *output*, one for each element of its input. */
export function transposedWindow(
  attributes: TransposedAttributes,
  spatial: readonly number[],
  weights: Shape,
): Window {
  const all = spread(attributes, spatial, weights);
  return {
    ...listsOf(all.map(({ axis }) => axis)),
    begin: all.map(({ begin }) => begin),
    end: all.map(({ end }) => end),
    counts: spatial,
  };
}

const listsOf = (axes: readonly Axis[]) => ({
  kernel: axes.map(({ kernel }) => kernel),
  strides: axes.map(({ stride }) => stride),
  dilations: axes.map(({ dilation }) => dilation),
  extents: axes.map(({ extent }) => extent),
});

const autoPads = ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'];

function axesOf(attributes: WindowAttributes, rank: number, weights: Shape | undefined): Axis[] {
  const { auto_pad: autoPad, ceil_mode: ceil = 0 } = attributes;
  if (!autoPads.includes(autoPad))
    throw new ShapeError(`unknown auto_pad "${autoPad}". Use ${autoPads.join(', ')}`, {
      expected: autoPads,
      actual: autoPad,
    });
  const kernel = kernelOf(attributes, weights);
  const lists = {
    kernel_shape: numbers('kernel_shape', kernel, rank, 1),
    strides: numbers('strides', attributes.strides ?? Array(rank).fill(1), rank, 1),
    dilations: numbers('dilations', attributes.dilations ?? Array(rank).fill(1), rank, 1),
    pads: numbers('pads', attributes.pads ?? Array(2 * rank).fill(0), 2 * rank, 0),
  };
  return lists.kernel_shape.map((size, i) => {
    const dilation = lists.dilations[i] ?? 1;
    const extent = (size - 1) * dilation + 1;
    const stated = autoPad === 'NOTSET';
    return {
      kernel: size,
      stride: lists.strides[i] ?? 1,
      dilation,
      extent,
      begin: stated ? (lists.pads[i] ?? 0) : 0,
      end: stated ? (lists.pads[i + rank] ?? 0) : 0,
      same: weights ? extent : size,
      autoPad,
      ceil: ceil !== 0,
    };
  });
}

function kernelOf({ kernel_shape: stated }: WindowAttributes, weights?: Shape): readonly number[] {
  const known = weights ?? stated;
  if (!known || !(stated || isStatic(known)))
    throw new ShapeError('missing kernel_shape: the size of the window is not known');
  const differs =
    stated?.length !== known.length || stated.some((size, i) => differ(size, known[i]));
  if (stated && differs)
    throw new ShapeError(
      `kernel_shape ${formatShape(stated)} is not the size of the weights, ${formatShape(known)}`,
      { expected: known, actual: stated },
    );
  return stated ?? (known as readonly number[]);
}

const differ = (size: number, dim: Dim | undefined): boolean =>
  typeof dim === 'number' && dim !== size;

function numbers(name: string, list: readonly number[], length: number, least: number) {
  if (list.length !== length || list.some((value) => !Number.isInteger(value) || value < least))
    throw new ShapeError(
      `${name} must hold ${length} whole numbers from ${least} on, got ${formatShape(list)}`,
      { expected: length, actual: list },
    );
  return list;
}

/** Elements before and after the input. */
function padsOf(axis: Axis, size: number): readonly [number, number] {
  const { autoPad, same, stride, kernel } = axis;
  if (!autoPad.startsWith('SAME')) return [axis.begin, axis.end];
  const needed = (Math.ceil(size / stride) - 1) * stride + same - size;
  // Runtimes shift the first window by some of it, each in its own way: there is no result to agree with.
  if (needed < -1)
    throw new ShapeError(
      `auto_pad ${autoPad} is not defined for kernel ${kernel} and stride ${stride} on a size of ${size}, which would be padded by ${needed}. Give pads`,
      { actual: needed },
    );
  const before = Math.floor((needed + (autoPad === 'SAME_LOWER' ? 1 : 0)) / 2);
  const begin = Math.max(0, before);
  return [begin, needed - begin];
}

/** How many windows there are on an axis. */
function count(axis: Axis, size: Dim, at: number): Dim {
  const { stride, extent, same, ceil, autoPad, kernel } = axis;
  if (typeof size === 'string') {
    if (autoPad.startsWith('SAME'))
      return addDims([quotient(size, stride - 1, stride)], rounded(same - extent, stride, ceil));
    return symbolicCount(axis, size);
  }
  const [begin, end] = padsOf(axis, size);
  const span = size + begin + end - extent;
  const windows = span < 0 ? 0 : rounded(span, stride, ceil) + 1;
  if (windows < 1)
    throw new ShapeError(
      `no window fits on spatial axis ${at}: kernel ${kernel}${axis.dilation > 1 ? ` (dilation ${axis.dilation})` : ''}, stride ${stride}, size ${size} padded by ${begin} and ${end}`,
      { actual: size },
    );
  // The last window must start inside the input or the padding before it.
  return ceil && (windows - 1) * stride >= size + begin ? windows - 1 : windows;
}

const rounded = (span: number, stride: number, ceil: boolean): number =>
  ceil ? Math.ceil(span / stride) : Math.floor(span / stride);

function symbolicCount({ stride, extent, begin, end, ceil }: Axis, size: string): Dim {
  const span = begin + end - extent;
  if (!ceil) return quotient(size, span + stride, stride);
  const up = quotient(size, span + 2 * stride - 1, stride);
  const inside = quotient(size, begin + stride - 1, stride);
  // The last window can only start too late where the padding after the input holds a whole one.
  return extent >= end + stride || up === inside ? up : `min(${up}, ${inside})`;
}

const nested = /^(floor|ceil)\(([\w.]+)\/(\d+)\)$/;

/** floor((size + offset) / by), in one form for each value: `floor(h/2)`, `ceil(h/2) + 1`, `floor((h + 1)/3)`. */
function quotient(size: string, offset: number, by: number): Dim {
  const whole = Math.floor(offset / by);
  const rest = offset - whole * by;
  if (by === 1) return addDims([size], offset);
  const rounding = rest === 0 ? 'floor' : rest === by - 1 ? 'ceil' : null;
  const [, inner, name, under] = nested.exec(size) ?? [];
  if (rounding && inner === rounding)
    return addDims([`${rounding}(${name}/${Number(under) * by})`], whole);
  const exact = `${addDims([size], rounding ? 0 : rest)}`;
  const shown = /^[\w.*]+$/.test(exact) ? exact : `(${exact})`;
  return addDims([`${rounding ?? 'floor'}(${shown}/${by})`], whole);
}

interface Spread {
  readonly axis: Axis;
  readonly begin: number;
  readonly end: number;
  readonly output: Dim;
}

/** Each element of the input becomes a window of the output: the sizes of Conv the other way round. */
function spread(attributes: TransposedAttributes, spatial: Shape, weights: Shape): Spread[] {
  const rank = spatial.length;
  const axes = axesOf({ ...attributes, ceil_mode: 0 }, rank, weights);
  const extra = attributes.output_padding ?? Array(rank).fill(0);
  const wanted = attributes.output_shape;
  numbers('output_padding', extra, rank, 0);
  if (wanted) numbers('output_shape', wanted, rank, 1);
  return axes.map((axis, i) => spreadAxis(axis, spatial[i] ?? 1, extra[i] ?? 0, wanted?.[i], i));
}

function spreadAxis(
  axis: Axis,
  size: Dim,
  extra: number,
  wanted: number | undefined,
  at: number,
): Spread {
  const { stride, dilation, extent, kernel } = axis;
  if (extra >= Math.max(stride, dilation))
    throw new ShapeError(
      `output_padding ${extra} must be less than stride ${stride} or dilation ${dilation}`,
      { actual: extra },
    );
  const natural = addDims([multiplyDims([size, stride])], extent - stride + extra);
  const [begin, cut] = cutOf(axis, natural, extra, wanted);
  const output = wanted ?? addDims([natural], -begin - cut);
  if (typeof output !== 'number' || typeof size !== 'number')
    return { axis, begin, end: cut, output };
  // Conv skips up to stride - 1 elements at its end: no more than that can be added here.
  const end = (size - 1) * stride + extent - output - begin;
  if (output < 1 || end <= -stride)
    throw new ShapeError(
      `${output < 1 ? 'the output would be empty' : `the output cannot be ${output} long`} on spatial axis ${at}: kernel ${kernel}, stride ${stride}, size ${size}, output_padding ${extra}, cut by ${begin} and ${cut}`,
      { actual: output },
    );
  return { axis, begin, end, output };
}

/** What is cut off before and after the output as it comes. */
function cutOf(axis: Axis, natural: Dim, extra: number, wanted?: number): [number, number] {
  const { autoPad, extent, stride } = axis;
  const stated = wanted === undefined && !autoPad.startsWith('SAME');
  if (stated || (wanted !== undefined && typeof natural === 'string'))
    return [axis.begin, axis.end];
  // SAME asks for `stride` elements of each of the input's.
  const over = wanted === undefined ? extent - stride + extra : Number(natural) - wanted;
  const cut = Math.max(0, over);
  const begin = Math.floor((cut + (autoPad === 'SAME_UPPER' ? 0 : 1)) / 2);
  return [begin, cut - begin];
}
