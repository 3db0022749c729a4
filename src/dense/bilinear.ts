/**
 * Brings a map to a finer grid, bilinearly: a transposed convolution by channel, whose kernel has the exact phase of
 * the two grids, cut to the cells that are wanted (Long et al. 2015, sections 3.3 and 4.2). Why so: decision 014.
 */
import { ModelError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { sameShape } from '../tensor/shape.js';
import { type Tensor, tensor, zeros } from '../tensor/tensor.js';
import type { Grid, Grids } from './grid.js';

/** One axis of an upsampling. */
export interface Phase {
  /** Cells of the finer grid for each of the coarser one. */
  readonly factor: number;
  /** Place of the kernel's peak: a whole number where cells of both grids coincide. */
  readonly centre: number;
  /** Elements of the kernel: 2 factor - 1 where the peak is on an element, else 2 factor. */
  readonly size: number;
  /**
   * The cell of the transposed convolution's output that is cell 0 of the finer grid: what the paper crops. Negative
   * where the finer grid begins so many cells before.
   */
  readonly first: number;
}

/**
 * How a map on the grid `from` is brought to the grid `to`. With f the factor and c the centre, the kernel is
 * w[t] = max(0, 1 - |t - c| / f), and the smallest that holds all its elements above 0.
 * @throws ModelError where one stride is no whole multiple of the other.
 */
export function phaseOf(from: Grid, to: Grid): Phase {
  const factor = from.stride / to.stride;
  if (!Number.isInteger(factor) || factor < 1)
    throw new ModelError(
      `a map of stride ${from.stride} cannot be brought to stride ${to.stride}: the factor must be a whole number`,
      { expected: 'a whole number', actual: factor },
    );
  // Cells of the finer grid from the first cell of the coarser one to its own first.
  const shift = (to.offset - from.offset) / to.stride;
  const first = Math.ceil(shift + factor - 1);
  const centre = first - shift;
  return { factor, centre, size: Math.ceil(centre + factor), first };
}

/** The bilinear kernel of one phase for each axis, once for each channel: float32 (channels, 1, height, width). */
export function bilinearKernel(channels: number, [height, width]: readonly [Phase, Phase]): Tensor {
  const taps = ({ factor, centre, size }: Phase): number[] =>
    Array.from({ length: size }, (_, t) => Math.max(0, 1 - Math.abs(t - centre) / factor));
  const kernel = zeros('float32', [channels, 1, height.size, width.size]);
  const one = taps(height).flatMap((v) => taps(width).map((h) => v * h));
  for (let channel = 0; channel < channels; channel++) kernel.data.set(one, channel * one.length);
  return kernel;
}

export interface UpsampleOptions {
  readonly from: Grids;
  readonly to: Grids;
  /** A value (batch, any, height, width) of the height and width that are wanted; they may be symbolic. */
  readonly like: Value;
  /**
   * What lies beyond the first and last cells: copies of them (`replicate`, where the result is the nearest known
   * value) or 0 (`zeros`, the paper's). Replicated where left out.
   */
  readonly edges?: 'replicate' | 'zeros';
  /** Name of the kernel's initializer, by which it can be trained. */
  readonly kernel: string;
}

/**
 * Adds the upsampling of `x`, float32 (batch, channels, height, width), to the cells of `to`: the kernel is an
 * initializer of its own for each channel, so that it can be trained without mixing channels.
 * @returns float32 (batch, channels, height and width of `like`)
 * @throws ModelError where the channels are not known or the strides do not fit.
 */
export function upsample(
  b: Builder,
  x: Value,
  { from, to, like, edges = 'replicate', kernel }: UpsampleOptions,
): Value {
  const phases = [phaseOf(from[0], to[0]), phaseOf(from[1], to[1])] as const;
  const isSame = phases.every(({ size, first }) => size === 1 && first === 0);
  if (isSame && sameShape(x.shape.slice(2), like.shape.slice(2))) return x;
  const before = phases.map((phase) => cellsBefore(phase, edges));
  const wanted = b.Shape(like, { start: 2 });
  const padded = withEdges(b, x, wanted, phases, before, edges);
  const spread = transposed(b, padded, phases, kernel);
  const starts = phases.map(({ first, factor }, i) => first + factor * (before[i] ?? 0));
  const ends = b.Add(wanted, starts);
  const cut = b.Slice(spread, starts, ends, [2, 3]);
  // States the size that it has, for what comes after: a Slice with computed ends is of unknown size.
  return b.Reshape(cut, b.Concat(b.constant(tensor('int64', [2], [0, 0])), wanted, { axis: 0 }));
}

/** The transposed convolution alone, every cell that the kernel reaches: factor (size - 1) + kernel size of them. */
export function transposed(
  b: Builder,
  x: Value,
  phases: readonly [Phase, Phase],
  kernel: string,
): Value {
  const channels = x.shape[1];
  if (typeof channels !== 'number')
    throw new ModelError(`the number of channels of "${x.name}" is not known`, { actual: x.shape });
  const weight = b.initializer(kernel, bilinearKernel(channels, phases));
  return b.ConvTranspose(x, weight, null, {
    kernel_shape: phases.map(({ size }) => size),
    strides: phases.map(({ factor }) => factor),
    group: channels,
  });
}

/** Cells that must be added before the first. */
function cellsBefore({ factor, first, centre }: Phase, edges: 'replicate' | 'zeros'): number {
  if (edges === 'zeros') return Math.max(0, Math.ceil(-first / factor));
  return Math.max(0, Math.ceil((centre - first) / factor));
}

/** `x` with as many cells around it as the cells wanted need. How many come after depends on both sizes. */
function withEdges(
  b: Builder,
  x: Value,
  wanted: Value,
  phases: readonly [Phase, Phase],
  before: readonly number[],
  edges: 'replicate' | 'zeros',
): Value {
  // Fine cell n - 1 needs the coarse cells up to ceil((n - 1 + shift) / factor), and the last one is m - 1.
  const reach = phases.map(({ factor, first, centre }) => Math.ceil(first - centre) + factor - 2);
  const factors = phases.map(({ factor }) => factor);
  const last = b.Div(b.Add(wanted, reach), factors);
  const missing = b.Sub(b.Add(last, [1, 1]), b.Shape(x, { start: 2 }));
  const after = b.Max(missing, [0, 0]);
  const amounts = b.known(after.name);
  if (amounts && [...before, ...Array.from(amounts.data, Number)].every((n) => n === 0)) return x;
  const pads = b.Concat(b.constant(tensor('int64', [2], before)), after, { axis: 0 });
  return b.Pad(x, pads, null, [2, 3], { mode: edges === 'zeros' ? 'constant' : 'edge' });
}
