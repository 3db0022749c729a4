/** What both forms of `train hypercolumn` share: the fit with its log, and the model that it leaves. */
import { access, truncate } from 'node:fs/promises';
import type { Rgb } from '../data/segmentation/scenes.js';
import { columnLength } from '../dense/hypercolumn.js';
import { UsageError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import type { PixelConfig } from '../methods/hypercolumn/pixel-config.js';
import type { PixelExamples } from '../methods/hypercolumn/pixel-examples.js';
import { fitPixels, type PixelFit } from '../methods/hypercolumn/pixel-fit.js';
import { pixelModel } from '../methods/hypercolumn/pixel-model.js';
import { describeClassifier } from '../onnx/metadata.js';
import { openMetricsLog } from '../runs/metrics-log.js';
import { readRunConfig, writeRunConfig } from '../runs/run-config.js';
import { openRunFolder, type RunFolder, runPaths } from '../runs/run-folder.js';
import type { Runtime } from '../runtime/runtime.js';
import type { TrainEvent } from '../train/events.js';
import type { Backbone } from './hypercolumn-backbone.js';
import { version } from './version.js';

export interface HypercolumnRunOptions extends Backbone {
  readonly runtime: Runtime;
  readonly threads?: number | undefined;
  readonly config: PixelConfig;
  /** The options as the user gave them, resolved: written to `config.yaml`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What the layers come from, as it was named. */
  readonly origin: string;
  readonly output: string;
  readonly overwrite: boolean;
  readonly opacity: number;
  readonly signal: AbortSignal;
  readonly progress: (event: TrainEvent) => void;
  /** Lines for a shell about the finished model. */
  readonly next: (model: string) => readonly string[];
}

/** What every run tells. */
export interface FittedRun {
  readonly classes: readonly string[];
  /** Layers by name, and how many channels they have together. */
  readonly taps: readonly string[];
  readonly channels: number;
  /** Pixels that were learnt from. */
  readonly pixels: number;
  readonly steps: number;
  /** Mean cross-entropy of these in nats. */
  readonly loss: number;
  /** Share of the labelled pixels of each class that is told right, NaN where it has none. */
  readonly accuracies: readonly number[];
  readonly model: string;
  readonly report: string;
  readonly folder: string;
  readonly next: readonly string[];
}

/**
 * Makes the folder ready. Strokes with the same network again, or the same masks, are the same run fitted anew: nothing has
 * to be said to replace its model.
 * @throws UsageError where the folder holds something else.
 */
export async function openFitFolder(run: HypercolumnRunOptions): Promise<RunFolder> {
  const { output, overwrite, options } = run;
  const paths = runPaths(output);
  const before = await readRunConfig(paths).catch(() => null);
  const isSame = subjectOf(before) === subjectOf(options);
  if (!isSame && !overwrite && (await isThere(paths.metrics)))
    throw new UsageError(
      `run folder: ${output} already holds another run. Add --overwrite to replace it, or choose another folder.`,
      { path: output },
    );
  const folder = await openRunFolder(output, overwrite ? { overwrite } : { resume: isSame });
  await truncate(folder.metrics);
  await writeRunConfig(folder, options);
  return folder;
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** What is learnt on what: runs of which this is the same are one run at two times. Null of other runs. */
function subjectOf(options: unknown): string | null {
  if (typeof options !== 'object' || options === null) return null;
  const { from, labels, data, taps } = options as Record<string, unknown>;
  if (taps === undefined) return null;
  return JSON.stringify([from, labels === undefined ? data : 'strokes']);
}

/** Fits, with a line of the metrics for each step. @throws as `fitPixels`. */
export async function fitInto(
  folder: RunFolder,
  run: HypercolumnRunOptions,
  examples: PixelExamples,
  classes: readonly string[],
): Promise<PixelFit> {
  const { runtime, threads, config, signal } = run;
  const log = await openMetricsLog(folder);
  const tell = (event: TrainEvent): void => {
    log.write(event);
    run.progress(event);
  };
  const began = performance.now();
  const { iterations } = config;
  try {
    tell({ type: 'start', run: 'hypercolumn', step: 0, steps: iterations, resumed: false });
    const fit = await fitPixels({
      ...{ runtime, examples, classes, config, signal },
      session: threads === undefined ? {} : { threads },
      onStep(step, cost, length) {
        const perSecond = (1000 * step) / (performance.now() - began);
        tell({
          ...{ type: 'step', step, steps: iterations, epoch: step, losses: { cost } },
          ...{ learningRate: length, stepsPerSecond: perSecond },
          secondsLeft: (iterations - step) / perSecond,
        });
      },
    });
    tell({
      ...{ type: 'evaluation', step: fit.steps, epoch: fit.steps },
      metrics: { loss: fit.loss, labelled: meanOf(fit.accuracies) },
    });
    const seconds = (performance.now() - began) / 1000;
    tell({ type: 'end', step: fit.steps, reason: 'finished', seconds });
    return fit;
  } finally {
    log.close();
  }
}

/** Over what is a number. */
export function meanOf(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** Classes, their colours and the size of the first image. */
export interface FittedClasses {
  readonly classes: readonly string[];
  readonly palette: readonly Rgb[];
  readonly size: { readonly height: number; readonly width: number };
}

/** The model with all that it says of itself. */
export function fittedModel(
  run: HypercolumnRunOptions,
  { head, steps }: PixelFit,
  { classes, palette, size }: FittedClasses,
  more: Readonly<Record<string, string | number>> = {},
): Model {
  const { source, taps, config, origin } = run;
  const spec = describeClassifier({
    task: 'segmentation',
    ...{ classes, palette },
    preprocessing: { ...run.preprocessing, ...size },
    provenance: {
      method: 'hypercolumns (Hariharan et al. 2015)',
      from: origin,
      taps: taps.map(({ name }) => name),
      head: headName(config),
      ...{ seed: config.seed, steps, ...more, espalier: version },
    },
  });
  return pixelModel(source, taps, head, { ...source.metadata, ...spec });
}

/** As `--head` names it. */
export const headName = ({ hidden }: PixelConfig): string =>
  hidden === 0 ? 'logistic' : `mlp:${hidden}`;

/** What the run tells besides its figures. */
export function toldOf(
  run: HypercolumnRunOptions,
  folder: RunFolder,
  { loss, accuracies, steps }: PixelFit,
  classes: readonly string[],
  pixels: number,
): FittedRun {
  return {
    ...{ classes, pixels, steps, loss, accuracies },
    taps: run.taps.map(({ name }) => name),
    channels: columnLength(run.taps),
    ...{ model: folder.model, report: folder.report, folder: folder.path },
    next: run.next(folder.model),
  };
}
