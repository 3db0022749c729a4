/** `train hypercolumn` from strokes: layers once, a fit, the model, and what it sees in the images. */
import { join } from 'node:path';
import { decodeWhole } from '../data/decode-image.js';
import { readBytes } from '../data/read-bytes.js';
import { sceneRows } from '../data/segmentation/scene-batches.js';
import { InterruptedError } from '../errors.js';
import { gatherPixels } from '../methods/hypercolumn/pixel-examples.js';
import { type FeatureReader, featureReader } from '../methods/hypercolumn/pixel-features.js';
import type { Preprocessing } from '../onnx/metadata.js';
import { renderReport } from '../report/report.js';
import { writeAtomically } from '../runs/atomic-file.js';
import {
  type CachedFeatures,
  type FeatureCache,
  featureCache,
  featureKey,
} from '../runs/feature-cache.js';
import { readMetrics } from '../runs/metrics-log.js';
import { writeModelFile } from '../runs/model-file.js';
import { runPaths } from '../runs/run-folder.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Context } from './command.js';
import { type PicturedImage, pictureImages } from './hypercolumn-pictures.js';
import { scribbleReport } from './hypercolumn-report.js';
import {
  type FittedRun,
  fitInto,
  fittedModel,
  type HypercolumnRunOptions,
  openFitFolder,
  toldOf,
} from './hypercolumn-run.js';
import { type Meanwhile, meanwhile } from './meanwhile.js';
import { checkStrokes, type Scribble, type Scribbles } from './scribble-data.js';
import { provenanceOf } from './training-run.js';

export interface ScribbleRunOptions extends HypercolumnRunOptions {
  readonly scribbles: Scribbles;
  /** Whether layers are kept on disk. */
  readonly cache: boolean;
  readonly bar: Context['bar'];
}

export interface ScribbleRun extends FittedRun {
  /** Labelled pixels of each class. */
  readonly labels: readonly number[];
  /** What the model sees in the images: paths by kind, and the mean of their uncertainty in [0, 1]. */
  readonly images: readonly Omit<PicturedImage, 'picture'>[];
  /** Images whose layers were there from an earlier run. */
  readonly cached: number;
  readonly seconds: { readonly features: number; readonly fit: number; readonly all: number };
}

/** An image with its strokes, and its layers, if they were there. */
interface Opened {
  readonly scribble: Scribble;
  readonly key: string;
  readonly image: CachedFeatures['image'];
  readonly maps: CachedFeatures['maps'] | null;
}

/**
 * Runs. What is wrong with an image or its strokes is told before the folder is touched.
 * @throws DataError, UsageError; InterruptedError after a signal.
 */
export async function runScribbles(run: ScribbleRunOptions): Promise<ScribbleRun> {
  const began = performance.now();
  const { scribbles, taps, config, runtime } = run;
  const { classes, palette } = scribbles;
  const cache = featureCache(join(runPaths(run.output).path, 'features'));
  const opened: Opened[] = [];
  for (const scribble of scribbles.all) opened.push(await openImage(scribble, run, cache));
  const folder = await openFitFolder(run);
  const files = meanwhile();
  const layersOf = layerReader(run, cache, files);
  const bar = run.bar('reading layers', opened.length);
  const layers: CachedFeatures[] = [];
  const examples = await gatherPixels({
    ...{ taps, points: config.points, seed: config.seed, count: opened.length },
    async image(i) {
      if (run.signal.aborted) throw new InterruptedError('interrupted before the fit');
      const one = opened[i] as Opened;
      const maps = one.maps ?? (await layersOf(one));
      layers.push({ image: one.image, maps });
      bar.update(i + 1);
      return { features: { ...one.image, maps }, ids: one.scribble.mask.ids };
    },
  }).finally(() => bar.end());
  const gathered = performance.now();
  const fit = await fitInto(folder, run, examples, classes);
  const fitted = performance.now();
  const [first] = layers;
  const size = { height: first?.image.height ?? 1, width: first?.image.width ?? 1 };
  const model = fittedModel(run, fit, { classes, palette, size }, { pixels: examples.count });
  files.add(writeModelFile(folder.model, model));
  const pictured = await pictureImages(run, fit, layers, folder, files);
  const told = toldOf(run, folder, fit, classes, examples.count);
  const report = scribbleReport(run, {
    ...{ told, pictured, metrics: await readMetrics(folder) },
    provenance: { ...provenanceOf(runtime, config.seed), From: run.origin },
  });
  files.add(writeAtomically(folder.report, renderReport(report), { what: 'report' }));
  await files.finished();
  if (run.cache) await cache.keepOnly(opened.map(({ key }) => key));
  const seconds = (from: number, to: number): number => Math.round(to - from) / 1000;
  return {
    ...told,
    labels: scribbles.counts,
    images: pictured.map(({ picture: _, ...image }) => image),
    cached: opened.filter(({ maps }) => maps !== null).length,
    seconds: {
      features: seconds(began, gathered),
      fit: seconds(gathered, fitted),
      all: seconds(began, performance.now()),
    },
  };
}

/** The image as it was kept, or decoded. @throws DataError where it is corrupt or not of its strokes' size. */
async function openImage(
  scribble: Scribble,
  run: ScribbleRunOptions,
  cache: FeatureCache,
): Promise<Opened> {
  const bytes = await readBytes(scribble.image);
  const key = featureKey(run.key, bytes);
  const kept = run.cache ? await cache.read(key) : null;
  const image = kept?.image ?? (await decodeWhole(bytes, scribble.name));
  checkStrokes(scribble, image);
  const isWhole = kept?.maps.length === run.taps.length;
  return { scribble, key, image, maps: isWhole ? (kept?.maps ?? null) : null };
}

/** Reads layers of images, which are kept on disk while the work goes on. */
function layerReader(run: ScribbleRunOptions, cache: FeatureCache, files: Meanwhile) {
  const { runtime, source, taps, threads } = run;
  let reader: Promise<FeatureReader> | null = null;
  return async ({ image, key, scribble }: Opened): Promise<CachedFeatures['maps']> => {
    reader ??= featureReader(runtime, source, taps, threads === undefined ? {} : { threads });
    const { maps } = await (await reader)(await inputOf(image, scribble, run.preprocessing));
    if (run.cache) files.add(cache.write(key, { image, maps }));
    return maps;
  };
}

async function inputOf(
  image: CachedFeatures['image'],
  { name, mask }: Scribble,
  preprocessing: Preprocessing,
): Promise<Tensor> {
  const scenes = { count: 1, name: () => name, decode: async () => ({ image, mask }) };
  return (await sceneRows(scenes, preprocessing).row(0)).input;
}
