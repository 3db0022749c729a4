/** One classifier run from options to a finished run folder. */

import type { AugmentOptions } from '../data/augment.js';
import { imageBatches, imageRows } from '../data/image-batches.js';
import { type ImageSource, labelsOf } from '../data/image-source.js';
import type { OpenedImages } from '../data/open-images.js';
import { GradientError } from '../errors.js';
import type { ClassifierConfig } from '../methods/classifier/config.js';
import type { Network } from '../methods/classifier/network.js';
import { chooseParameters } from '../methods/classifier/parameters.js';
import { figuresOf } from '../methods/classifier/score.js';
import { trainClassifier } from '../methods/classifier/train.js';
import type { Preprocessing } from '../onnx/metadata.js';
import { renderReport } from '../report/report.js';
import { writeAtomically } from '../runs/atomic-file.js';
import { refuseHubFolder } from '../runs/hub.js';
import { readMetrics } from '../runs/metrics-log.js';
import type { RunFolder } from '../runs/run-folder.js';
import type { Tensor } from '../tensor/tensor.js';
import { classifierReport } from './classifier-report.js';
import { saveClassifier } from './classifier-saving.js';
import {
  headlines,
  openTrainingRun,
  provenanceOf,
  quoted,
  type TrainingRunOptions,
  trainInto,
} from './training-run.js';

export interface ClassifierRunOptions extends TrainingRunOptions {
  readonly config: ClassifierConfig;
  readonly network: Network;
  /** Its labels counted as the network counts classes. */
  readonly data: Pick<OpenedImages, 'train' | 'validation' | 'test' | 'name'>;
  /** Names of the network's classes. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  readonly augmentation: AugmentOptions;
  /** What it started from: a file, or the name of a builder. */
  readonly origin: string;
  /** The output that has the scores, where it had to be said. */
  readonly outputName?: string | undefined;
  /** Another folder for transformers.js beside that of the run. */
  readonly hub?: string | undefined;
}

export interface ClassifierRun {
  /** Share of images taken for another class; null where the data has no such images. */
  readonly testError: number | null;
  readonly validationError: number | null;
  readonly classes: number;
  /** Numbers that were trained; running statistics are none. */
  readonly parameters: number;
  readonly images: number;
  readonly steps: number;
  readonly seconds: number;
  /** Steps that waited for their images. */
  readonly late: number;
  readonly model: string;
  readonly report: string;
  /** Folders that transformers.js loads: that of the run, then the one asked for. */
  readonly hubs: readonly string[];
  readonly folder: string;
  /** What to do with it, as lines for a shell. */
  readonly next: readonly string[];
}

/** Images that were judged, and what was said of them. */
export interface Judged {
  readonly source: ImageSource;
  readonly labels: Int32Array;
  /** float32 (count, classes). */
  readonly probabilities: Tensor<'float32'>;
  readonly error: number;
}

/**
 * Trains, judges the test images once at the end, and writes `model.onnx`, `huggingface/` and `report.html`.
 * @throws InterruptedError after a signal, with the checkpoint saved; and what data, folder and training throw.
 */
export async function runClassifier(options: ClassifierRunOptions): Promise<ClassifierRun> {
  const { network, config, data, preprocessing } = options;
  const isAnew = options.overwrite !== true && options.resume !== true;
  if (options.hub !== undefined && isAnew) await refuseHubFolder(options.hub);
  const folder = await openTrainingRun(options);
  const { batchSize, seed } = config;
  const { augmentation } = options;
  const batches = imageBatches(data.train, {
    ...{ network, preprocessing, batchSize, seed, augmentation },
  });
  const validation = data.validation && imageRows(data.validation, preprocessing);
  const trained = await trainInto(folder, options, (surroundings) =>
    trainClassifier({
      ...surroundings,
      ...{ network, config, batches },
      ...(validation && { validation }),
    }).catch((error: unknown) => {
      throw remedied(error, config);
    }),
  );
  const judge = async (source: ImageSource | null): Promise<Judged | null> => {
    if (!source) return null;
    const probabilities = await trained.classify(imageRows(source, preprocessing));
    const labels = labelsOf(source);
    return { source, labels, probabilities, error: figuresOf(probabilities, labels).error };
  };
  const [test, held] = [await judge(data.test), await judge(data.validation)];
  const errors = { testError: test?.error ?? null, validationError: held?.error ?? null };
  const hubs = await saveClassifier(folder, options, trained, errors);
  const next = nextCommands(folder, options);
  const report = await classifierReport({
    ...options,
    metrics: await readMetrics(folder),
    judged: test ?? held,
    figures: headlines(errors.testError, trained, [
      ...(held ? [{ name: 'Validation error', value: `${(100 * held.error).toFixed(2)} %` }] : []),
    ]),
    next,
    provenance: { ...provenanceOf(options.runtime, seed), From: options.origin },
  });
  await writeAtomically(folder.report, renderReport(report), { what: 'report' });
  return {
    ...errors,
    classes: network.classes,
    parameters: countNumbers(trained.parameters, chooseParameters(network, config.train)),
    images: data.train.count,
    steps: trained.step,
    seconds: trained.seconds,
    late: batches.late,
    model: folder.model,
    report: folder.report,
    hubs,
    folder: folder.path,
    next,
  };
}

/** Numbers in the tensors called so. */
function countNumbers(tensors: ReadonlyMap<string, Tensor>, names: ReadonlySet<string>): number {
  let sum = 0;
  for (const [name, { data }] of tensors) if (names.has(name)) sum += data.length;
  return sum;
}

/** An operator without gradient matters only where something before it is trained. */
function remedied(error: unknown, { train }: ClassifierConfig): unknown {
  if (!(error instanceof GradientError) || train.join() === 'head') return error;
  return new GradientError(
    `${error.message}. Train only what comes after it: --train head, or patterns over names of weights`,
    { ...error.details, cause: error },
  );
}

/** What to do with the run, as lines for a shell. */
function nextCommands(
  folder: RunFolder,
  { data, options, outputName }: ClassifierRunOptions,
): string[] {
  const model = quoted(folder.model);
  const split = data.test ? '' : ' --split validation';
  const held =
    data.test === null && options['validation'] !== undefined
      ? ` --validation ${options['validation']} --seed ${options['seed']}`
      : '';
  const output = outputName === undefined ? '' : ` --output ${quoted(outputName)}`;
  return [
    `npx espalier predict ${model} <images>`,
    ...(data.test || data.validation
      ? [`npx espalier evaluate ${model} --data ${quoted(data.name)}${split}${held}${output}`]
      : []),
    `npx espalier inspect ${model}`,
    `npx espalier export ${quoted(folder.path)} --hub <folder>`,
  ];
}
