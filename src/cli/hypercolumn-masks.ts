/** `train hypercolumn` from whole masks: a few pixels of every image, and figures on held-out ones. */
import type { OpenedScenes } from '../data/segmentation/open-scenes.js';
import { sceneRows } from '../data/segmentation/scene-batches.js';
import type { SceneSource } from '../data/segmentation/scenes.js';
import { columnLength } from '../dense/hypercolumn.js';
import type { HypercolumnTap } from '../dense/hypercolumn-taps.js';
import { InterruptedError, ModelError, UsageError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import type { PixelConfig } from '../methods/hypercolumn/pixel-config.js';
import { gatherPixels } from '../methods/hypercolumn/pixel-examples.js';
import { featureReader } from '../methods/hypercolumn/pixel-features.js';
import { probabilitiesName } from '../methods/hypercolumn/pixel-model.js';
import { classesOfPixels } from '../metrics/segmentation.js';
import { renderReport } from '../report/report.js';
import { segmentationSections } from '../report/segmentation-run.js';
import { writeAtomically } from '../runs/atomic-file.js';
import { readMetrics } from '../runs/metrics-log.js';
import { writeModelFile } from '../runs/model-file.js';
import { hasDType } from '../tensor/tensor.js';
import type { Context } from './command.js';
import { fitReport } from './hypercolumn-report.js';
import {
  type FittedRun,
  fitInto,
  fittedModel,
  type HypercolumnRunOptions,
  openFitFolder,
  toldOf,
} from './hypercolumn-run.js';
import { largestInput } from './preprocessing.js';
import { evaluationOf, type SegmentationEvaluation } from './segmenter-figures.js';
import { examplesOf, type JudgedScenes, judgeScenes, type Segment } from './segmenter-judging.js';
import { counted } from './text-table.js';
import { provenanceOf } from './training-run.js';

export interface MaskRunOptions extends HypercolumnRunOptions {
  readonly data: OpenedScenes;
  readonly bar: Context['bar'];
}

export interface MaskRun extends FittedRun {
  readonly scenes: number;
  readonly validation: SegmentationEvaluation | null;
  readonly test: SegmentationEvaluation | null;
}

/** Scenes with what was made of them. */
interface Measured {
  readonly split: string;
  readonly source: SceneSource;
  readonly scenes: JudgedScenes;
  readonly figures: SegmentationEvaluation;
}

/**
 * Runs.
 * @throws DataError where scenes cannot be used; InterruptedError after a signal.
 */
export async function runMasks(run: MaskRunOptions): Promise<MaskRun> {
  const { data, taps, config, runtime, preprocessing, signal, source, threads } = run;
  const session = threads === undefined ? {} : { threads };
  const folder = await openFitFolder(run);
  const read = await featureReader(runtime, source, taps, session);
  const rows = sceneRows(data.train, preprocessing);
  const bar = run.bar('reading layers', rows.count);
  let size = { height: 1, width: 1 };
  const examples = await gatherPixels({
    ...{ taps, points: config.points, seed: config.seed, count: rows.count },
    async image(i) {
      if (signal.aborted) throw new InterruptedError('interrupted before the fit');
      const { input, labels, scene } = await rows.row(i);
      if (i === 0) size = { height: scene.mask.height, width: scene.mask.width };
      const features = await read(input);
      bar.update(i + 1);
      return { features, ids: labels.data };
    },
  }).finally(() => bar.end());
  const fit = await fitInto(folder, run, examples, data.classes);
  const model = fittedModel(
    run,
    fit,
    { ...data, size },
    { data: data.name, scenes: rows.count, pixels: examples.count },
  );
  await writeModelFile(folder.model, model);
  const segment = await segmentWith(run, model);
  const validation = await measure(run, segment, 'validation', data.validation);
  const test = await measure(run, segment, 'test', data.test);
  const told = toldOf(run, folder, fit, data.classes, examples.count);
  const report = fitReport(run, {
    ...{ told, metrics: await readMetrics(folder) },
    provenance: provenanceOf(runtime, config.seed),
  });
  const parts = await sections(run, segment, test ?? validation);
  const page = renderReport({
    ...report,
    ...parts,
    subtitle: `${run.origin} on ${data.name}: ${counted(rows.count, 'scene')}, ${counted(data.classes.length, 'class', 'classes')}`,
    figures: [...(parts?.figures ?? []), ...report.figures],
  });
  await writeAtomically(folder.report, page, { what: 'report' });
  return {
    ...told,
    scenes: rows.count,
    validation: validation?.figures ?? null,
    test: test?.figures ?? null,
  };
}

/**
 * How many pixels of each scene are learnt from: what is asked for, or as usual, or fewer where memory ends.
 * @throws UsageError where those that are asked for do not fit.
 */
export function pointsThatFit(
  { points }: PixelConfig,
  asked: number | undefined,
  scenes: number,
  taps: readonly HypercolumnTap[],
): number {
  const channels = columnLength(taps);
  const most = Math.max(1, Math.floor(largestInput / (channels * scenes)));
  if (asked !== undefined && asked > most)
    throw new UsageError(
      `--points: ${asked} pixels of ${counted(scenes, 'scene')} with ${channels} features each do not fit in memory, at most ${most} do. Take fewer, or fewer --taps.`,
      { expected: most, actual: asked },
    );
  return Math.min(points, most);
}

async function segmentWith({ runtime, threads }: MaskRunOptions, model: Model): Promise<Segment> {
  const net = await runtime.load(model, threads === undefined ? {} : { threads });
  const input = net.inputs[0] ?? '';
  return async (image) => {
    const map = (await net.run({ [input]: image }))[probabilitiesName];
    if (!map || !hasDType(map, 'float32'))
      throw new ModelError(`the model gave no "${probabilitiesName}"`);
    return classesOfPixels(map);
  };
}

async function measure(
  { data, preprocessing, bar: open, signal }: MaskRunOptions,
  segment: Segment,
  split: string,
  source: SceneSource | null,
): Promise<Measured | null> {
  if (!source) return null;
  const bar = open(`segmenting ${split} scenes`, source.count);
  const scenes = await judgeScenes(segment, source, {
    ...{ preprocessing, classes: data.classes.length, bar },
    check() {
      if (signal.aborted)
        throw new InterruptedError('interrupted: the model is saved, its figures are not complete');
    },
  }).finally(() => bar.end());
  return { split, source, scenes, figures: evaluationOf(scenes, data.classes) };
}

async function sections(
  { data, preprocessing }: MaskRunOptions,
  segment: Segment,
  measured: Measured | null,
) {
  if (!measured) return null;
  const judging = { preprocessing, classes: data.classes.length };
  return segmentationSections({
    confusion: measured.scenes.confusion,
    classes: data.classes,
    palette: data.palette,
    boundaryIu: measured.scenes.boundaryIu,
    examples: await examplesOf(segment, measured.source, measured.scenes, judging),
  });
}
