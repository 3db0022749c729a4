/**
 * The grid of K x K location-specific classifiers over a box (Hariharan et al. 2015): classifier k is for the
 * places around the middle of cell k, and at a place between middles the probabilities of the nearest are blended,
 * h_i = sum_k alpha_ik g_k.
 */
import { evenGrid, interpolationWeights } from '../../dense/interpolation.js';
import { UsageError } from '../../errors.js';
import { type Tensor, zeros } from '../../tensor/tensor.js';

/** @throws UsageError where the grid does not fit into a map of `size` x `size`. */
export function checkGrid(cells: number, size: number): void {
  if (!(Number.isInteger(cells) && cells >= 1 && cells <= size))
    throw new UsageError(
      `a grid of classifiers has a whole number of cells along each side, from 1 to ${size}, the map's; got ${cells}`,
      { expected: size, actual: cells },
    );
}

/** The cell, of `cells` along an axis, in which each of `size` places lies. */
export function cellsOfAxis(size: number, cells: number): Uint16Array {
  return Uint16Array.from({ length: size }, (_, i) => Math.floor(((i + 0.5) * cells) / size));
}

/**
 * alpha of all places: float32 (cells * cells, size, size), the cells row by row. At each place at most four are above
 * 0, and they sum to 1.
 * @throws UsageError as `checkGrid`.
 */
export function gridWeights(cells: number, size: number): Tensor<'float32'> {
  checkGrid(cells, size);
  const { data: along } = interpolationWeights({
    ...{ from: evenGrid(size, cells), cells },
    ...{ to: evenGrid(size, size), count: size },
  });
  const weights = zeros('float32', [cells * cells, size, size]);
  for (let row = 0; row < cells; row++)
    for (let column = 0; column < cells; column++)
      for (let i = 0; i < size; i++) {
        const down = along[i * cells + row] ?? 0;
        const first = ((row * cells + column) * size + i) * size;
        for (let j = 0; down > 0 && j < size; j++)
          weights.data[first + j] = down * (along[j * cells + column] ?? 0);
      }
  return weights;
}
