/** `probe`: what subsets of a network's layers know of each pixel, what they cost, and what each layer knows of position. */
import type { OpenedScenes } from '../data/segmentation/open-scenes.js';
import { sceneRows } from '../data/segmentation/scene-batches.js';
import type { SceneSource } from '../data/segmentation/scenes.js';
import { columnLength } from '../dense/hypercolumn.js';
import type { HypercolumnTap } from '../dense/hypercolumn-taps.js';
import { InterruptedError, ModelError, UsageError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import type { PixelConfig } from '../methods/hypercolumn/pixel-config.js';
import {
  drawPixels,
  nothingLabelled,
  type PixelExamples,
} from '../methods/hypercolumn/pixel-examples.js';
import { featureReader, featuresAt } from '../methods/hypercolumn/pixel-features.js';
import { fitPixels } from '../methods/hypercolumn/pixel-fit.js';
import { pixelModel, probabilitiesName } from '../methods/hypercolumn/pixel-model.js';
import { ofLayers, type Positions, positionRecovery } from '../methods/hypercolumn/probe.js';
import { classesOfPixels, segmentationFigures } from '../metrics/segmentation.js';
import type { ReportProbe } from '../report/run-report.js';
import type { Runtime } from '../runtime/runtime.js';
import { streamKey } from '../tensor/random.js';
import { hasDType, type Tensor } from '../tensor/tensor.js';
import type { Context } from './command.js';
import type { Backbone } from './hypercolumn-backbone.js';
import { judgeScenes } from './segmenter-judging.js';

export interface ProbeRunOptions extends Backbone {
  readonly runtime: Runtime;
  readonly threads?: number | undefined;
  readonly data: OpenedScenes;
  readonly config: PixelConfig;
  /** Indices into the taps. */
  readonly subsets: readonly (readonly number[])[];
  readonly bar: Context['bar'];
  readonly signal: AbortSignal;
}

/** Pixels with the features of all layers, and where they lie. */
interface Read {
  readonly examples: PixelExamples;
  readonly positions: Positions;
  /** The first image, and what the layers hold of it. */
  readonly image: Tensor;
  readonly bytes: readonly number[];
}

/** Pixels that positions are learnt from and measured on at most: ours, so that no layer takes more than seconds. */
const mostPositions = 6000;
/** Passes over one image of which the median counts, after one that does not: ours. */
const timed = 5;

/**
 * Probes.
 * @throws UsageError where no scenes are held out; DataError where scenes cannot be used; InterruptedError after a signal.
 */
export async function runProbe(run: ProbeRunOptions): Promise<ReportProbe> {
  const { data, taps, subsets, config } = run;
  const held = data.validation ?? data.test;
  if (!held)
    throw new UsageError(
      'no scenes are held out to measure on: give a share or a number of them with --validation',
    );
  const train = await read(run, data.train, config.points, 'reading layers');
  const far = Math.max(1, Math.ceil(mostPositions / held.count));
  const apart = await read(run, held, far, 'reading held-out layers');
  const rows: ReportProbe['rows'][number][] = [];
  for (const chosen of subsets) rows.push(await probe(run, chosen, train, held));
  const positions = taps.map((tap, i) => ({
    tap: tap.name,
    stride: tap.grids?.[0]?.stride ?? null,
    ...positionRecovery(some(train, taps, i), some(apart, taps, i)),
  }));
  const [, , height = 0, width = 0] = train.image.dims;
  return { rows, positions, height, width, scenes: held.count, pixels: train.examples.count };
}

/** The features of one layer at some of the pixels, evenly chosen. */
function some({ examples, positions }: Read, taps: readonly HypercolumnTap[], i: number) {
  const every = Math.max(1, Math.ceil(examples.count / mostPositions));
  const own = ofLayers(examples, taps, [i]);
  const count = Math.floor(examples.count / every);
  const data = new Float32Array(count * own.features);
  const places = new Float32Array(2 * count);
  for (let n = 0; n < count; n++) {
    const at = n * every * own.features;
    data.set(own.data.subarray(at, at + own.features), n * own.features);
    places.set(positions.subarray(2 * n * every, 2 * n * every + 2), 2 * n);
  }
  return { examples: { ...own, count, data }, positions: places };
}

async function read(
  { runtime, threads, source, taps, preprocessing, config, bar: open, signal }: ProbeRunOptions,
  scenes: SceneSource,
  points: number,
  what: string,
): Promise<Read> {
  const reader = await featureReader(
    runtime,
    source,
    taps,
    threads === undefined ? {} : { threads },
  );
  const rows = sceneRows(scenes, preprocessing);
  const bar = open(what, rows.count);
  const features = columnLength(taps);
  const room = rows.count * points;
  const data = new Float32Array(room * features);
  const [labels, weights] = [new Uint8Array(room), new Float32Array(room)];
  const positions = new Float32Array(2 * room);
  let count = 0;
  let first: { image: Tensor; bytes: number[] } | null = null;
  try {
    for (let i = 0; i < rows.count; i++) {
      if (signal.aborted) throw new InterruptedError('interrupted: nothing is probed yet');
      const { input, labels: ids } = await rows.row(i);
      const layers = await reader(input);
      first ??= { image: input, bytes: layers.maps.map((map) => map.data.byteLength) };
      const key = streamKey(config.seed, i, 'hypercolumn/pixels');
      const drawn = drawPixels(ids.data, layers.width, points, key);
      const size = drawn.labels.length;
      featuresAt(
        taps,
        layers,
        drawn.points,
        data.subarray(count * features, (count + size) * features),
      );
      labels.set(drawn.labels, count);
      weights.set(drawn.weights, count);
      for (let n = 0; n < size; n++) {
        positions[2 * (count + n)] = ((drawn.points[2 * n] ?? 0) + 0.5) / layers.height;
        positions[2 * (count + n) + 1] = ((drawn.points[2 * n + 1] ?? 0) + 0.5) / layers.width;
      }
      count += size;
      bar.update(i + 1);
    }
  } finally {
    bar.end();
  }
  if (count === 0 || !first) throw nothingLabelled();
  const examples = {
    ...{ count, features, data: data.subarray(0, count * features) },
    ...{ labels: labels.subarray(0, count), weights: weights.subarray(0, count) },
  };
  return { examples, positions, ...first };
}

/** Fits a classifier on some layers, and measures it on whole scenes. */
async function probe(
  run: ProbeRunOptions,
  chosen: readonly number[],
  { examples, image, bytes }: Read,
  held: SceneSource,
): Promise<ReportProbe['rows'][number]> {
  const { runtime, threads, source, config, data, preprocessing, signal } = run;
  const session = threads === undefined ? {} : { threads };
  const taps = chosen.map((i) => run.taps[i] as HypercolumnTap);
  const names = taps.map(({ name }) => name);
  const fit = await fitPixels({
    ...{ runtime, session, config, signal, classes: data.classes },
    examples: ofLayers(examples, run.taps, chosen),
  });
  const made: Model = pixelModel(source, taps, fit.head);
  const net = await runtime.load(made, session);
  const input = net.inputs[0] ?? '';
  const scores = async (each: Tensor): Promise<Tensor> => {
    const map = (await net.run({ [input]: each }))[probabilitiesName];
    return map ?? Promise.reject(new ModelError(`the model gave no "${probabilitiesName}"`));
  };
  const milliseconds = await medianTime(() => scores(image));
  const bar = run.bar(`segmenting by ${names.join(', ')}`, held.count);
  const scenes = await judgeScenes(
    async (each) => {
      const map = await scores(each);
      if (!hasDType(map, 'float32')) throw new ModelError('probabilities are not float32');
      return classesOfPixels(map);
    },
    held,
    {
      ...{ preprocessing, classes: data.classes.length, bar },
      check() {
        if (signal.aborted) throw new InterruptedError('interrupted: not all layers are probed');
      },
    },
  ).finally(() => bar.end());
  const { meanIu, pixelAccuracy } = segmentationFigures(scenes.confusion);
  return {
    ...{
      taps: names,
      channels: columnLength(taps),
      meanIu,
      error: 1 - pixelAccuracy,
      milliseconds,
    },
    megabytes: chosen.reduce((sum, i) => sum + (bytes[i] ?? 0), 0) / 1e6,
  };
}

async function medianTime(once: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i <= timed; i++) {
    const start = performance.now();
    await once();
    if (i > 0) times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[timed >> 1] ?? Number.NaN;
}
