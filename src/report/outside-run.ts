/** What a report knows of a classifier faced with images from outside, and of how sure it is inside. */
import type { HistogramData } from './plots/histogram.js';
import type { LineSeries } from './plots/line-chart.js';
import type { ReliabilityBar } from './plots/reliability-diagram.js';

/** A figure as it is shown, in %, with the ends of its interval. */
export interface OutsideCell {
  readonly value: string;
  readonly low: string;
  readonly high: string;
}

/** Detectors on sets from outside. */
export interface ReportOutside {
  /** What was asked of whom, in a sentence or two. */
  readonly lead: string;
  /** Names of the figures. */
  readonly heading: readonly string[];
  readonly rows: readonly {
    readonly set: string;
    readonly detector: string;
    /** In the order of the heading. */
    readonly cells: readonly OutsideCell[];
    readonly refused: string;
  }[];
  readonly histograms: readonly HistogramData[];
  /** Curves of images inside that are kept over images outside that are, in %. */
  readonly roc: readonly { readonly title: string; readonly series: readonly LineSeries[] }[];
}

/** How sure a classifier is, and how often right. */
export interface ReportReliability {
  readonly title: string;
  readonly note: string;
  readonly bins: readonly ReliabilityBar[];
}
