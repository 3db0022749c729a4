/** One axis of a tiling: regions of one size, each with the output positions for which it holds all that they see. */
import type { AxisField } from '../ops/receptive-field.js';

/** Whole numbers from `start` up to, but not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What one tile reads and gives along one axis. */
export interface AxisTile {
  /** Pixels that it reads. */
  readonly input: Span;
  /** Positions of the whole output that it gives. */
  readonly output: Span;
  /** Positions of the tile's own output before the first of these. */
  readonly skip: number;
}

/** One axis of an image and of what a network makes of it. */
export interface TiledAxis {
  readonly pixels: number;
  /** Positions of the whole output. */
  readonly positions: number;
  readonly field: Pick<AxisField, 'size' | 'stride' | 'offset'>;
  /**
   * Pixels between places where all strided windows of the network fall alike: regions start at multiples of it, and
   * their lengths differ from the whole image's by one.
   */
  readonly alignment: number;
  /** Pixels that a region needs at least. */
  readonly least: number;
}

/**
 * Covers all positions by regions of one length. A position belongs to a region that holds all pixels it sees, or
 * where it sees beyond the image, the border of the image there; so nothing that the cut border disturbs is kept.
 * @param longest pixels of a region at most; more where the network needs more
 * @returns tiles from first to last, whose outputs join without gap or overlap
 */
export function planAxis(axis: TiledAxis, longest: number): AxisTile[] {
  const { pixels, alignment, least } = axis;
  const fitting = (length: number): number =>
    pixels - Math.ceil((pixels - length) / alignment) * alignment;
  const enough = fitting(Math.max(least, longest) + alignment - 1);
  let length = longest >= least ? fitting(longest) : enough;
  if (length < least) length = enough;
  for (; length < pixels; length += alignment) {
    const tiles = cover(axis, length);
    if (tiles) return evened(axis, length, tiles);
  }
  const whole = { start: 0, end: axis.positions };
  return [{ input: { start: 0, end: pixels }, output: whole, skip: 0 }];
}

/** The shortest regions of which no more are needed. */
function evened(axis: TiledAxis, length: number, tiles: AxisTile[]): AxisTile[] {
  const shorter = length - axis.alignment;
  const next = shorter < axis.least ? null : cover(axis, shorter);
  return next && next.length <= tiles.length ? evened(axis, shorter, next) : tiles;
}

/** Null where regions of this length do not reach from one to the next. */
function cover(axis: TiledAxis, length: number): AxisTile[] | null {
  const { pixels, positions, alignment } = axis;
  const { offset, stride, size } = axis.field;
  // Positions that the network leaves out at the end of an image, it leaves out at the end of a region.
  const own = positions - (pixels - length) / stride;
  const tiles: AxisTile[] = [];
  for (let done = 0; done < positions; ) {
    const first = Math.floor((stride * done + Math.min(0, offset)) / alignment) * alignment;
    const start = Math.min(Math.max(0, first), pixels - length);
    const inside = Math.floor((start + length - size - offset) / stride) + 1;
    const isLast = start + length === pixels;
    const end = isLast ? positions : Math.min(positions, inside, Math.round(start / stride + own));
    if (end <= done) return null;
    const skip = done - Math.round(start / stride);
    tiles.push({
      input: { start, end: start + length },
      output: { start: done, end },
      skip,
    });
    done = end;
  }
  return tiles;
}
