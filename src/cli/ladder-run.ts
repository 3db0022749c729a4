/** One ladder run from options to a finished run folder: what `train ladder` and `start` share. */
import { basename } from 'node:path';
import type { SemiSupervisedData } from '../data/dataset.js';
import { imageSize, select } from '../data/image-set.js';
import { DataError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import { classifierModel } from '../methods/ladder/classifier.js';
import type { LadderConfig } from '../methods/ladder/config.js';
import { convClassifierModel } from '../methods/ladder/conv-classifier.js';
import type { ConvLadderConfig } from '../methods/ladder/conv-config.js';
import { trainConvLadder } from '../methods/ladder/conv-train.js';
import { reconstruct } from '../methods/ladder/reconstruct.js';
import { errorOf, type TrainedLadder, trainLadder } from '../methods/ladder/train.js';
import { type ClassifierSpec, describeClassifier } from '../onnx/metadata.js';
import { renderReport } from '../report/report.js';
import { writeAtomically } from '../runs/atomic-file.js';
import { writeHubFolder } from '../runs/hub.js';
import { readMetrics } from '../runs/metrics-log.js';
import { writeModelFile } from '../runs/model-file.js';
import type { RunFolder } from '../runs/run-folder.js';
import { ladderReport } from './ladder-report.js';
import {
  headlines,
  openTrainingRun,
  provenanceOf,
  type TrainingRunOptions,
  trainInto,
} from './training-run.js';
import { version } from './version.js';

/** A ladder of fully connected layers, or one of convolutions. */
export type AnyLadderConfig = LadderConfig | ConvLadderConfig;

/** Whether it is one of convolutions. */
export const isConv = (config: AnyLadderConfig): config is ConvLadderConfig => 'network' in config;

export interface LadderRunOptions extends TrainingRunOptions {
  readonly config: AnyLadderConfig;
  readonly data: SemiSupervisedData;
  /** A figure of another run to show beside this one's in the report. */
  readonly comparison?: { readonly name: string; readonly value: string };
}

export interface LadderRun {
  /** Share of test images taken for another class; null where the data set has no test images. */
  readonly testError: number | null;
  readonly labels: number;
  readonly steps: number;
  readonly seconds: number;
  readonly model: string;
  readonly report: string;
  readonly folder: string;
}

/**
 * Trains, judges the test images once at the end, and writes `model.onnx`, the Hugging Face folder and `report.html`.
 * @throws InterruptedError after a signal, with the checkpoint saved; and what data, folder and training throw.
 */
export async function runLadder(options: LadderRunOptions): Promise<LadderRun> {
  const { runtime, config, data } = options;
  const pixels = imageSize(data.shape);
  if (!isConv(config) && config.widths[0] !== pixels)
    throw new DataError(`images have ${pixels} values, the network takes ${config.widths[0]}`);
  const folder = await openTrainingRun(options);
  const trained = await trainInto(folder, options, (surroundings) =>
    isConv(config)
      ? trainConvLadder({ ...surroundings, config, data })
      : trainLadder({ ...surroundings, config, data }),
  );
  const test = data.test;
  const judged = test && { set: test, probabilities: await trained.classify(test) };
  const testError = judged ? errorOf(judged.probabilities, judged.set) : null;
  const model = await exportModel(folder, options, trained, testError);
  const shown = select(data.unlabelled, firstIndices(config.batchSize, data.unlabelled.count));
  const report = ladderReport({
    config,
    options: options.options,
    data,
    metrics: await readMetrics(folder),
    judged,
    reconstruction: isConv(config)
      ? null
      : await reconstruct(runtime, config, trained.parameters, shown),
    figures: headlines(testError, trained, options.comparison && [options.comparison]),
    next: nextCommands(folder, options),
    provenance: provenanceOf(runtime, config.seed),
  });
  await writeAtomically(folder.report, renderReport(report), { what: 'report' });
  return {
    testError,
    labels: data.labelled.count,
    steps: trained.step,
    seconds: trained.seconds,
    model,
    report: folder.report,
    folder: folder.path,
  };
}

const firstIndices = (count: number, available: number): number[] =>
  Array.from({ length: Math.min(count, available) }, (_, i) => i);

async function exportModel(
  folder: RunFolder,
  { config, data, options }: LadderRunOptions,
  { weights, step }: TrainedLadder,
  testError: number | null,
): Promise<string> {
  const [channels, height, width] = data.shape;
  const spec: ClassifierSpec = {
    task: 'classification',
    classes: data.classes,
    preprocessing: {
      channels,
      height,
      width,
      layout: 'NCHW',
      scale: 1 / 255,
      mean: new Array<number>(channels).fill(0),
      std: new Array<number>(channels).fill(1),
      colour: channels === 1 ? 'grey' : 'rgb',
    },
    provenance: {
      method: `ladder, ${isConv(config) ? `${config.network}, ` : ''}${config.mode} (Rasmus et al. 2015)`,
      labels: data.labelled.count,
      seed: config.seed,
      steps: step,
      ...(testError === null ? {} : { testError }),
      espalier: version,
    },
  };
  const metadata = describeClassifier(spec);
  const model: Model = isConv(config)
    ? convClassifierModel(config, weights, metadata)
    : classifierModel(config, data.shape, weights, metadata);
  await writeModelFile(folder.model, model);
  await writeHubFolder(folder.huggingFace, model, spec, {
    overwrite: true,
    card: {
      title: basename(folder.path),
      dataset: String(options['data'] ?? 'unnamed'),
      figures:
        testError === null ? [] : [{ type: 'accuracy', value: 1 - testError, split: 'test' }],
    },
  });
  return folder.model;
}

function nextCommands(folder: RunFolder, { options, data }: LadderRunOptions): string[] {
  const source = options['folder'] === undefined ? '' : ` --folder ${options['folder']}`;
  return [
    `npx espalier predict ${folder.model} <images>`,
    ...(data.test
      ? [`npx espalier evaluate ${folder.model} --data ${options['data']}${source}`]
      : []),
    `npx espalier inspect ${folder.model}`,
  ];
}
