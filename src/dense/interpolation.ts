/**
 * Bilinear interpolation from the cells of one grid to those of another, f_i = sum_k alpha_ik F_k (Hariharan et al.
 * 2015, section 3): alpha follows from where both stand in the image. Why so: decision 019.
 */
import type { Value } from '../graph/graph.js';
import { dataTypeOf } from '../onnx/dtypes.js';
import type { Builder } from '../ops/builder.js';
import { isStatic } from '../tensor/shape.js';
import { type Tensor, tensor, zeros } from '../tensor/tensor.js';
import { upsample } from './bilinear.js';
import { enlarge, enlargementOf } from './enlarge.js';
import type { Grid, Grids } from './grid.js';

const float32 = dataTypeOf('float32');

/** The cells that a map is to be brought to. */
export interface Target {
  readonly grids: Grids;
  /** How many there are: as many as this value (batch, any, height, width) has, symbolic or not, or these numbers. */
  readonly size: Value | readonly [height: number, width: number];
}

/** `cells` cells side by side that cover `pixels` pixels evenly: 50 on a box of 227, say. */
export function evenGrid(pixels: number, cells: number): Grid {
  const stride = pixels / cells;
  return { stride, offset: (stride - 1) / 2 };
}

/** One axis of an interpolation. */
export interface Interpolated {
  readonly from: Grid;
  /** How many cells the map has. */
  readonly cells: number;
  readonly to: Grid;
  /** How many are wanted. */
  readonly count: number;
}

/**
 * alpha along one axis: float32 (count, cells), each row with one or two weights above 0 that sum to 1. Beyond the
 * first and last cells these stand alone.
 */
export function interpolationWeights({ from, cells, to, count }: Interpolated): Tensor<'float32'> {
  const weights = zeros('float32', [count, cells]);
  for (let i = 0; i < count; i++) {
    const place = (to.offset + i * to.stride - from.offset) / from.stride;
    const inside = Math.min(Math.max(place, 0), cells - 1);
    const first = Math.floor(inside);
    weights.data[i * cells + first] = 1 - (inside - first);
    if (inside > first) weights.data[i * cells + first + 1] = inside - first;
  }
  return weights;
}

/**
 * Adds the interpolation of `x`, float32 (batch, channels, height, width), at the cells of the target, in the quickest
 * form that there is. Where the strides divide it is a Resize, or at phases that Resize does not have a transposed
 * convolution by channel: tiles see through both. Else, or for a target of fixed size, it is a product with a matrix
 * along each axis.
 * @param from where the cells of `x` stand
 * @returns float32 (batch, channels, height and width of the target)
 * @throws ModelError where the channels are not known.
 */
export function interpolate(b: Builder, x: Value, from: Grids, { grids, size }: Target): Value {
  if ('name' in size) {
    const enlargement = enlargementOf(from, grids);
    if (enlargement) return enlarge(b, x, enlargement, size);
    if (from.every(({ stride }, i) => Number.isInteger(stride / (grids[i]?.stride ?? 1))))
      return upsample(b, x, { from, to: grids, like: size, kernel: b.fresh('interpolation') });
  }
  return product(b, x, from, { grids, size });
}

/** A matrix along each axis: constants where all sizes are known. */
function product(b: Builder, x: Value, from: Grids, { grids, size }: Target): Value {
  const isValue = 'name' in size;
  const sizes = [...x.shape.slice(2), ...(isValue ? size.shape.slice(2) : size)];
  if (isStatic(sizes)) {
    const along = (axis: 0 | 1): Tensor<'float32'> => {
      const [cells = 1, count = 1] = [sizes[axis], sizes[axis + 2]];
      return interpolationWeights({ from: from[axis], cells, to: grids[axis], count });
    };
    const across = b.Transpose(b.constant(along(1)), { perm: [1, 0] });
    return b.MatMul(b.constant(along(0)), b.MatMul(x, across));
  }
  const have = b.Shape(x, { start: 2 });
  const wanted = isValue ? b.Shape(size, { start: 2 }) : b.constant(tensor('int64', [2], size));
  const along = (axis: 0 | 1): Value =>
    computedWeights(b, from[axis], grids[axis], at(b, have, axis), at(b, wanted, axis));
  const result = b.MatMul(along(0), b.MatMul(x, b.Transpose(along(1), { perm: [1, 0] })));
  const kept = b.constant(tensor('int64', [2], [0, 0]));
  return b.Reshape(result, b.Concat(kept, wanted, { axis: 0 }));
}

const at = (b: Builder, sizes: Value, axis: number): Value =>
  b.Gather(sizes, b.constant(tensor('int64', [], [axis])), { axis: 0 });

/** `interpolationWeights` for sizes that only the run knows. */
function computedWeights(b: Builder, from: Grid, to: Grid, cells: Value, count: Value): Value {
  const upTo = (end: Value): Value =>
    b.Cast(
      b.Range(b.constant(tensor('int64', [], [0])), end, b.constant(tensor('int64', [], [1]))),
      { to: float32 },
    );
  const step = to.stride / from.stride;
  const place = b.Add(b.Mul(upTo(count), step), (to.offset - from.offset) / from.stride);
  const last = b.Cast(b.Sub(cells, b.constant(tensor('int64', [], [1]))), { to: float32 });
  const inside = b.Min(b.Max(place, 0), last);
  const apart = b.Abs(b.Sub(b.Unsqueeze(inside, [1]), upTo(cells)));
  return b.Relu(b.Sub(1, apart));
}
