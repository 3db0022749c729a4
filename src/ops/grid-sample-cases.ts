/** Gradient-check cases of GridSample: every mode, with every padding, aligned and not. */

import type { GridSampleAttributes } from './grid-sample-axis.js';
import type { Case, CaseInput } from './op.js';

/** A grid that reaches outside, away from the edges of elements of an image of 4 by 4, where the slope jumps. */
const grid = (aligned: number, ...shape: readonly number[]): CaseInput => ({
  shape,
  range: [-1.5, 1.5],
  // Whole and half coordinates: those where taps change, and those where nearest does.
  kinks: Array.from({ length: 21 }, (_, i) => {
    const at = i / 2 - 3.5;
    return aligned ? (2 * at) / 3 - 1 : (2 * at + 1) / 4 - 1;
  }),
});

export const gridSampleCases: readonly Case<GridSampleAttributes>[] = [
  ...(['linear', 'nearest', 'cubic'] as const).flatMap((mode) =>
    (['zeros', 'border', 'reflection'] as const).flatMap((padding_mode) =>
      [0, 1].map((align_corners) => ({
        inputs: [[2, 2, 4, 4], grid(align_corners, 2, 3, 2, 2)],
        attributes: { mode, padding_mode, align_corners },
      })),
    ),
  ),
  { inputs: [[1, 2, 4, 4, 4], grid(0, 1, 2, 1, 3, 3)] },
  {
    inputs: [[1, 1, 4, 4, 4], grid(1, 1, 2, 2, 1, 3)],
    attributes: { padding_mode: 'reflection', align_corners: 1, mode: 'nearest' },
  },
];
