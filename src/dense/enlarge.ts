/** Interpolation at the cells of a finer grid by Resize, where it has the phase: the quickest form, and fixed. */
import type { Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { sameShape } from '../tensor/shape.js';
import { tensor } from '../tensor/tensor.js';
import type { Grid, Grids } from './grid.js';

/** Where Resize puts the middle of its cell 0, in cells of the finer grid behind the middle of the coarser cell 0. */
const modes = {
  asymmetric: () => 0,
  half_pixel: (factor: number) => (1 - factor) / 2,
} as const;
type Mode = keyof typeof modes;

/** An enlargement: a mode of Resize, and for each axis its scale and which of its cells is cell 0 of the finer grid. */
export interface Enlargement {
  readonly mode: Mode;
  readonly factors: readonly [number, number];
  /** Negative where the finer grid begins so many cells before. */
  readonly first: readonly [number, number];
}

/**
 * How Resize brings a map on one grid to another. With factor f a cell of its output lies at multiples of 1/f of a cell
 * behind a middle (`asymmetric`), or half of such a step off (`half_pixel`).
 * @returns null where a factor is no whole number, or the phase another
 */
export function enlargementOf(from: Grids, to: Grids): Enlargement | null {
  const factor = (axis: 0 | 1): number => from[axis].stride / to[axis].stride;
  const factors = [factor(0), factor(1)] as const;
  if (!factors.every((each) => Number.isInteger(each) && each >= 1)) return null;
  const firstOf = (mode: Mode, axis: 0 | 1): number =>
    shiftOf(from[axis], to[axis]) - modes[mode](factors[axis]);
  for (const mode of ['asymmetric', 'half_pixel'] as const) {
    const first = [firstOf(mode, 0), firstOf(mode, 1)] as const;
    if (first.every(Number.isInteger)) return { mode, factors, first };
  }
  return null;
}

/** Cells of the finer grid from the first cell of the coarser one to its own first. */
const shiftOf = (from: Grid, to: Grid): number => (to.offset - from.offset) / to.stride;

/**
 * Adds the enlargement of `x`, float32 (batch, channels, height, width), to as many cells as `like` has. Beyond the
 * outermost cells these are repeated.
 * @returns float32 (batch, channels, height and width of `like`)
 */
export function enlarge(
  b: Builder,
  x: Value,
  { mode, factors, first }: Enlargement,
  like: Value,
): Value {
  const isSame = [...factors, ...first].join() === '1,1,0,0';
  if (isSame && sameShape(x.shape.slice(2), like.shape.slice(2))) return x;
  const before = first.map((at, i) => Math.max(0, Math.ceil(-at / (factors[i] ?? 1))));
  const starts = first.map((at, i) => at + (before[i] ?? 0) * (factors[i] ?? 1));
  const wanted = b.Shape(like, { start: 2 });
  const ends = b.Add(wanted, starts);
  // Resize repeats the last cell as far as its own part goes; what lies beyond needs more cells.
  const needed = b.Div(
    b.Add(
      ends,
      factors.map((each) => each - 1),
    ),
    factors,
  );
  const have = b.Add(b.Shape(x, { start: 2 }), before);
  const after = b.Max(b.Sub(needed, have), [0, 0]);
  const padded = withCopies(b, x, before, after);
  const scales = b.constant(tensor('float32', [4], [1, 1, ...factors]));
  const options = { mode: 'linear', coordinate_transformation_mode: mode } as const;
  const large = b.Resize(padded, null, scales, null, options);
  const cut = b.Slice(large, starts, ends, [2, 3]);
  // States the size that it has: a Slice with computed ends is of unknown size.
  return b.Reshape(cut, b.Concat(b.constant(tensor('int64', [2], [0, 0])), wanted, { axis: 0 }));
}

function withCopies(b: Builder, x: Value, before: readonly number[], after: Value): Value {
  const known = b.known(after.name);
  if (known && [...before, ...Array.from(known.data, Number)].every((n) => n === 0)) return x;
  const pads = b.Concat(b.constant(tensor('int64', [2], before)), after, { axis: 0 });
  return b.Pad(x, pads, null, [2, 3], { mode: 'edge' });
}
