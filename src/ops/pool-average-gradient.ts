/** The gradient of AveragePool. */
import type { Value } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { dimsOf } from './dims.js';
import { padded } from './emit.js';
import { poolMatrices } from './pool-matrix.js';
import { backAlongAll } from './resize-axis.js';
import type { Window } from './window.js';

/**
 * dx of an average pool: dy over the number of elements, spread over each window. Windows side by side take a Resize,
 * half the time of the products with matrices that all others take.
 * @param spatial the input's spatial sizes
 */
export function averagePoolGradient(
  b: Builder,
  dy: Value,
  window: Window,
  spatial: readonly number[],
  countsPadding: boolean,
): Value {
  if (!isSideBySide(window, spatial)) {
    const matrices = poolMatrices(window, spatial, countsPadding ? 'all' : 'inside');
    return backAlongAll(b, dy, 2, matrices);
  }
  const outer = dimsOf(dy).slice(0, 2);
  const covered = window.counts.map((count, i) => count * (window.kernel[i] ?? 1));
  const share = b.Mul(dy, 1 / sizeOf(window.kernel));
  const spread = b.Resize(share, null, null, [...outer, ...covered], {
    coordinate_transformation_mode: 'asymmetric',
    mode: 'nearest',
    nearest_mode: 'floor',
  });
  const rest = spatial.map((size, i) => size - (covered[i] ?? 0));
  return padded(b, spread, [0, 0, ...spatial.map(() => 0)], [0, 0, ...rest]);
}

/** Whether each window begins where the one before ends, without padding. */
function isSideBySide(window: Window, spatial: readonly number[]): boolean {
  const { kernel, strides, extents, begin, counts } = window;
  return spatial.every((size, i) => {
    const width = kernel[i] ?? 1;
    const isWhole = width === strides[i] && width === extents[i];
    return isWhole && begin[i] === 0 && (counts[i] ?? 1) * width <= size;
  });
}
