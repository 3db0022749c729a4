/** From what a segmenter was measured to be, to the parts of its report. */
import type { Rgb } from '../data/segmentation/scenes.js';
import type { ConfusionMatrix } from '../metrics/classification.js';
import { type SegmentationFigures, segmentationFigures } from '../metrics/segmentation.js';
import type { ReportFigure, RunReport } from './run-report.js';

/** A picture with what was to be seen in it and what the model saw. */
export interface SegmentationExample {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** RGB, height, width, channels in row-major order; 0..255. */
  readonly pixels: Uint8Array;
  /** The class of each pixel, 255 where void. */
  readonly truth: Uint8Array;
  readonly predicted: Uint8Array;
  /** Mean IU of this picture alone, in [0, 1]. */
  readonly iu: number;
}

/** What the report of a segmenter is made from. */
export interface SegmentationRun {
  /** Pixels of the whole data set. */
  readonly confusion: ConfusionMatrix;
  readonly classes: readonly string[];
  /** The colour of each class. */
  readonly palette: readonly Rgb[];
  /** Boundary IU of each class, where it was measured. */
  readonly boundaryIu?: readonly number[];
  /** The pictures to show; those of lowest and of highest IU are (see `extremes`). */
  readonly examples: readonly SegmentationExample[];
}

/** The parts of a report that a segmenter has: `renderReport({ ...segmentationSections(run), title, … })`. */
export function segmentationSections(
  run: SegmentationRun,
): Required<Pick<RunReport, 'figures' | 'confusion' | 'segmentation'>> {
  const { classes, counts } = run.confusion;
  const matrix = Array.from({ length: classes }, (_, row) =>
    Array.from(counts.subarray(row * classes, (row + 1) * classes)),
  );
  return {
    figures: headline(segmentationFigures(run.confusion)),
    confusion: { classes: run.classes, matrix, unit: 'pixels' },
    segmentation: run,
  };
}

/** Pictures shown of each kind. */
export const shownExamples = 4;

/**
 * Places of the pictures worth showing: the lowest first, then the highest, the very highest last. Pictures without
 * an IU (all void) are none of them.
 */
export function extremes(ius: readonly number[], each: number = shownExamples): number[] {
  const order = [...ius.keys()]
    .filter((i) => !Number.isNaN(ius[i]))
    .sort((i, j) => (ius[i] ?? 0) - (ius[j] ?? 0));
  return order.length <= 2 * each ? order : [...order.slice(0, each), ...order.slice(-each)];
}

function headline(figures: SegmentationFigures): ReportFigure[] {
  const { classes, absent } = figures;
  const counted = classes.filter(({ iu }) => !Number.isNaN(iu)).length;
  const of =
    counted === classes.length ? `${counted} classes` : `${counted} of ${classes.length} classes`;
  const there = classes.length - absent.length;
  const seen = absent.length === 0 ? `${there} classes` : `${there} of ${classes.length} classes`;
  const write = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(3));
  return [
    { name: 'Mean IU', value: write(figures.meanIu), note: `over ${of}` },
    { name: 'Pixel accuracy', value: write(figures.pixelAccuracy), note: 'of pixels not void' },
    { name: 'Mean accuracy', value: write(figures.meanAccuracy), note: `over ${seen}` },
    {
      name: 'Frequency-weighted IU',
      value: write(figures.frequencyWeightedIu),
      note: 'by share of pixels',
    },
  ];
}
