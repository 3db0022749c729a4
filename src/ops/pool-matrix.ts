/** Average and sum pools as one matrix for each spatial axis: they are separable, their divisors too. */
import { type AxisMatrix, axisMatrix, checkMatrix } from './resize-axis.js';
import type { Window } from './window.js';

/** What becomes of the elements that a window reads: `all` divides by padding too, `inside` by what is in the input. */
export type Weighting = 'sum' | 'inside' | 'all';

/**
 * A matrix (windows, elements) for each spatial axis. With `all`, what lies behind the padding stated, where windows
 * of ceil_mode reach, does not count.
 * @throws GradientError where a matrix would be too large.
 */
export function poolMatrices(
  window: Window,
  spatial: readonly number[],
  weighting: Weighting,
): AxisMatrix[] {
  return spatial.map((size, axis) => {
    const rows = window.counts[axis] ?? 1;
    checkMatrix(rows, Math.max(size, window.kernel[axis] ?? 1));
    return axisMatrix(rows, size, entriesOf(window, axis, size, weighting));
  });
}

/** Row by row, since all of them together take many times the memory of the matrix. */
function* entriesOf(window: Window, axis: number, size: number, weighting: Weighting) {
  const end = size + (window.end[axis] ?? 0);
  for (let row = 0; row < (window.counts[axis] ?? 1); row++) {
    const read = positions(window, axis, row);
    const inside = read.filter((at) => at >= 0 && at < size);
    const counted = weighting === 'all' ? read.filter((at) => at < end) : inside;
    const weight = weighting === 'sum' ? 1 : 1 / counted.length;
    for (const at of inside) yield [row, at, weight] as const;
  }
}

function positions(window: Window, axis: number, row: number): number[] {
  const start = row * (window.strides[axis] ?? 1) - (window.begin[axis] ?? 0);
  return Array.from(
    { length: window.kernel[axis] ?? 1 },
    (_, k) => start + k * (window.dilations[axis] ?? 1),
  );
}
