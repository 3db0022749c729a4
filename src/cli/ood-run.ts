/** What lies outside, from an opened classifier to scores: images chosen, detectors fitted, thresholds set. */
import { spreadOver } from '../data/confident-batches.js';
import { drawHeldOut } from '../data/held-out.js';
import {
  type ClassificationData,
  type ImageSource,
  labelsOf,
  subset,
} from '../data/image-source.js';
import { DataError } from '../errors.js';
import type { Calibration } from '../methods/calibration/calibration.js';
import { fitCalibration } from '../methods/calibration/fit.js';
import type { DetectorSettings, FittedDetector } from '../methods/ood/detector.js';
import { type ImageScorer, imageScorer, type ScoredImages } from '../methods/ood/score.js';
import { type DetectorName, detectors } from '../methods/ood/table.js';
import { checkThreshold, chooseThreshold } from '../methods/ood/threshold.js';
import type { Runtime } from '../runtime/runtime.js';
import type { Context } from './command.js';
import type { OutsideSet } from './ood-sets.js';
import { knownImages, type ScoredModel, sourceRows } from './scored-model.js';
import { counted } from './text-table.js';

export interface OodRunOptions {
  readonly runtime: Runtime;
  readonly threads?: number | undefined;
  readonly opened: ScoredModel;
  readonly images: InsideImages;
  readonly outside: readonly OutsideSet[];
  readonly detectors: readonly DetectorName[];
  readonly settings: DetectorSettings;
  /** Images at a time. */
  readonly batch: number;
  /** Share of the held-out images that the threshold accepts. */
  readonly tpr: number;
  /** In place of that which `tpr` gives; for one detector alone. */
  readonly threshold?: number | undefined;
  /** Fitted on the held-out images; the logits as they are where left out. */
  readonly calibration?: Calibration['method'] | undefined;
  readonly context: Context;
}

/** Images inside by what they are for; their labels count as the model's classes do. */
export interface InsideImages {
  /** What detectors learn from. */
  readonly fitted: ImageSource;
  /** What threshold and calibration are set on. */
  readonly held: ImageSource;
  /** What all figures are of. */
  readonly judged: ImageSource;
}

/** A detector with the threshold that it got. */
export interface ReadyDetector {
  readonly name: DetectorName;
  readonly fitted: FittedDetector;
  readonly threshold: number;
}

/** Images with what was found of them. */
export interface JudgedSet extends OutsideSet {
  readonly scored: ScoredImages;
}

export interface OodRun {
  readonly detectors: readonly ReadyDetector[];
  readonly calibration: Calibration | undefined;
  /** Images inside, and their classes. */
  readonly inside: JudgedSet;
  readonly truth: Int32Array;
  readonly outside: readonly JudgedSet[];
}

export interface InsideOptions {
  readonly opened: ScoredModel;
  /** Classes that count as outside. */
  readonly heldOut: readonly string[];
  /** Where the data have no validation images, the share of the training images, or of the test images, that sets the threshold. */
  readonly share: number;
  readonly from: 'train' | 'test';
  readonly seed: number;
  /** Training images that are learnt from, and test images that are judged, at most. */
  readonly learnt: number;
  readonly most: number;
}

/**
 * Divides the images of the classes that the model knows.
 * @throws DataError where there are no test images, or none of the model's classes.
 */
export function insideImages(
  data: ClassificationData,
  name: string,
  options: InsideOptions,
  context: Context,
): InsideImages {
  const { opened, heldOut, learnt, most } = options;
  const known = (source: ImageSource): ImageSource => {
    const found = knownImages(source, data.classes, opened, heldOut);
    return { ...found.source, label: (index) => found.labels[index] ?? -1 };
  };
  if (data.test === null || data.test.count === 0)
    throw new DataError(
      `${name} has no test images to judge a detector on: put them into test/<class>/*`,
      { path: name },
    );
  const test = known(data.test);
  const strangers = labelsOf(data.test).filter(
    (label) => !heldOut.includes(data.classes[label] ?? ''),
  ).length;
  if (strangers > test.count)
    context.note(
      `${counted(strangers - test.count, 'test image')} of ${name} are of classes that the model does not know and not looked at: --hold-out has them outside`,
    );
  const { fitted, held, judged } =
    data.validation === null
      ? withoutValidation(known(data.train), test, options, context)
      : { fitted: known(data.train), held: known(data.validation), judged: test };
  return { fitted: spreadOver(fitted, learnt), held, judged: spreadOver(judged, most) };
}

/** Takes what sets the threshold out of the training images, or out of the test images. */
function withoutValidation(
  train: ImageSource,
  test: ImageSource,
  { share, from, seed }: InsideOptions,
  context: Context,
): InsideImages {
  const { rest, held } = divided(from === 'train' ? train : test, share, seed);
  if (from === 'test') return { fitted: train, held, judged: rest };
  context.note(
    `the threshold is set on ${counted(held.count, 'training image')}: where the model has learnt from them it is surer of them than of others, so give --validation and --seed as its training had them, or --threshold-from test`,
  );
  return { fitted: rest, held, judged: test };
}

function divided(source: ImageSource, share: number, seed: number) {
  const { rest, held } = drawHeldOut(source.count, share, seed, 'images');
  return { rest: subset(source, rest), held: subset(source, held) };
}

/**
 * Fits the detectors, sets their thresholds, and scores every set.
 * @throws what `fit`, `chooseThreshold` and `checkThreshold` throw; InterruptedError once the signal is aborted.
 */
export async function runOod(run: OodRunOptions): Promise<OodRun> {
  const { runtime, opened, images, batch, context } = run;
  const session = run.threads === undefined ? undefined : { threads: run.threads };
  const rows = (source: ImageSource) => sourceRows(source, labelsOf(source), opened, context);
  const fitted: FittedDetector[] = [];
  for (const name of run.detectors) {
    const settings = { ...inputSettings(opened), ...run.settings };
    const learnt = { runtime, network: opened.network, images: rows(images.fitted), batch };
    fitted.push(await detectors[name].fit({ ...learnt, settings, session }));
  }
  const scorer = await imageScorer(runtime, opened.network, fitted, batch, session);
  const score = scoring(scorer, run, rows);
  const held = await score({ name: 'held out', source: images.held });
  const ready = fitted.map((detector, i): ReadyDetector => {
    const scores = held.scored.scores.get(detector.name) ?? new Float32Array();
    const threshold =
      run.threshold === undefined
        ? chooseThreshold(scores, run.tpr)
        : checkThreshold(run.threshold, scores);
    return { name: run.detectors[i] ?? 'max-softmax', fitted: detector, threshold };
  });
  const calibration =
    run.calibration && fitCalibration(run.calibration, held.scored.logits, labelsOf(images.held));
  const inside = await score({ name: 'inside', source: images.judged });
  const outside: JudgedSet[] = [];
  for (const set of run.outside) outside.push(await score(set));
  return { detectors: ready, calibration, inside, truth: labelsOf(images.judged), outside };
}

/** Scores a set under a bar with its name. */
function scoring(
  scorer: ImageScorer,
  { context }: OodRunOptions,
  rows: (source: ImageSource) => ReturnType<typeof sourceRows>,
): (set: OutsideSet) => Promise<JudgedSet> {
  return async (set) => {
    const bar = context.bar(`scoring ${set.name}`, set.source.count);
    const scored = await scorer(rows(set.source), (n) => bar.update(n)).finally(() => bar.end());
    return { ...set, scored };
  };
}

/** How far the network's input moves where a pixel moves by 1, and where its channels lie: what ODIN's step needs. */
function inputSettings({ preprocessing }: ScoredModel): DetectorSettings {
  const { scale, std, layout } = preprocessing;
  return {
    inputScale: std.map((deviation) => scale / deviation),
    channelAxis: { NCHW: 1, NHWC: 3, flat: null }[layout],
  };
}
