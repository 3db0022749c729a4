/**
 * AP^r, the average precision of regions (Hariharan, Arbelaez, Girshick and Malik 2014, "Simultaneous detection and
 * segmentation"), and AP^r_part, which asks for the right part labels too (Hariharan et al. 2015, "Hypercolumns").
 */
import { DataError, UsageError } from '../errors.js';
import {
  averagePrecision,
  grouped,
  matched,
  meanAveragePrecision,
  type PrecisionRecall,
} from './detection.js';

/** The pixels of one thing in an image. */
export interface RegionTruth {
  /** Which image it is in: any number that detections share. */
  readonly image: number;
  readonly classId: number;
  /** Its pixels, row * width + column, each once in rising order. */
  readonly pixels: Uint32Array;
  /** The part that each of `pixels` belongs to; asked for where parts count. */
  readonly parts?: Uint8Array;
}

/** The same as a detector found it. */
export interface RegionDetection extends RegionTruth {
  readonly score: number;
}

/** Whether labels of parts count. */
export interface RegionOptions {
  /** Overlaps above it are right: 0.5 or 0.7 in the papers. A share in [0, 1). */
  readonly threshold: number;
  /** AP^r_part instead of AP^r: of the pixels that both have, only those of the same part count as shared. */
  readonly parts?: boolean;
}

/** Figures of all classes and of each. */
export interface RegionFigures {
  /** Mean over the classes that have a truth, in [0, 1]; NaN where none has. */
  readonly mean: number;
  /** By class, of all classes that were there or were detected. */
  readonly classes: ReadonlyMap<number, PrecisionRecall>;
}

/**
 * How much two regions of an image overlap: pixels in both / pixels in either, in [0, 1]; 0 where both are empty.
 * @param withParts count as shared only those pixels that have the same part in both
 */
export function regionOverlap(
  a: Pick<RegionTruth, 'pixels' | 'parts'>,
  b: Pick<RegionTruth, 'pixels' | 'parts'>,
  withParts = false,
): number {
  let [i, j, both, shared] = [0, 0, 0, 0];
  while (i < a.pixels.length && j < b.pixels.length) {
    const [p = 0, q = 0] = [a.pixels[i], b.pixels[j]];
    if (p === q) {
      both++;
      if (!withParts || a.parts?.[i] === b.parts?.[j]) shared++;
    }
    if (p <= q) i++;
    if (q <= p) j++;
  }
  const either = a.pixels.length + b.pixels.length - both;
  return either === 0 ? 0 : shared / either;
}

/**
 * AP^r or AP^r_part. A detection takes the truth of its image and class that it overlaps most among those still free,
 * and is right where that is above the threshold, as in the authors' code; a second one on the same truth is wrong.
 * @throws DataError where pixels do not rise, a score is not a number or parts do not fit their pixels, UsageError for
 *   a threshold that is no share.
 */
export function averagePrecisionOfRegions(
  detections: readonly RegionDetection[],
  truths: readonly RegionTruth[],
  { threshold, parts = false }: RegionOptions,
): RegionFigures {
  if (!(threshold >= 0 && threshold < 1))
    throw new UsageError(`the overlap that is right must be a share in [0, 1), got ${threshold}`, {
      actual: threshold,
    });
  detections.forEach((each, i) => {
    check(each, `detection ${i}`, parts);
  });
  truths.forEach((each, i) => {
    check(each, `truth ${i}`, parts);
  });
  const found = grouped(detections, ({ classId }) => classId);
  const there = grouped(truths, ({ classId }) => classId);
  const ids = [...new Set([...there.keys(), ...found.keys()])].sort((a, b) => a - b);
  const classes = new Map(
    ids.map((id) => {
      const own = there.get(id) ?? [];
      const fitOf = (detection: RegionDetection, truth: RegionTruth): number | null => {
        const overlap = regionOverlap(detection, truth, parts);
        return overlap > threshold ? overlap : null;
      };
      const verdicts = matched(found.get(id) ?? [], own, fitOf, false);
      return [id, averagePrecision(verdicts, own.length)];
    }),
  );
  return { mean: meanAveragePrecision(classes.values()), classes };
}

function check({ pixels, parts }: RegionTruth, what: string, withParts: boolean): void {
  const wrong = pixels.findIndex((at, i) => i > 0 && at <= (pixels[i - 1] ?? 0));
  if (wrong >= 0)
    throw new DataError(
      `${what}: pixel number ${wrong} is ${pixels[wrong]} after ${pixels[wrong - 1]}. List each pixel once, in rising order.`,
      { actual: pixels[wrong] },
    );
  if (withParts && parts?.length !== pixels.length)
    throw new DataError(
      `${what} has ${pixels.length} pixels and ${parts ? `${parts.length} parts` : 'no parts'}: AP^r_part needs the part of every pixel`,
      { expected: pixels.length, actual: parts?.length ?? 0 },
    );
}
