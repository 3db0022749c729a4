/** Brings the output of a dense network to the size of the image. */

import { upsample } from './bilinear.js';
import type { Dense } from './convolutionalize.js';
import { finish } from './finish.js';
import { gridsOf, pixels } from './grid.js';
import { reopen } from './reopen.js';

/**
 * The network with a bilinear transposed convolution behind it, and cut to the pixels of the image: each cell's scores
 * stand at the middle of what it sees, between them they are interpolated, beyond the outermost they stay.
 * @param kernel name of the kernels' initializer
 * @throws ModelError where the output is no map of a known number of channels over the image.
 */
export function fullSize(dense: Dense, kernel = 'upsample.weight'): Dense {
  const { b, image, scores } = reopen(dense);
  const from = gridsOf(dense.field, dense.output);
  const name = b.values.has(kernel) ? b.fresh(kernel) : kernel;
  const value = upsample(b, scores, { from, to: pixels, like: image, kernel: name });
  const field = dense.field.map((axis) => {
    // The middle of what is seen is the pixel itself, give or take a cell.
    const size = axis.size + 2 * axis.stride;
    return { ...axis, size, stride: 1, offset: -Math.floor((size - 1) / 2), exact: false };
  });
  return finish(dense, b, value, field);
}
