/**
 * Whether a classifier is as often right as it says. The confidence of an image is its largest probability; images are
 * gathered into bins of like confidence, and in each the share that was right is held against it.
 */
import { DataError, UsageError } from '../errors.js';
import {
  type Labels,
  negativeLogLikelihood,
  type Probabilities,
  predictedClasses,
} from './classification.js';

/** Images of like confidence. */
export interface ReliabilityBin {
  /** The confidences that belong here: above `from`, up to `to`; of bins of equal mass, the least and greatest there are. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Their mean confidence, and the share that was right, both in [0, 1]; NaN where there are none. */
  readonly confidence: number;
  readonly accuracy: number;
}

export interface BinOptions {
  /** How many bins, at least 1; 15 as in Guo et al. 2017. */
  readonly bins?: number | undefined;
  /** `width`: each spans as much confidence; `mass`: each holds as many images, at most one more or less. */
  readonly equal?: 'width' | 'mass' | undefined;
}

/** Figures of a classifier's probabilities; shares in [0, 1] but for `nll` in nats and `brier` in [0, 2]. */
export interface CalibrationFigures {
  readonly accuracy: number;
  /** Mean negative log-likelihood of the true classes. */
  readonly nll: number;
  /** Mean squared distance of the probabilities from the truth, summed over the classes (Brier 1950). */
  readonly brier: number;
  /** Expected calibration error (Naeini et al. 2015) over bins of equal width, and over bins of equal mass. */
  readonly ece: number;
  readonly eceMass: number;
  /** Maximum calibration error: the largest gap of a bin of equal width that has images. */
  readonly mce: number;
}

/** The figures' names, in the order in which they are shown. */
export const calibrationFigureNames = [
  'accuracy',
  'nll',
  'brier',
  'ece',
  'eceMass',
  'mce',
] as const satisfies readonly (keyof CalibrationFigures)[];

const customaryBins = 15;

/**
 * All figures of probabilities, (samples, classes), against true classes.
 * @throws DataError where there are no samples, and as `negativeLogLikelihood`; UsageError for a number of bins that is none.
 */
export function calibrationFigures(
  probabilities: Probabilities,
  truth: Labels,
  { bins = customaryBins }: Pick<BinOptions, 'bins'> = {},
): CalibrationFigures {
  const width = reliabilityBins(probabilities, truth, { bins, equal: 'width' });
  const mass = reliabilityBins(probabilities, truth, { bins, equal: 'mass' });
  const right = predictedClasses(probabilities).reduce(
    (count, predicted, i) => count + (predicted === Number(truth[i]) ? 1 : 0),
    0,
  );
  return {
    accuracy: right / truth.length,
    nll: negativeLogLikelihood(probabilities, truth),
    brier: brierScore(probabilities, truth),
    ece: expectedCalibrationError(width),
    eceMass: expectedCalibrationError(mass),
    mce: maximumCalibrationError(width),
  };
}

/**
 * The bins of a reliability diagram. A confidence on the border of two bins belongs to the lower one. Where images of one
 * confidence fall into two bins of equal mass, each counts as right as they are together, so that their order does not matter.
 * @throws DataError where there are no samples or the lengths differ; UsageError for a number of bins that is none.
 */
export function reliabilityBins(
  probabilities: Probabilities,
  truth: Labels,
  { bins = customaryBins, equal = 'width' }: BinOptions = {},
): ReliabilityBin[] {
  if (!Number.isInteger(bins) || bins < 1)
    throw new UsageError(`invalid number of bins ${bins}: give a whole number from 1 on`, {
      actual: bins,
    });
  const samples = rankedSamples(probabilities, truth);
  if (equal === 'mass') return binsOfEqualMass(samples, bins);
  const members = Array.from({ length: bins }, (): Sample[] => []);
  for (const sample of samples) members[binAt(sample.confidence, bins)]?.push(sample);
  return members.map((list, i) => summarized(list, i / bins, (i + 1) / bins));
}

/** The mean gap between confidence and accuracy, each bin weighing as many images as it has. */
export function expectedCalibrationError(bins: readonly ReliabilityBin[]): number {
  const all = bins.reduce((total, { count }) => total + count, 0);
  return bins.reduce((total, bin) => total + (bin.count === 0 ? 0 : bin.count * gap(bin)), 0) / all;
}

/** The largest gap between confidence and accuracy of a bin that has images. */
export function maximumCalibrationError(bins: readonly ReliabilityBin[]): number {
  return Math.max(...bins.filter(({ count }) => count > 0).map(gap));
}

/**
 * The Brier score in its form for many classes: in [0, 2], 0 for certainty that is right.
 * @throws DataError where the lengths differ or there are no samples.
 */
export function brierScore(probabilities: Probabilities, truth: Labels): number {
  checkSamples(probabilities, truth);
  const classes = probabilities.dims[1] ?? 1;
  let total = 0;
  probabilities.data.forEach((value, i) => {
    const wanted = Number(truth[Math.floor(i / classes)]) === i % classes ? 1 : 0;
    total += (value - wanted) ** 2;
  });
  return total / truth.length;
}

interface Sample {
  readonly confidence: number;
  /** 1 or 0; among samples of one confidence their mean. */
  readonly right: number;
}

const gap = ({ confidence, accuracy }: ReliabilityBin): number => Math.abs(confidence - accuracy);

/** The samples by rising confidence. */
function rankedSamples(probabilities: Probabilities, truth: Labels): Sample[] {
  checkSamples(probabilities, truth);
  const classes = probabilities.dims[1] ?? 1;
  const predicted = predictedClasses(probabilities);
  const samples = Array.from(predicted, (label, i) => ({
    confidence: probabilities.data[i * classes + label] ?? 0,
    right: label === Number(truth[i]) ? 1 : 0,
  })).sort((a, b) => a.confidence - b.confidence);
  const ranked: Sample[] = [];
  for (let from = 0; from < samples.length; ) {
    const confidence = samples[from]?.confidence ?? 0;
    let to = from;
    let right = 0;
    while (samples[to]?.confidence === confidence) right += samples[to++]?.right ?? 0;
    for (let i = from; i < to; i++) ranked.push({ confidence, right: right / (to - from) });
    from = to;
  }
  return ranked;
}

/** Bin i holds what lies above i / bins and up to (i + 1) / bins. */
function binAt(confidence: number, bins: number): number {
  let bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));
  // The product is rounded: the borders themselves decide.
  while (bin > 0 && confidence <= bin / bins) bin--;
  while (bin < bins - 1 && confidence > (bin + 1) / bins) bin++;
  return bin;
}

function binsOfEqualMass(samples: readonly Sample[], bins: number): ReliabilityBin[] {
  return Array.from({ length: bins }, (_, i) => {
    const from = Math.floor((i * samples.length) / bins);
    const members = samples.slice(from, Math.floor(((i + 1) * samples.length) / bins));
    return summarized(
      members,
      members[0]?.confidence ?? Number.NaN,
      members.at(-1)?.confidence ?? Number.NaN,
    );
  });
}

function summarized(members: readonly Sample[], from: number, to: number): ReliabilityBin {
  const mean = (of: (sample: Sample) => number): number =>
    members.reduce((total, sample) => total + of(sample), 0) / members.length;
  return {
    from,
    to,
    count: members.length,
    confidence: mean(({ confidence }) => confidence),
    accuracy: mean(({ right }) => right),
  };
}

function checkSamples({ dims }: Probabilities, truth: Labels): void {
  if (dims[0] !== truth.length)
    throw new DataError(
      `${truth.length} true labels but ${dims[0]} rows of probabilities: give one for each`,
      { expected: truth.length, actual: dims[0] },
    );
  if (truth.length === 0)
    throw new DataError('calibration figures need at least one labelled image, got none', {
      actual: 0,
    });
}
