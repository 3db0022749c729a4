/** One segmenter run from options to a finished run folder: what `train fcn` and `start` share. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PairAugmentation } from '../data/segmentation/augment-pairs.js';
import { sceneBatches, sceneRows } from '../data/segmentation/scene-batches.js';
import type { SceneSource, SegmentationData } from '../data/segmentation/scenes.js';
import type { FcnConfig } from '../methods/fcn/config.js';
import { type FcnNetwork, fcnModel } from '../methods/fcn/network.js';
import { type LabelledScenes, segmenter } from '../methods/fcn/score.js';
import { type ClassifierSpec, describeClassifier, type Preprocessing } from '../onnx/metadata.js';
import { renderReport } from '../report/report.js';
import { writeAtomically } from '../runs/atomic-file.js';
import { readMetrics } from '../runs/metrics-log.js';
import { writeModelFile } from '../runs/model-file.js';
import type { RunFolder } from '../runs/run-folder.js';
import type { Context } from './command.js';
import { evaluationOf, type SegmentationEvaluation } from './segmenter-figures.js';
import { type JudgedScenes, judgeScenes, type Segment } from './segmenter-judging.js';
import { segmenterReport } from './segmenter-report.js';
import {
  removeStages,
  type Stage,
  stageName,
  stagesFolder,
  type TrainedStages,
  trainStagesInto,
} from './segmenter-stages.js';
import {
  openTrainingRun,
  provenanceOf,
  type TrainingRunOptions,
  trainInto,
} from './training-run.js';
import { version } from './version.js';

export interface SegmenterRunOptions extends TrainingRunOptions {
  readonly config: FcnConfig;
  /** From the coarsest to the finest; one where all is trained at once. */
  readonly networks: readonly FcnNetwork[];
  readonly data: SegmentationData;
  /** Its height and width are those of what a step is shown. */
  readonly preprocessing: Preprocessing;
  readonly augmentation: PairAugmentation;
  /** What it started from: a file, or the name of a builder. */
  readonly origin: string;
  /** Epochs between looks at the validation scenes. */
  readonly evaluateEvery: number;
  /** Lines for a shell about the finished model. */
  readonly next: (model: string) => readonly string[];
  readonly bar: Context['bar'];
}

/** A network of the run as it was measured; null where there were no such scenes. */
export interface StageFigures {
  readonly name: string;
  readonly stride: number;
  readonly model: string;
  readonly validation: SegmentationEvaluation | null;
  readonly test: SegmentationEvaluation | null;
}

export interface SegmenterRun {
  /** From the coarsest network to the finest, which is the run's. */
  readonly stages: readonly StageFigures[];
  readonly validation: SegmentationEvaluation | null;
  readonly test: SegmentationEvaluation | null;
  readonly classes: readonly string[];
  readonly parameters: number;
  readonly scenes: number;
  readonly steps: number;
  readonly seconds: number;
  /** Steps that waited for their scenes. */
  readonly late: number;
  readonly model: string;
  readonly report: string;
  readonly folder: string;
  readonly next: readonly string[];
}

/**
 * Trains, judges validation and test scenes at their full size, and writes `model.onnx`, `stages/` and `report.html`.
 * @throws InterruptedError after a signal, with the checkpoint saved; and what data, folder and training throw.
 */
export async function runSegmenter(options: SegmenterRunOptions): Promise<SegmenterRun> {
  const { networks, config, data, preprocessing, augmentation } = options;
  const folder = await openTrainingRun(options);
  if (!folder.resumed) await removeStages(folder);
  const { height, width } = preprocessing;
  const batches = sceneBatches(data.train, {
    ...{ preprocessing, height, width, augmentation },
    ...{ batchSize: config.batchSize, seed: config.seed, input: networks[0]?.input ?? 'input' },
  });
  const fcnBatches = {
    stepsPerEpoch: batches.stepsPerEpoch,
    size: [height, width] as const,
    batch: (step: number) => batches.batch(step),
  };
  const trained = await trainInto(folder, options, ({ store: _, ...surroundings }) =>
    trainStagesInto(folder, {
      ...surroundings,
      ...{ networks, config, batches: fcnBatches },
      validation: data.validation && labelled(data.validation, preprocessing),
      evaluateEvery: options.evaluateEvery,
    }),
  );
  const measured: Measured[] = [];
  for (const stage of trained.stages) measured.push(await measure(stage, options));
  const stages = await saveStages(folder, options, trained, measured);
  const last = measured.at(-1);
  const next = options.next(folder.model);
  const report = await segmenterReport({
    ...options,
    ...{ metrics: await readMetrics(folder), stages, trained, next },
    measured: last ?? null,
    provenance: { ...provenanceOf(options.runtime, config.seed), From: options.origin },
  });
  await writeAtomically(folder.report, renderReport(report), { what: 'report' });
  return {
    ...{ stages, next, late: batches.late, classes: data.classes },
    validation: last?.figures.validation ?? null,
    test: last?.figures.test ?? null,
    parameters: countNumbers(trained.stages.at(-1)),
    scenes: data.train.count,
    steps: trained.step,
    seconds: trained.seconds,
    ...{ model: folder.model, report: folder.report, folder: folder.path },
  };
}

/** Scenes as the training looks at them. */
function labelled(source: SceneSource, preprocessing: Preprocessing): LabelledScenes {
  const rows = sceneRows(source, preprocessing);
  return {
    count: source.count,
    async scene(i) {
      const { input, labels } = await rows.row(i);
      return { image: input, labels: labels.data };
    },
  };
}

/** A stage with what it made of the scenes. */
export interface Measured {
  readonly stage: Stage;
  readonly segment: Segment;
  readonly figures: Pick<StageFigures, 'validation' | 'test'>;
  /** Those of the test scenes, or else of the validation scenes. */
  readonly judged: { readonly source: SceneSource; readonly scenes: JudgedScenes } | null;
}

async function measure(stage: Stage, options: SegmenterRunOptions): Promise<Measured> {
  const { runtime, threads, data, preprocessing } = options;
  const session = threads === undefined ? {} : { threads };
  const run = await segmenter(runtime, stage.network, new Set(), session);
  const segment: Segment = (image) => run(new Map(), image);
  const judge = async (what: string, source: SceneSource | null) => {
    if (!source) return null;
    const bar = options.bar(`${stageName(stage.network)} on ${what} scenes`, source.count);
    const judging = { preprocessing, classes: data.classes.length, bar };
    const scenes = await judgeScenes(segment, source, judging).finally(() => bar.end());
    return { source, scenes, figures: evaluationOf(scenes, data.classes) };
  };
  const validation = await judge('validation', data.validation);
  const test = await judge('test', data.test);
  return {
    ...{ stage, segment },
    figures: { validation: validation?.figures ?? null, test: test?.figures ?? null },
    judged: test ?? validation,
  };
}

async function saveStages(
  folder: RunFolder,
  options: SegmenterRunOptions,
  { step }: TrainedStages,
  measured: readonly Measured[],
): Promise<StageFigures[]> {
  if (measured.length > 1) await mkdir(stagesFolder(folder), { recursive: true });
  const saved: StageFigures[] = [];
  for (const [i, { stage, figures }] of measured.entries()) {
    const name = stageName(stage.network);
    const isLast = i === measured.length - 1;
    const path = isLast ? folder.model : join(stagesFolder(folder), `${name}.onnx`);
    const spec = specOf(options, stage, figures, step);
    const metadata = { ...stage.network.metadata, ...describeClassifier(spec) };
    await writeModelFile(path, fcnModel(stage.network, new Map(), metadata));
    saved.push({ name, stride: stage.network.stride, model: path, ...figures });
  }
  return saved;
}

function specOf(
  { data, preprocessing, config, origin }: SegmenterRunOptions,
  { network }: Stage,
  { validation, test }: Pick<StageFigures, 'validation' | 'test'>,
  steps: number,
): ClassifierSpec {
  return {
    task: 'segmentation',
    classes: data.classes,
    preprocessing,
    palette: data.palette,
    provenance: {
      method: `${stageName(network)} (Long et al. 2015)`,
      ...{ from: origin, data: data.name, scenes: data.train.count, seed: config.seed, steps },
      ...(validation && { validationMeanIu: validation.meanIu }),
      ...(test && { testMeanIu: test.meanIu }),
      espalier: version,
    },
  };
}

function countNumbers(stage: Stage | undefined): number {
  let sum = 0;
  for (const [name, { data }] of stage?.network.graph.initializers ?? [])
    if (stage?.trained.has(name)) sum += data.length;
  return sum;
}
