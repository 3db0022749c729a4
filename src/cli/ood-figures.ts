/** Figures of detectors on sets from outside, as a table in the paper's layout, as JSON, and as gates. */
import { type Calibration, probabilitiesOf } from '../methods/calibration/calibration.js';
import type { DetectorName } from '../methods/ood/table.js';
import { type CalibrationFigures, calibrationFigures } from '../metrics/calibration.js';
import {
  type OutOfDistributionFigures,
  outOfDistributionFigureNames,
  type Scores,
} from '../metrics/out-of-distribution.js';
import { figuresWithIntervals, type Interval } from '../metrics/out-of-distribution-interval.js';
import { paperMetrics } from '../metrics/out-of-distribution-paper.js';
import type { JudgedSet, OodRun } from './ood-run.js';
import { grouped, percent, textTable } from './text-table.js';

/** A detector on one set. */
export interface SetFigures {
  readonly name: string;
  readonly count: number;
  readonly figures: OutOfDistributionFigures;
  readonly intervals: Readonly<Record<keyof OutOfDistributionFigures, Interval>>;
  /** Share of the set that lies above the detector's threshold, which was set on other images. */
  readonly refused: number;
  /** In the form of the official code. */
  readonly paper?: OutOfDistributionFigures;
}

export interface DetectorFigures {
  readonly name: DetectorName;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly threshold: number;
  /** Share of the images inside that lie at the threshold or below. */
  readonly accepted: number;
  readonly sets: readonly SetFigures[];
}

export interface OodFigures {
  readonly inside: number;
  /** Of the classifier itself on images inside, as it is and, where it was calibrated, after that. */
  readonly before: CalibrationFigures;
  readonly after: CalibrationFigures | undefined;
  readonly calibration: Calibration | undefined;
  readonly detectors: readonly DetectorFigures[];
}

export interface FigureOptions {
  readonly tpr: number;
  readonly resamples: number;
  readonly seed: number;
  /** Whether the official code's figures are wanted besides. */
  readonly paper: boolean;
}

/** Scores of one detector. */
export const scoresOf = ({ scored }: JudgedSet, detector: string): Float32Array =>
  scored.scores.get(detector) ?? new Float32Array();

const shareOf = (scores: Scores, holds: (score: number) => boolean): number =>
  Array.from(scores).filter(holds).length / scores.length;

/** All figures of a run. @throws DataError as `figuresWithIntervals` and `paperMetrics`. */
export function oodFigures(run: OodRun, options: FigureOptions): OodFigures {
  const { inside, truth, calibration } = run;
  const detectors = run.detectors.map(({ name, fitted, threshold }): DetectorFigures => {
    const own = scoresOf(inside, fitted.name);
    // The graph compares float32 with float32.
    const limit = Math.fround(threshold);
    const sets = run.outside.map((set): SetFigures => {
      const other = scoresOf(set, fitted.name);
      return {
        ...{ name: set.name, count: set.source.count },
        ...figuresWithIntervals(own, other, options),
        refused: shareOf(other, (score) => score > limit),
        ...(options.paper && { paper: paperMetrics(own, other) }),
      };
    });
    const accepted = shareOf(own, (score) => score <= limit);
    return { name, settings: fitted.settings, threshold, accepted, sets };
  });
  const { logits } = inside.scored;
  return {
    inside: truth.length,
    before: calibrationFigures(probabilitiesOf(logits), truth),
    after: calibration && calibrationFigures(probabilitiesOf(logits, calibration), truth),
    ...{ calibration, detectors },
  };
}

/** What gates may name: the least over all sets and detectors that were asked for. */
export const oodGates = {
  tnr: 'tnr',
  auroc: 'auroc',
  'detection-accuracy': 'detectionAccuracy',
  'aupr-in': 'auprIn',
  'aupr-out': 'auprOut',
} as const satisfies Readonly<Record<string, keyof OutOfDistributionFigures>>;

/** Names of the figures that gates may name. */
export const oodGateNames = [...Object.keys(oodGates), 'accuracy', 'ece'];

export function gatedFigures({ detectors, before, after }: OodFigures): Record<string, number> {
  const sets = detectors.flatMap((detector) => detector.sets);
  const least = Object.entries(oodGates).map(
    ([gate, name]) => [gate, Math.min(...sets.map(({ figures }) => figures[name]))] as const,
  );
  const { accuracy, ece } = after ?? before;
  return { ...Object.fromEntries(least), accuracy, ece };
}

/** `TNR at TPR 95 %` and the others, as the paper's table has them. */
export const figureTitles = (tpr: number): readonly string[] => [
  `TNR at TPR ${Number((100 * tpr).toPrecision(4))} %`,
  ...['AUROC', 'detection accuracy', 'AUPR in', 'AUPR out'],
];

/** Every detector on each set, set after set. */
export const bySet = ({ detectors }: OodFigures) =>
  (detectors[0]?.sets ?? []).map((_, i) =>
    detectors.flatMap(({ name, sets }) => {
      const set = sets[i];
      return set ? [{ detector: name, set }] : [];
    }),
  );

/** The tables as text. */
export function describeOod(found: OodFigures, { tpr, paper }: FigureOptions): string {
  const isOne = found.detectors.length === 1;
  const rows = bySet(found).flatMap((sets) =>
    sets.map(({ detector, set }) => [
      ...[set.name, ...(isOne ? [] : [detector])],
      ...outOfDistributionFigureNames.map((figure) =>
        withInterval(set.figures[figure], set.intervals[figure]),
      ),
      hundredths(set.refused),
    ]),
  );
  const lead = isOne ? ['out'] : ['out', 'detector'];
  const thresholds = found.detectors.map(({ name, threshold, accepted }) => [
    ...[name, String(Number(threshold.toPrecision(6))), percent(accepted, 1)],
  ]);
  return [
    textTable([...lead, ...figureTitles(tpr), 'refused'], rows, alignOf(lead)),
    'in %, with the 95 % interval of a bootstrap; refused: above the threshold, which other images set',
    ...(paper ? ['', paperTable(found, tpr)] : []),
    '',
    textTable(['detector', 'threshold', 'inside kept'], thresholds, ['left', 'right', 'right']),
  ].join('\n');
}

/** Text goes left, all figures after it right. */
const alignOf = (lead: readonly string[]) => [
  ...lead.map(() => 'left' as const),
  ...[...outOfDistributionFigureNames, 'refused'].map(() => 'right' as const),
];

const hundredths = (share: number): string => (100 * share).toFixed(1);

const withInterval = (value: number, [low, high]: Interval): string =>
  `${hundredths(value)} (${hundredths(low)}-${hundredths(high)})`;

/** In the form of the official code, which reads low where scores are equal. */
function paperTable(found: OodFigures, tpr: number): string {
  const rows = bySet(found).flatMap((sets) =>
    sets.map(({ detector, set }) => [
      set.name,
      detector,
      ...outOfDistributionFigureNames.map((figure) =>
        hundredths(set.paper?.[figure] ?? Number.NaN),
      ),
    ]),
  );
  const lead = ['out', 'detector'];
  const heading = [...lead, 'TNR at TPR 95 %', ...figureTitles(tpr).slice(1)];
  return `${textTable(heading, rows, alignOf(lead))}\nas the official code of Lee et al. 2018 computes them, on a grid: for its tables alone`;
}

/** Accuracy and calibration of the classifier itself, in a line. */
export function describeClassifier({ inside, before, after, calibration }: OodFigures): string {
  const line = ({ accuracy, ece, nll }: CalibrationFigures): string =>
    `accuracy ${percent(accuracy)}, ECE ${percent(ece)}, NLL ${nll.toFixed(4)}`;
  const own = `inside: ${grouped(inside)} images, ${line(before)}`;
  return after ? `${own}; ${calibration?.method} scaling: ${line(after)}` : own;
}
