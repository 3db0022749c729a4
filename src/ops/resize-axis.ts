/**
 * Linear maps along one axis, as constant matrices: what average pools and Resize are, axis by axis, and what their
 * gradients are with the matrix transposed.
 */
import { GradientError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, zeros } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import { dimsOf } from './dims.js';
import { reshapedTo } from './emit.js';
import { castTo } from './mask.js';

/** float32 (rows, columns): output positions by input positions. */
export type AxisMatrix = Tensor<'float32'>;

/** Elements that a matrix may have, as from 1024 positions to 4096: a file of few bytes may ask for any size. */
const most = 2 ** 22;

/** @throws GradientError where a matrix from `columns` to `rows` positions would be too large to be made. */
export function checkMatrix(rows: number, columns: number): void {
  if (rows * columns > most)
    throw new GradientError(
      `the gradient from ${rows} positions of an axis to ${columns} is a matrix of more than ${most} elements. Leave the node out`,
      { expected: most, actual: rows * columns },
    );
}

/** The matrix that has `weight` summed up at each (row, column) listed. Columns outside are skipped. */
export function axisMatrix(
  rows: number,
  columns: number,
  entries: Iterable<readonly [row: number, column: number, weight: number]>,
): AxisMatrix {
  const matrix = zeros('float32', [rows, columns]);
  for (const [row, column, weight] of entries) {
    if (column < 0 || column >= columns) continue;
    const at = row * columns + column;
    matrix.data[at] = (matrix.data[at] ?? 0) + weight;
  }
  return matrix;
}

/** Whether the matrix maps each position to itself alone. */
export function isIdentity({ dims: [rows = 0, columns = 0], data }: AxisMatrix): boolean {
  return rows === columns && data.every((value, i) => value === (i % (columns + 1) === 0 ? 1 : 0));
}

/**
 * `dy`, whose axis has the matrix's rows, times the matrix: the gradient of what the matrix does along that axis.
 * A matrix of equal blocks, such as that of windows which do not overlap, is applied block by block.
 * @returns the shape of dy with the matrix's columns along `axis`
 */
export function backAlong(b: Builder, dy: Value, axis: number, matrix: AxisMatrix): Value {
  if (isIdentity(matrix)) return dy;
  const dims = dimsOf(dy);
  const [, columns = 1] = matrix.dims;
  const block = blockOf(matrix);
  const [height = 1, width = 1] = block.dims;
  const count = columns / width;
  const outer = sizeOf(dims.slice(0, axis)) * count;
  const inner = sizeOf(dims.slice(axis + 1));
  const constant = (data: AxisMatrix): Value => castTo(b, b.constant(data), dy.dtype);
  const product =
    inner === 1
      ? b.Gemm(reshapedTo(b, dy, [outer, height]), constant(block))
      : b.MatMul(constant(transposed(block)), reshapedTo(b, dy, [outer, height, inner]));
  return reshapedTo(b, product, dims.with(axis, columns));
}

/** `dy` times a matrix along each axis from `first` on: the last axis first, on the fewest elements. */
export const backAlongAll = (
  b: Builder,
  dy: Value,
  first: number,
  matrices: readonly AxisMatrix[],
): Value => matrices.reduceRight((value, matrix, i) => backAlong(b, value, first + i, matrix), dy);

function transposed({ dims: [rows = 0, columns = 0], data }: AxisMatrix): AxisMatrix {
  const turned = zeros('float32', [columns, rows]);
  data.forEach((value, i) => {
    turned.data[(i % columns) * rows + Math.floor(i / columns)] = value;
  });
  return turned;
}

/** Columns that a block has at least: products with smaller ones take longer, not shorter. */
const leastWidth = 16;

/** The smallest block, not too small, that the matrix repeats along its diagonal; the matrix itself where none. */
function blockOf(matrix: AxisMatrix): AxisMatrix {
  const [rows = 0, columns = 0] = matrix.dims;
  for (let count = Math.floor(columns / leastWidth); count > 1; count--) {
    if (rows % count !== 0 || columns % count !== 0) continue;
    const block = repeatedBlock(matrix, rows / count, columns / count);
    if (block) return block;
  }
  return matrix;
}

function repeatedBlock(matrix: AxisMatrix, height: number, width: number): AxisMatrix | null {
  const [, columns = 0] = matrix.dims;
  const block = zeros('float32', [height, width]);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      block.data[row * width + column] = matrix.data[row * columns + column] ?? 0;
  const repeats = matrix.data.every((value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const isInside = Math.floor(row / height) === Math.floor(column / width);
    return value === (isInside ? block.data[(row % height) * width + (column % width)] : 0);
  });
  return repeats ? block : null;
}
