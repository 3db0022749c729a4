/**
 * Regions of COCO's annotations as pixels: polygons, and runs of pixels column by column, plain or as text.
 * @see https://cocodataset.org/#format-data; https://github.com/cocodataset/cocoapi, common/maskApi.c
 */
import { DataError } from '../../errors.js';

/** What an annotation says its region is. */
export type Segmentation =
  | readonly (readonly number[])[]
  | { readonly size: readonly number[]; readonly counts: string | readonly number[] };

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Called with each run of pixels of a row or a column: the first, one past the last, and the step between two. */
type Paint = (from: number, to: number, step: number) => void;

/**
 * Goes through the pixels of a region; of overlapping polygons some come twice.
 * @throws DataError where the region is not in one of the forms, or of another size than the image.
 */
export function eachRun(region: Segmentation, size: Size, paint: Paint): void {
  if ('counts' in region) eachColumnRun(region, size, paint);
  else for (const polygon of region) fillPolygon(polygon, size, paint);
}

function eachColumnRun(
  { size, counts }: Extract<Segmentation, { counts: unknown }>,
  { width, height }: Size,
  paint: Paint,
): void {
  if (size[0] !== height || size[1] !== width)
    throw new DataError(
      `has runs for ${size[1]} x ${size[0]} pixels, its image ${width} x ${height}`,
      { expected: [height, width], actual: size },
    );
  const runs = typeof counts === 'string' ? parseCounts(counts) : counts;
  let at = 0;
  let isInside = false;
  for (const run of runs) {
    if (!Number.isInteger(run) || run < 0 || at + run > width * height)
      throw new DataError(`has runs that go beyond its ${width * height} pixels`, { actual: run });
    // Column by column: number n stands for row n % height, column n / height.
    for (let from = at; isInside && from < at + run; ) {
      const column = Math.floor(from / height);
      const to = Math.min(at + run, (column + 1) * height);
      const first = (from - column * height) * width + column;
      paint(first, first + (to - from) * width, width);
      from = to;
    }
    at += run;
    isInside = !isInside;
  }
}

/**
 * Runs as COCO writes them in text: groups of 5 bits from the lowest on, 48 added to each, bit 6 where more follow, the
 * last one's bit 5 the sign; from the fourth run on the difference to the last but one.
 * @throws DataError where the text breaks off or has other characters.
 */
export function parseCounts(text: string): number[] {
  const runs: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    let bits: number;
    do {
      bits = text.charCodeAt(at++) - 48;
      // NaN beyond the end.
      if (!(bits >= 0 && bits < 64) || shift > 30)
        throw new DataError(`has runs as text that are damaged at character ${at}`, { actual: at });
      value += (bits & 31) * 2 ** shift;
      shift += 5;
    } while (bits & 32);
    if (bits & 16) value -= 2 ** shift;
    runs.push(runs.length > 2 ? value + (runs[runs.length - 2] ?? 0) : value);
  }
  return runs;
}

/**
 * The pixels whose centres lie inside a polygon (x0, y0, x1, y1, ..., in pixels from the upper left corner), by the
 * even-odd rule. COCO's own program samples the outline more finely; single pixels along it may differ.
 */
function fillPolygon(polygon: readonly number[], { width, height }: Size, paint: Paint): void {
  const count = Math.floor(polygon.length / 2);
  if (!Array.isArray(polygon) || count < 3 || !polygon.every((value) => Number.isFinite(value)))
    throw new DataError('has a polygon of fewer than three corners, or one that is not of numbers');
  const corner = (i: number) => [polygon[2 * i] ?? 0, polygon[2 * i + 1] ?? 0] as const;
  const ys = Array.from({ length: count }, (_, i) => corner(i)[1]);
  const first = Math.max(0, Math.floor(Math.min(...ys)));
  const last = Math.min(height - 1, Math.ceil(Math.max(...ys)));
  for (let row = first; row <= last; row++) {
    const y = row + 0.5;
    const crossings: number[] = [];
    for (let i = 0; i < count; i++) {
      const [xa, ya] = corner(i);
      const [xb, yb] = corner((i + 1) % count);
      if (ya <= y !== yb <= y) crossings.push(xa + ((y - ya) * (xb - xa)) / (yb - ya));
    }
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil((crossings[i] ?? 0) - 0.5));
      const to = Math.min(width, Math.ceil((crossings[i + 1] ?? 0) - 0.5));
      if (to > from) paint(row * width + from, row * width + to, 1);
    }
  }
}
