/** The report of a calibration: how often right and how sure, before and after, and what it is most surely wrong about. */
import type { Calibration } from '../methods/calibration/calibration.js';
import { probabilitiesOf } from '../methods/calibration/calibration.js';
import type { CalibrationFigures } from '../metrics/calibration.js';
import type { ReportFigure, RunReport } from '../report/run-report.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { reliabilityDiagrams } from './outside-parts.js';
import { type JudgedImages, shownMistakes } from './report-parts.js';
import type { ScoredModel } from './scored-model.js';
import { grouped, percent } from './text-table.js';

export interface CalibrateReportInput {
  readonly opened: ScoredModel;
  /** Names of its classes. */
  readonly classes: readonly string[];
  readonly data: string;
  /** How many images the scaling was fitted on. */
  readonly fitted: number;
  readonly calibration: Calibration;
  /** The images that judge it, float32 (count, classes). */
  readonly logits: Tensor<'float32'>;
  readonly source: JudgedImages['source'];
  readonly labels: Int32Array;
  readonly before: CalibrationFigures;
  readonly after: CalibrationFigures;
  /** The resolved options of the command. */
  readonly config: RunReport['config'];
  readonly next: readonly string[];
  readonly provenance: RunReport['provenance'];
}

/** Gathers the report's parts. @throws DataError where an image cannot be decoded. */
export async function calibrateReport(input: CalibrateReportInput): Promise<RunReport> {
  const { opened, calibration, logits, source, labels, before, after } = input;
  const { dims, data } = probabilitiesOf(logits, calibration);
  const probabilities = tensor('float32', dims, Float32Array.from(data));
  return {
    title: 'Is it as often right as it says?',
    subtitle: `${opened.file} on ${grouped(labels.length)} images of ${input.data}, ${calibration.method} scaling fitted on ${grouped(input.fitted)} others`,
    figures: figures(before, after, calibration),
    config: input.config,
    curves: [],
    reliability: reliabilityDiagrams({ logits, truth: labels, before, after, calibration }),
    mistakes: await shownMistakes(
      { source, labels, probabilities },
      input.classes,
      opened.preprocessing,
    ),
    next: input.next,
    provenance: input.provenance,
  };
}

/** What calibration is for stands first: the gap between confidence and accuracy. */
function figures(
  before: CalibrationFigures,
  after: CalibrationFigures,
  calibration: Calibration,
): ReportFigure[] {
  const share = (name: string, key: keyof CalibrationFigures): ReportFigure => ({
    ...{ name, value: percent(after[key]), note: `before ${percent(before[key])}` },
  });
  const number = (name: string, key: keyof CalibrationFigures): ReportFigure => ({
    ...{ name, value: after[key].toFixed(3), note: `before ${before[key].toFixed(3)}` },
  });
  return [
    share('Expected calibration error', 'ece'),
    share('in bins of equal mass', 'eceMass'),
    share('Largest gap of a bin', 'mce'),
    number('Negative log-likelihood', 'nll'),
    number('Brier score', 'brier'),
    share('Accuracy', 'accuracy'),
    ...(calibration.method === 'temperature'
      ? [{ name: 'Temperature', value: calibration.temperature.toFixed(3) }]
      : []),
  ];
}
