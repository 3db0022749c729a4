/** The report of a classifier faced with images from outside. */
import type { ImageTarget } from '../data/decode-image.js';
import { pixelsOf } from '../data/image-batches.js';
import { probabilitiesOf } from '../methods/calibration/calibration.js';
import { rocCurve, type Scores } from '../metrics/out-of-distribution.js';
import type { ReportOutside, ReportReliability } from '../report/outside-run.js';
import type { HistogramData } from '../report/plots/histogram.js';
import type { LineSeries } from '../report/plots/line-chart.js';
import type { ReportMistake } from '../report/run-report.js';
import {
  bySet,
  type FigureOptions,
  figureTitles,
  type OodFigures,
  scoresOf,
} from './ood-figures.js';
import type { JudgedSet, OodRun, ReadyDetector } from './ood-run.js';
import {
  confidenceHistogram,
  figureCells,
  hundredths,
  reliabilityDiagrams,
  sharesOf,
} from './outside-parts.js';
import { mistakeOf, pictureOf } from './report-parts.js';

/** Mistakes shown of each set. */
const mostMistakes = 12;

/** The table, histograms of confidence and of the first detector's score, and curves. */
export function outsideReport(
  run: OodRun,
  found: OodFigures,
  lead: string,
  { tpr }: FigureOptions,
): ReportOutside {
  const rows = bySet(found).flatMap((sets) =>
    sets.map(({ detector, set }) => ({
      ...{ set: set.name, detector, refused: hundredths(set.refused) },
      cells: figureCells(set.figures, set.intervals),
    })),
  );
  const [first] = run.detectors;
  return {
    ...{ lead, heading: figureTitles(tpr), rows },
    histograms: run.outside.flatMap((set) => [
      confidenceHistogram(set.name, confidencesOf(run.inside, run), confidencesOf(set, run)),
      ...(first ? [scoreHistogram(run, set, first)] : []),
    ]),
    roc: curves(run),
  };
}

/** Largest probability of each image. */
function confidencesOf({ scored }: JudgedSet, { calibration }: OodRun): Float64Array {
  const { dims, data } = probabilitiesOf(scored.logits, calibration);
  const [count = 0, classes = 1] = dims;
  return Float64Array.from({ length: count }, (_, i) =>
    data.subarray(i * classes, (i + 1) * classes).reduce((most, p) => Math.max(most, p), 0),
  );
}

function scoreHistogram(run: OodRun, set: JudgedSet, detector: ReadyDetector): HistogramData {
  const [own, other] = [run.inside, set].map((each) => scoresOf(each, detector.fitted.name));
  const [from, to] = rangeOf(own ?? [], other ?? [], detector.threshold);
  return {
    title: `${set.name}: score of ${detector.name}`,
    xLabel: 'score, higher more outside',
    ...{ from, to, threshold: detector.threshold },
    series: [
      { name: 'inside', shares: sharesOf(own ?? [], [from, to]) },
      { name: set.name, shares: sharesOf(other ?? [], [from, to]) },
    ],
  };
}

/** Where most scores lie: a few that are far off would leave one bin for all others. */
function rangeOf(own: Scores, other: Scores, threshold: number): readonly [number, number] {
  const quantile = (scores: Scores, share: number): number => {
    const ordered = Array.from(scores).sort((a, b) => a - b);
    return ordered[Math.round(share * (ordered.length - 1))] ?? 0;
  };
  const low = Math.min(quantile(own, 0.005), quantile(other, 0.005));
  const reach = quantile(own, 0.995) - quantile(own, 0.005);
  const farthest = Math.max(quantile(own, 0.995), threshold) + 4 * reach;
  const high = Math.max(
    quantile(own, 0.995),
    Math.min(quantile(other, 0.995), farthest),
    threshold,
  );
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
}

/** One chart of all sets; of several detectors one chart a set. */
function curves({ inside, outside, detectors }: OodRun): ReportOutside['roc'] {
  const line = (name: string, set: JudgedSet, detector: ReadyDetector): LineSeries => ({
    name,
    points: thinned(
      rocCurve(scoresOf(inside, detector.fitted.name), scoresOf(set, detector.fitted.name)),
    ),
  });
  const [only, ...more] = detectors;
  if (only && more.length === 0)
    return [{ title: only.name, series: outside.map((set) => line(set.name, set, only)) }];
  return outside.map((set) => ({
    title: set.name,
    series: detectors.map((detector) => line(detector.name, set, detector)),
  }));
}

/** The curve at each percent of the outside, between its points along straight lines. */
function thinned(points: ReturnType<typeof rocCurve>): [number, number][] {
  let at = 0;
  return Array.from({ length: 101 }, (_, percentage) => {
    const rate = percentage / 100;
    while (at + 1 < points.length && (points[at + 1]?.falsePositiveRate ?? 1) <= rate) at++;
    const [a, b] = [points[at], points[at + 1] ?? points[at]];
    const span = (b?.falsePositiveRate ?? 0) - (a?.falsePositiveRate ?? 0);
    const share = span > 0 ? (rate - (a?.falsePositiveRate ?? 0)) / span : 0;
    const [from, to] = [a?.truePositiveRate ?? 0, b?.truePositiveRate ?? 0];
    return [percentage, 100 * (from + share * (to - from))];
  });
}

/** Diagrams of the images inside, before and after calibration. */
export function reliabilityReport(
  { inside, truth, calibration }: OodRun,
  { before, after }: OodFigures,
): ReportReliability[] {
  return reliabilityDiagrams({ logits: inside.scored.logits, truth, before, after, calibration });
}

/** The images from outside that the first detector holds for the most inside. */
export async function outsideMistakes(
  run: OodRun,
  target: ImageTarget,
  classes: readonly string[],
): Promise<ReportMistake[]> {
  const [first] = run.detectors;
  if (!first) return [];
  const limit = Math.fround(first.threshold);
  const shape = [target.channels, target.height, target.width];
  const mistakes: ReportMistake[] = [];
  for (const set of run.outside) {
    const scores = scoresOf(set, first.fitted.name);
    const { data } = probabilitiesOf(set.scored.logits, run.calibration);
    const worst = [...scores.keys()]
      .filter((i) => (scores[i] ?? 0) <= limit)
      .sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0))
      .slice(0, mostMistakes);
    for (const i of worst) {
      const planes = await pixelsOf(set.source, target, i, 1);
      const picture = pictureOf(planes, shape, set.source.name(i));
      const row = Float32Array.from(data.subarray(i * classes.length, (i + 1) * classes.length));
      mistakes.push({ ...mistakeOf(picture, -1, row, classes), truth: set.name });
    }
  }
  return mistakes;
}
