/** Hypercolumns at chosen points, on the host: what a classifier is trained on when few pixels have labels. */
import { ShapeError } from '../errors.js';
import { formatShape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Grid, Grids } from './grid.js';

export interface ColumnsOptions {
  /** Which image of the batch; the first where left out. */
  readonly image?: number;
  /** Sides of the neighbourhoods, one a map, odd; 1 where left out. */
  readonly kernels?: readonly number[];
  /** Written into, if given: as many numbers as the result has. */
  readonly out?: Float32Array;
}

/** Channels that are read together: 64 bytes of a hypercolumn, what memory moves at once. */
const together = 16;

/**
 * The hypercolumns of some points, without those of all others.
 * @param maps of the taps, float32 (batch, channels, height, width), or (batch, channels) of units
 * @param grids where their cells stand; null for units
 * @param points rows and columns in pixels, alternating, whole or not: 2 numbers a point
 * @returns float32 (points, channels), the channels as `explicit` has them
 * @throws ShapeError where maps, grids, points, `image` or `out` do not fit each other.
 */
export function columnsAt(
  maps: readonly Tensor<'float32'>[],
  grids: readonly (Grids | null)[],
  points: ArrayLike<number>,
  { image = 0, kernels = [], out }: ColumnsOptions = {},
): Float32Array {
  checkMaps(maps, grids, points, image);
  const sides = maps.map((_, i) => kernels[i] ?? 1);
  const length = maps.reduce((sum, { dims }, i) => sum + (dims[1] ?? 0) * (sides[i] ?? 1) ** 2, 0);
  const count = points.length / 2;
  const columns = out ?? new Float32Array(count * length);
  if (columns.length !== count * length)
    throw new ShapeError(
      `out must hold ${count} hypercolumns of ${length}, got ${columns.length} numbers`,
      { expected: count * length, actual: columns.length },
    );
  let first = 0;
  maps.forEach((map, i) => {
    const [, channels = 0, height = 1, width = 1] = map.dims;
    const side = sides[i] ?? 1;
    const size = height * width;
    const planes = map.data.subarray(image * channels * size, (image + 1) * channels * size);
    const reach = (side - 1) / 2;
    for (let cell = 0; cell < side * side; cell++) {
      const shift = [Math.floor(cell / side) - reach, (cell % side) - reach] as const;
      const corners = cornersOf(points, grids[i] ?? null, [height, width], shift);
      gather(planes, size, corners, columns, { length, first: first + cell, step: side * side });
    }
    first += channels * side * side;
  });
  return columns;
}

/** Of each point, the four cells around it and their weights. */
interface Corners {
  readonly cells: Int32Array;
  readonly weights: Float32Array;
}

function cornersOf(
  points: ArrayLike<number>,
  grids: Grids | null,
  [height, width]: readonly [number, number],
  [down, across]: readonly [number, number],
): Corners {
  const count = points.length / 2;
  const cells = new Int32Array(4 * count);
  const weights = new Float32Array(4 * count);
  const rows = new Axis(grids?.[0] ?? still, height, down);
  const lines = new Axis(grids?.[1] ?? still, width, across);
  for (let p = 0, at = 0; p < count; p++, at += 4) {
    rows.place(points[2 * p] as number);
    lines.place(points[2 * p + 1] as number);
    const { before: top, after: bottom, share: v } = rows;
    const { before: left, after: right, share: h } = lines;
    cells[at] = top * width + left;
    cells[at + 1] = top * width + right;
    cells[at + 2] = bottom * width + left;
    cells[at + 3] = bottom * width + right;
    weights[at] = (1 - v) * (1 - h);
    weights[at + 1] = (1 - v) * h;
    weights[at + 2] = v * (1 - h);
    weights[at + 3] = v * h;
  }
  return { cells, weights };
}

/** Units have one cell, wherever it is. */
const still: Grid = { stride: 1, offset: 0 };

/** Where a pixel lies between the cells along one axis. An object that is used again: there are many pixels. */
class Axis {
  before = 0;
  after = 0;
  /** Of the way from the cell before to the one after. */
  share = 0;

  constructor(
    readonly grid: Grid,
    readonly count: number,
    /** Cells that a neighbour stands off. */
    readonly shift: number,
  ) {}

  place(pixel: number): void {
    const { stride, offset } = this.grid;
    const last = this.count - 1;
    const at = Math.min(Math.max((pixel - offset) / stride, 0), last);
    const cell = Math.floor(at);
    this.share = at - cell;
    this.before = Math.min(Math.max(cell + this.shift, 0), last);
    this.after = Math.min(Math.max(cell + 1 + this.shift, 0), last);
  }
}

/** Where a map's channels lie in a hypercolumn of `length`. */
interface Place {
  readonly length: number;
  readonly first: number;
  readonly step: number;
}

function gather(
  planes: Float32Array,
  size: number,
  { cells, weights }: Corners,
  out: Float32Array,
  { length, first, step }: Place,
): void {
  const count = cells.length / 4;
  const all = planes.length / size;
  for (let from = 0; from < all; from += together) {
    const end = Math.min(from + together, all);
    for (let p = 0, at = 0; p < count; p++, at += 4) {
      const a = cells[at] as number;
      const b = cells[at + 1] as number;
      const c = cells[at + 2] as number;
      const d = cells[at + 3] as number;
      const wa = weights[at] as number;
      const wb = weights[at + 1] as number;
      const wc = weights[at + 2] as number;
      const wd = weights[at + 3] as number;
      let plane = from * size;
      let to = p * length + first + from * step;
      for (let channel = from; channel < end; channel++) {
        out[to] =
          wa * (planes[plane + a] as number) +
          wb * (planes[plane + b] as number) +
          wc * (planes[plane + c] as number) +
          wd * (planes[plane + d] as number);
        plane += size;
        to += step;
      }
    }
  }
}

/** @throws ShapeError */
function checkMaps(
  maps: readonly Tensor<'float32'>[],
  grids: readonly (Grids | null)[],
  points: ArrayLike<number>,
  image: number,
): void {
  if (maps.length !== grids.length || points.length % 2 !== 0)
    throw new ShapeError(
      `there must be a grid for each map and two numbers for each point, got ${maps.length} maps, ${grids.length} grids, ${points.length} numbers`,
      { expected: maps.length, actual: grids.length },
    );
  const few = maps.find(({ dims: [batch = 0] }) => !(image >= 0 && image < batch));
  if (few)
    throw new ShapeError(`there is no image ${image} in a batch of ${few.dims[0]}`, {
      expected: few.dims[0],
      actual: image,
    });
  maps.forEach(({ dims }, i) => {
    const isUnits = dims.slice(2).every((size) => size === 1);
    if (dims.length === 4 || (dims.length === 2 && isUnits)) return;
    throw new ShapeError(
      `map ${i} of the hypercolumns must be (batch, channels, height, width), got ${formatShape(dims)}`,
      { actual: dims },
    );
  });
}
