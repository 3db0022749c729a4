/** The network that `train fcn` trains, its coarser forms, and how scenes go into it. */
import { resolve } from 'node:path';
import { pixelStatistics } from '../data/pixel-statistics.js';
import type { OpenedScenes } from '../data/segmentation/open-scenes.js';
import type { SceneSource } from '../data/segmentation/scenes.js';
import { UsageError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import { type FcnNetwork, fcnNetwork } from '../methods/fcn/network.js';
import { buildModel } from '../nn/models/build-model.js';
import { type ModelName, models } from '../nn/models/table.js';
import { type Preprocessing, readSpec } from '../onnx/metadata.js';
import { readModelFile } from '../runs/model-file.js';
import type { Context } from './command.js';
import { checkImageSize, resolvePreprocessing } from './preprocessing.js';
import { isStaged, scalesOf } from './segmenter-config.js';
import type { SegmenterOptions } from './segmenter-options.js';
import { defined } from './training-run.js';

export interface PreparedSegmenter {
  /** From the coarsest to the finest; one where all is trained at once. */
  readonly networks: readonly FcnNetwork[];
  /** Its height and width are those of what a step is shown. */
  readonly preprocessing: Preprocessing;
}

/**
 * Builds the networks.
 * @param origin the file, or the name of a network of the table
 * @throws UsageError for options that do not fit, ModelError as `fcnNetwork`.
 */
export async function prepareSegmenter(
  given: SegmenterOptions,
  data: OpenedScenes,
  context: Context,
): Promise<PreparedSegmenter> {
  const size = await cropOf(given, data.train);
  const { model, preprocessing } = given.model
    ? await fresh(given.model, given, data, size)
    : await fromFile(given, size, context);
  return { networks: networksOf(model, given, data.classes.length), preprocessing };
}

interface Crop {
  readonly height: number;
  readonly width: number;
}

/** What a step is shown of each scene: what was asked for, else as much as the first scene has. */
async function cropOf(given: SegmenterOptions, scenes: SceneSource): Promise<Crop> {
  const { height, width } = given;
  if (height !== undefined && width !== undefined) return { height, width };
  const { mask } = await scenes.decode(0);
  return { height: height ?? mask.height, width: width ?? mask.width };
}

interface Source {
  readonly model: Model;
  readonly preprocessing: Preprocessing;
}

async function fromFile(given: SegmenterOptions, size: Crop, context: Context): Promise<Source> {
  const model = await readModelFile(resolve(context.cwd, given.from ?? ''));
  const { graph, metadata } = model;
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  const input = inputs.find(({ name }) => name === given.input) ?? inputs[0];
  const stated = readSpec(metadata, input?.shape ?? [])?.preprocessing ?? null;
  const { preprocessing, notes } = resolvePreprocessing(
    { ...given, ...size, layout: undefined },
    stated,
    input ?? { name: '', dtype: null, shape: null },
  );
  for (const note of notes) context.note(note);
  return { model, preprocessing };
}

/** A network of the table with fresh weights, fed with scenes of mean 0 and deviation 1. */
async function fresh(
  name: ModelName,
  given: SegmenterOptions,
  data: OpenedScenes,
  size: Crop,
): Promise<Source> {
  const { channels } = given.channels
    ? { channels: given.channels }
    : (await data.train.decode(0)).image;
  checkImageSize({ channels, ...size }, given);
  const [, height, width] = models[name].input;
  const model = buildModel(models[name], {
    seed: given.seed,
    input: [channels, height, width],
  });
  const images = {
    count: data.train.count,
    label: () => 0,
    name: (i: number) => data.train.name(i),
    decode: async (i: number) => (await data.train.decode(i)).image,
  };
  const { mean, std } = await pixelStatistics(images, { ...size, channels });
  const { preprocessing } = resolvePreprocessing(
    { ...given, ...size, layout: undefined },
    {
      ...{ layout: 'NCHW', channels, ...size, scale: 1 / 255 },
      ...{ mean: [...mean], std: [...std], colour: channels === 1 ? 'grey' : 'rgb' },
    },
    { name: 'image', dtype: 'float32', shape: ['batch', channels, size.height, size.width] },
  );
  return { model, preprocessing };
}

function networksOf(model: Model, given: SegmenterOptions, classes: number): FcnNetwork[] {
  const { skips, finest, alignment } = given;
  if (skips !== undefined && finest !== undefined)
    throw new UsageError('--skips and --finest both say which maps are scored: give one of them');
  const names = defined({ input: given.input, output: given.outputName });
  const make = (more: { skips?: readonly string[]; finest?: number; scales?: readonly number[] }) =>
    fcnNetwork(model, { classes, alignment, ...names, ...more });
  const whole = make(defined({ skips, finest }));
  const taps = whole.scores.slice(1).map(({ tap }) => tap);
  const scales = scalesOf(given, taps.length);
  const upTo = (count: number) =>
    make({ skips: taps.slice(0, count), scales: scales.slice(0, count) });
  if (!isStaged(given)) return [scales.every((scale) => scale === 1) ? whole : upTo(taps.length)];
  return Array.from({ length: taps.length + 1 }, (_, count) => upTo(count));
}
