/** How the scores of two maps are summed, by the paper's crops or by exact offsets. */

import { phaseOf, transposed, upsample } from '../../dense/bilinear.js';
import { cutGrid, type Grids } from '../../dense/grid.js';
import type { Value } from '../../graph/graph.js';
import type { Builder } from '../../ops/builder.js';

/**
 * `exact`: the finer map keeps all its cells, the coarser one is brought to them, and its last cells are copied beyond
 * its rim. `paper`: what is beyond the coarser map is 0, and the finer one is cropped to what the transposed
 * convolution gives (Long et al. 2015; Caffe's Crop layers), which with 100 pixels of padding covers the image.
 */
export type Alignment = 'exact' | 'paper';

/** Scores and where their cells stand: float32 (batch, classes, height, width). */
export interface Scores {
  readonly value: Value;
  readonly grids: Grids;
}

/**
 * The coarser scores brought to the finer ones' cells and added to them.
 * @param kernel name of the upsampling's kernel
 */
export function fuse(
  b: Builder,
  coarse: Scores,
  fine: Scores,
  kernel: string,
  alignment: Alignment,
): Scores {
  const phases = [
    phaseOf(coarse.grids[0], fine.grids[0]),
    phaseOf(coarse.grids[1], fine.grids[1]),
  ] as const;
  const [top, left] = [-phases[0].first, -phases[1].first];
  if (alignment === 'exact' || top < 0 || left < 0) {
    const edges = alignment === 'exact' ? 'replicate' : 'zeros';
    const options = {
      from: coarse.grids,
      to: fine.grids,
      like: fine.value,
      edges,
      kernel,
    } as const;
    const up = upsample(b, coarse.value, options);
    return { value: b.Add(up, fine.value), grids: fine.grids };
  }
  const up = transposed(b, coarse.value, phases, kernel);
  const size = b.Shape(up, { start: 2 });
  const cut = b.Slice(fine.value, [top, left], b.Add(size, [top, left]), [2, 3]);
  const grids = [cutGrid(fine.grids[0], top), cutGrid(fine.grids[1], left)] as const;
  // A network whose pools leave out a last window may have fewer of the finer cells: then the coarser ones are cut too.
  const within = b.Slice(up, [0, 0], b.Shape(cut, { start: 2 }), [2, 3]);
  return { value: b.Add(within, cut), grids };
}
