/** Parts of a report on images from outside: the table's cells, histograms, reliability diagrams. */
import { type Calibration, probabilitiesOf } from '../methods/calibration/calibration.js';
import { type CalibrationFigures, reliabilityBins } from '../metrics/calibration.js';
import {
  type OutOfDistributionFigures,
  outOfDistributionFigureNames,
  type Scores,
} from '../metrics/out-of-distribution.js';
import type { Interval } from '../metrics/out-of-distribution-interval.js';
import type { OutsideCell, ReportReliability } from '../report/outside-run.js';
import type { HistogramData } from '../report/plots/histogram.js';
import type { Tensor } from '../tensor/tensor.js';
import { percent } from './text-table.js';

/** Bins of a histogram: ours. */
const bins = 40;

/** A share as the tables have it, in % without the sign. */
export const hundredths = (share: number): string => (100 * share).toFixed(1);

/** The figures of a set in the paper's order, with the ends of their intervals. */
export function figureCells(
  figures: OutOfDistributionFigures,
  intervals: Readonly<Record<keyof OutOfDistributionFigures, Interval>>,
): OutsideCell[] {
  return outOfDistributionFigureNames.map((name) => {
    const [low, high] = intervals[name];
    return { value: hundredths(figures[name]), low: hundredths(low), high: hundredths(high) };
  });
}

/** Shares of the scores by bin; what lies beyond the ends counts with them. */
export function sharesOf(scores: Scores, [from, to]: readonly [number, number]): number[] {
  const shares = new Array<number>(bins).fill(0);
  for (const score of Array.from(scores)) {
    const bin = Math.floor((bins * (score - from)) / (to - from));
    const inside = Math.min(bins - 1, Math.max(0, bin));
    shares[inside] = (shares[inside] ?? 0) + 1 / scores.length;
  }
  return shares;
}

/** How sure the classifier is of its own images, and of a set's. */
export function confidenceHistogram(name: string, own: Scores, others: Scores): HistogramData {
  return {
    ...{ title: `${name}: confidence`, xLabel: 'largest probability', from: 0, to: 1 },
    series: [
      { name: 'inside', shares: sharesOf(own, [0, 1]) },
      { name, shares: sharesOf(others, [0, 1]) },
    ],
  };
}

/** Logits of images whose classes are known, and the figures of their probabilities. */
export interface ReliabilityInput {
  /** float32 (count, classes). */
  readonly logits: Tensor<'float32'>;
  readonly truth: Int32Array;
  readonly before: CalibrationFigures;
  /** Where there is a calibration. */
  readonly after?: CalibrationFigures | undefined;
  readonly calibration?: Calibration | undefined;
}

/** A diagram of the probabilities as they are, and one of those after calibration. */
export function reliabilityDiagrams({
  logits,
  truth,
  before,
  after,
  calibration,
}: ReliabilityInput): ReportReliability[] {
  const diagram = (title: string, figures: CalibrationFigures, used?: Calibration) => ({
    ...{ title, bins: reliabilityBins(probabilitiesOf(logits, used), truth) },
    note: `ECE ${percent(figures.ece)}, MCE ${percent(figures.mce)}, NLL ${figures.nll.toFixed(3)}, Brier ${figures.brier.toFixed(3)}`,
  });
  return [
    diagram(after ? 'before' : 'as it is', before),
    ...(after && calibration
      ? [diagram(`after ${calibration.method} scaling`, after, calibration)]
      : []),
  ];
}
