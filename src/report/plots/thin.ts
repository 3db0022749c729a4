/**
 * Long series made short without hiding what happened. A series of more than `most` points is cut into equal
 * ranges of steps, and each range keeps its mean, minimum and maximum; the chart draws the mean as the line and
 * the rest as a band. So no spike is lost, as decimation would, and none is exaggerated, as drawing all would.
 */

/** One place along the line: a point, or a range of steps. */
export interface Bucket {
  /** First and last step in it. */
  readonly from: number;
  readonly to: number;
  /** Mean step and mean value. */
  readonly step: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** A series ready to draw. */
export interface Thinned {
  /** In the order of steps. A range in which no value is finite has NaN, which is drawn as a gap. */
  readonly buckets: readonly Bucket[];
  /** Whether buckets stand for several points. */
  readonly averaged: boolean;
  /** Values that were not finite, and so could not be drawn. */
  readonly dropped: number;
}

type Point = readonly [step: number, value: number];

/** At most `most` buckets for these points. */
export function thin(points: readonly Point[], most: number): Thinned {
  const sorted = points.filter(([step]) => Number.isFinite(step)).sort((a, b) => a[0] - b[0]);
  const dropped = points.reduce((count, [, value]) => count + (Number.isFinite(value) ? 0 : 1), 0);
  if (sorted.length <= most)
    return { buckets: sorted.map((point) => bucketOf([point])), averaged: false, dropped };
  const start = sorted[0]?.[0] ?? 0;
  const span = (sorted.at(-1)?.[0] ?? 0) - start || 1;
  const groups = Array.from({ length: most }, (): Point[] => []);
  for (const point of sorted) {
    const i = Math.floor(((point[0] - start) / span) * most);
    groups[Math.min(i, most - 1)]?.push(point);
  }
  const buckets = groups.filter((group) => group.length > 0).map(bucketOf);
  return { buckets, averaged: true, dropped };
}

function bucketOf(points: readonly Point[]): Bucket {
  let steps = 0;
  let sum = 0;
  let count = 0;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const [step, value] of points) {
    steps += step;
    if (!Number.isFinite(value)) continue;
    sum += value;
    count++;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return {
    from: points[0]?.[0] ?? 0,
    to: points.at(-1)?.[0] ?? 0,
    step: steps / points.length,
    value: count === 0 ? Number.NaN : sum / count,
    low: count === 0 ? Number.NaN : low,
    high: count === 0 ? Number.NaN : high,
  };
}
