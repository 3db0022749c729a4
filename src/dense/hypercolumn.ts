/**
 * Hypercolumns (Hariharan, Arbelaez, Girshick, Malik 2015): at each pixel what several layers say there, one below the
 * other. `explicit` makes them; `efficient` gives what a linear classifier says of them without making them.
 */
import { ModelError, ShapeError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { formatShape } from '../tensor/shape.js';
import { type Tensor, tensor, zeros } from '../tensor/tensor.js';
import { type Grids, pixels } from './grid.js';
import type { HypercolumnTap } from './hypercolumn-taps.js';
import { interpolate, type Target } from './interpolation.js';

/** What is linear in a classifier on hypercolumns. */
export interface Heads {
  /**
   * A kernel for each tap, float32 (outputs, channels, n, n), n odd: with n above 1 it sees the neighbours of a cell on
   * the layer's own grid, of which there are copies beyond the rim. Units without extent have n = 1.
   */
  readonly weights: readonly Value[];
  /** float32 (outputs). */
  readonly bias: Value | null;
}

/** Every pixel of the images that the taps see. */
export function pixelTarget(b: Builder, taps: readonly HypercolumnTap[]): Target {
  return { grids: pixels, size: b.value(taps[0]?.image ?? '') };
}

/**
 * Adds the scores of a linear classifier on hypercolumns, by its linearity and that of interpolation: each layer is
 * convolved where it stands, its scores are interpolated and summed (section 4). What squashes them comes behind.
 * Layers on one grid are summed before they are interpolated.
 * @param target the cells that are wanted; every pixel where left out
 * @returns float32 (batch, outputs, height, width)
 * @throws ShapeError where the kernels do not fit the taps.
 */
export function efficient(
  b: Builder,
  taps: readonly HypercolumnTap[],
  heads: Heads,
  target: Target = pixelTarget(b, taps),
): Value {
  checkHeads(taps, heads);
  const scored = new Map<string, { grids: Grids | null; value: Value }>();
  taps.forEach((tap, i) => {
    const weight = heads.weights[i] as Value;
    const n = Number(weight.shape[2]);
    const map = mapOf(b, tap);
    const x = b.Conv(withNeighbours(b, map, n), weight, i === 0 ? heads.bias : null, {
      kernel_shape: [n, n],
    });
    const key = JSON.stringify([tap.grids, map.shape.slice(2)]);
    const before = scored.get(key)?.value;
    scored.set(key, { grids: tap.grids, value: before ? b.Add(before, x) : x });
  });
  const [first, ...rest] = [...scored.values()].map(({ grids, value }) =>
    grids === null ? value : interpolate(b, value, grids, target),
  );
  const sum = rest.reduce((all, next) => b.Add(all, next), first as Value);
  return taps.some(({ grids }) => grids !== null) ? sum : everywhere(b, sum, target);
}

/** @throws ShapeError */
function checkHeads(taps: readonly HypercolumnTap[], { weights }: Heads): void {
  if (weights.length !== taps.length || taps.length === 0)
    throw new ShapeError(`${taps.length} layers need as many kernels, got ${weights.length}`, {
      expected: taps.length,
      actual: weights.length,
    });
  const outputs = weights[0]?.shape[0];
  taps.forEach(({ name, channels, grids }, i) => {
    const shape = weights[i]?.shape ?? [];
    const [made, read, height, width] = shape;
    const isOdd =
      typeof height === 'number' && height % 2 === 1 && (grids !== null || height === 1);
    if (made === outputs && read === channels && height === width && isOdd && shape.length === 4)
      return;
    throw new ShapeError(
      `the kernel of "${name}" must be (${outputs ?? 'outputs'}, ${channels}, n, n) with n odd${grids === null ? ' and 1' : ''}, got ${formatShape(shape)}`,
      { expected: [outputs, channels], actual: shape },
    );
  });
}

/** The tap's value as a map; units as a map of one cell. */
function mapOf(b: Builder, { value }: HypercolumnTap): Value {
  const x = b.value(value);
  return x.shape.length === 4 ? x : b.Unsqueeze(x, [2, 3]);
}

/** With as many copies of the outermost cells around it as a kernel of n x n reaches beyond. */
export function withNeighbours(b: Builder, x: Value, n: number): Value {
  if (n === 1) return x;
  const reach = (n - 1) / 2;
  const pads = b.constant(tensor('int64', [4], [reach, reach, reach, reach]));
  const axes = b.constant(tensor('int64', [2], [2, 3]));
  return b.Pad(x, pads, null, axes, { mode: 'edge' });
}

/** Units at every cell of the target. */
function everywhere(b: Builder, units: Value, { size }: Target): Value {
  const wanted =
    'name' in size ? b.Shape(size, { start: 2 }) : b.constant(tensor('int64', [2], [...size]));
  const ones = b.constant(tensor('int64', [2], [1, 1]));
  return b.Expand(units, b.Concat(ones, wanted, { axis: 0 }));
}

export interface ExplicitOptions {
  /** The cells that are wanted; every pixel where left out. */
  readonly target?: Target;
  /** Sides of the neighbourhoods, one a tap, odd; 1 where left out. */
  readonly kernels?: readonly number[];
}

/**
 * Adds the hypercolumns themselves, which are large: with 1,344 channels 1.3 GB for an image of 500 x 500. Channels
 * lie tap by tap; of a neighbourhood of n x n a channel has its n^2 cells one after the other, row by row, as in the
 * kernels of `efficient`.
 * @returns float32 (batch, channels, height, width)
 */
export function explicit(
  b: Builder,
  taps: readonly HypercolumnTap[],
  { target = pixelTarget(b, taps), kernels = [] }: ExplicitOptions = {},
): Value {
  const columns = taps.map((tap, i) => {
    const map = neighbourhoods(b, mapOf(b, tap), tap, kernels[i] ?? 1);
    return tap.grids === null ? everywhere(b, map, target) : interpolate(b, map, tap.grids, target);
  });
  const [first, ...rest] = columns;
  if (!first) throw new ModelError('a hypercolumn needs at least one layer');
  return rest.length === 0 ? first : b.Concat(first, ...rest, { axis: 1 });
}

/** Each cell with its neighbours, as channels: a convolution by channel that picks them. */
function neighbourhoods(b: Builder, x: Value, { channels }: HypercolumnTap, n: number): Value {
  if (n === 1) return x;
  const each = n * n;
  const picks = zeros('float32', [channels * each, 1, n, n]);
  for (let row = 0; row < channels * each; row++) picks.data[row * each + (row % each)] = 1;
  return b.Conv(withNeighbours(b, x, n), b.constant(picks), null, {
    kernel_shape: [n, n],
    group: channels,
  });
}

/** How many channels the hypercolumns have: 4,736 of pool2, conv4 and fc7 of AlexNet. */
export function columnLength(taps: readonly HypercolumnTap[], kernels: readonly number[] = []) {
  return taps.reduce((sum, { channels }, i) => sum + channels * (kernels[i] ?? 1) ** 2, 0);
}

/**
 * A linear classifier of whole hypercolumns, as fitted on some, cut into the kernels of `efficient`.
 * @param weights float32 (outputs, channels), the channels as `explicit` and `columnsAt` lay them
 * @returns one for each tap, float32 (outputs, channels of the tap, n, n)
 * @throws ShapeError where the channels are not those of the taps.
 */
export function kernelsOf(
  { dims, data }: Tensor<'float32'>,
  taps: readonly HypercolumnTap[],
  kernels: readonly number[] = [],
): Tensor<'float32'>[] {
  const [outputs = 0, length = 0] = dims;
  const expected = columnLength(taps, kernels);
  if (dims.length !== 2 || length !== expected)
    throw new ShapeError(
      `weights of hypercolumns must be (outputs, ${expected}), got ${formatShape(dims)}`,
      { expected, actual: dims },
    );
  let first = 0;
  return taps.map(({ channels }, i) => {
    const n = kernels[i] ?? 1;
    const each = channels * n * n;
    const part = zeros('float32', [outputs, channels, n, n]);
    for (let row = 0; row < outputs; row++)
      part.data.set(data.subarray(row * length + first, row * length + first + each), row * each);
    first += each;
    return part;
  });
}
