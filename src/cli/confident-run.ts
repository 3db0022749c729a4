/** One run of `train confident` from options to a finished run folder. */
import { confidentBatches, spreadOver } from '../data/confident-batches.js';
import { imageRows } from '../data/image-batches.js';
import type { ImageSource } from '../data/image-source.js';
import type { OpenedImages } from '../data/open-images.js';
import type { Network } from '../methods/classifier/network.js';
import { probedImages } from '../methods/confident/collapse.js';
import type { ConfidentConfig } from '../methods/confident/config.js';
import { type TrainedConfident, trainConfident } from '../methods/confident/train.js';
import type { Preprocessing } from '../onnx/metadata.js';
import { renderReport } from '../report/report.js';
import { writeAtomically } from '../runs/atomic-file.js';
import { refuseHubFolder } from '../runs/hub.js';
import { readMetrics } from '../runs/metrics-log.js';
import type { RunFolder } from '../runs/run-folder.js';
import { saveClassifier } from './classifier-saving.js';
import { type ConfidentFigures, judgeConfident, writeFigures } from './confident-figures.js';
import { pixelScaleOf } from './confident-network.js';
import { confidentReport } from './confident-report.js';
import { appendSamples, clearSamples, readSamples } from './confident-samples.js';
import type { OutsideSet } from './ood-sets.js';
import {
  headlines,
  openTrainingRun,
  provenanceOf,
  quoted,
  type TrainingRunOptions,
  trainInto,
} from './training-run.js';

export interface ConfidentRunOptions extends TrainingRunOptions {
  readonly config: ConfidentConfig;
  readonly network: Network;
  /** Its labels counted as the network counts classes. */
  readonly data: Pick<OpenedImages, 'train' | 'validation' | 'test' | 'name'>;
  /** What the method `confidence` learns to be unsure of. */
  readonly outside: ImageSource | null;
  /** What the finished classifier is judged on besides. */
  readonly judged: readonly OutsideSet[];
  /** Names of the network's classes. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** What it started from: a file, or the name of a network. */
  readonly origin: string;
  readonly outputName?: string | undefined;
  readonly hub?: string | undefined;
}

export interface ConfidentRun {
  readonly method: ConfidentConfig['method'];
  /** Share of images taken for another class; null where the data has no such images. */
  readonly testError: number | null;
  readonly validationError: number | null;
  /** Of the test images, or else the validation images, against each set from outside; null where there are none. */
  readonly figures: ConfidentFigures | null;
  /** How often it went back after a collapse. */
  readonly restarts: number;
  readonly classes: number;
  readonly images: number;
  readonly steps: number;
  readonly seconds: number;
  readonly model: string;
  readonly report: string;
  readonly hubs: readonly string[];
  readonly folder: string;
  /** What to do with it, as lines for a shell. */
  readonly next: readonly string[];
}

/**
 * Trains, judges once at the end, and writes `model.onnx`, `huggingface/`, `figures.json` and `report.html`.
 * @throws InterruptedError after a signal, with the checkpoint saved; and what data, folder and training throw.
 */
export async function runConfident(options: ConfidentRunOptions): Promise<ConfidentRun> {
  const { config, data, preprocessing, hub } = options;
  const isAnew = options.overwrite !== true && options.resume !== true;
  if (hub !== undefined && isAnew) await refuseHubFolder(hub);
  const folder = await openTrainingRun(options);
  if (!folder.resumed) await clearSamples(folder.path);
  const trained = await trainNetworks(folder, options);
  const judge = (source: ImageSource | null, sets: readonly OutsideSet[]) =>
    source && judgeConfident(trained, source, sets, preprocessing);
  const test = await judge(data.test, options.judged);
  const held = await judge(data.validation, test ? [] : options.judged);
  const errors = { testError: test?.error ?? null, validationError: held?.error ?? null };
  const hubs = await saveClassifier(
    folder,
    { ...options, method: `confident, ${config.method} (Lee et al. 2018)` },
    trained,
    errors,
  );
  const found = test ?? held;
  if (found) await writeFigures(folder.path, found.figures);
  const next = nextCommands(folder, options);
  const report = await confidentReport({
    ...{ ...options, metrics: await readMetrics(folder), found, next },
    samples: await readSamples(folder.path),
    figures: headlines(errors.testError, trained, [
      ...(held ? [{ name: 'Validation error', value: `${(100 * held.error).toFixed(2)} %` }] : []),
      ...(trained.restarts > 0
        ? [{ name: 'Collapses, gone back after each', value: String(trained.restarts) }]
        : []),
    ]),
    provenance: { ...provenanceOf(options.runtime, config.seed), From: options.origin },
  });
  await writeAtomically(folder.report, renderReport(report), { what: 'report' });
  const { step: steps, seconds, restarts } = trained;
  return {
    ...{ method: config.method, ...errors, figures: found?.figures ?? null, restarts },
    ...{ classes: options.network.classes, images: data.train.count, steps, seconds },
    ...{ model: folder.model, report: folder.report, hubs, folder: folder.path, next },
  };
}

function trainNetworks(folder: RunFolder, options: ConfidentRunOptions): Promise<TrainedConfident> {
  const { network, config, data, preprocessing, outside } = options;
  const { batchSize, seed } = config;
  const { channels, height, width } = preprocessing;
  const validation = data.validation && imageRows(data.validation, preprocessing);
  return trainInto(folder, options, (surroundings) =>
    trainConfident({
      ...surroundings,
      ...{ network, config, image: [channels, height, width], scale: pixelScaleOf(preprocessing) },
      batches: confidentBatches(data.train, outside, { network, preprocessing, batchSize, seed }),
      probe: imageRows(spreadOver(data.train, probedImages), preprocessing),
      ...(validation && { validation }),
      onSamples: (samples) => appendSamples(folder.path, samples),
    }),
  );
}

/** What to do with the run, as lines for a shell. */
function nextCommands(folder: RunFolder, { data }: ConfidentRunOptions): string[] {
  const model = quoted(folder.model);
  return [
    `npx espalier predict ${model} <images>`,
    ...(data.test
      ? [
          `npx espalier ood ${model} --in ${quoted(data.name)} --out noise:uniform`,
          `npx espalier calibrate ${model} --data ${quoted(data.name)}`,
        ]
      : []),
    `npx espalier inspect ${model}`,
  ];
}
