/** From the options of `train fcn` to the settings of its training, and back to what `config.yaml` says. */
import { noPairAugmentation, type PairAugmentation } from '../data/segmentation/augment-pairs.js';
import { classPixelCounts } from '../data/segmentation/scene-batches.js';
import type { SceneSource } from '../data/segmentation/scenes.js';
import { UsageError } from '../errors.js';
import { atOnceScale, checkConfig, type FcnConfig, fcnPresets } from '../methods/fcn/config.js';
import { medianFrequencyWeights } from '../metrics/segmentation-weights.js';
import { builtInScenes } from './scene-data.js';
import type { SegmenterOptions } from './segmenter-options.js';
import { defined } from './training-run.js';

/**
 * The preset with what was given in its place. From nothing, BatchNormalization goes by the batch.
 * @throws UsageError naming the first setting that makes no sense; DataError where masks cannot be read.
 */
export async function resolveFcnConfig(
  given: SegmenterOptions,
  scenes: SceneSource,
  classes: number,
): Promise<FcnConfig> {
  const { upsampling, train, epochs, batchSize, optimizer, momentum, learningRate } = given;
  const { stageRate, scoreRate, biasRate, rates, schedule, weightDecay, decay } = given;
  const { loss, reduction, gamma, clip, seed } = given;
  const base = fcnPresets[given.preset];
  const config: FcnConfig = {
    ...base,
    batchNorm: given.batchNorm ?? (given.model === undefined ? base.batchNorm : 'live'),
    ...defined({ upsampling, train, epochs, batchSize, optimizer, momentum, learningRate }),
    ...defined({ stageRate, scoreRate, biasRate, rates, schedule, weightDecay, decay }),
    ...defined({ loss, reduction, gamma, seed }),
    clip: clip === undefined ? base.clip : clip === 0 ? null : clip,
    classWeights: await classWeightsOf(given.classWeights, scenes, classes),
  };
  checkConfig(config, classes);
  return config;
}

async function classWeightsOf(
  given: SegmenterOptions['classWeights'],
  scenes: SceneSource,
  classes: number,
): Promise<readonly number[] | null> {
  if (given === 'none') return null;
  if (given !== 'median-frequency') return given;
  return medianFrequencyWeights(await classPixelCounts(scenes, classes));
}

/** Ours, of the preset `modern`: as much as the thin classes of street scenes bear. */
const modernAugmentation: PairAugmentation = {
  flip: true,
  scale: [0.75, 1.5],
  crop: true,
  jitter: 0.2,
};

/** What is changed of the scenes. The paper changes nothing; digits are not turned over, since that makes others of them. */
export function augmentationOf(given: SegmenterOptions): PairAugmentation {
  const isModern = given.preset === 'modern' && given.data !== builtInScenes;
  const usual = isModern ? modernAugmentation : { ...noPairAugmentation, crop: true };
  const [least, most] = given.zoom ?? usual.scale;
  const { flip = usual.flip, crop = usual.crop, jitter = usual.jitter } = given;
  return { flip, crop, jitter, scale: [least ?? 1, most ?? 1] };
}

/**
 * Whether the network is trained from coarse to fine: as asked for, else as the preset has it.
 * @throws UsageError for both --staged and --at-once.
 */
export function isStaged({ staged, atOnce, preset }: SegmenterOptions): boolean {
  if (staged && atOnce)
    throw new UsageError('--staged and --at-once exclude each other: give one of them');
  return staged ?? (atOnce === undefined ? preset !== 'modern' : !atOnce);
}

/**
 * Factors of so many skips: those given, else 1; the paper's where its recipes train all at once.
 * @throws UsageError for another number of them.
 */
export function scalesOf(given: SegmenterOptions, skips: number): readonly number[] {
  const { scales, preset } = given;
  const isPaper = preset !== 'modern' && !isStaged(given);
  const chosen =
    scales ?? Array.from({ length: skips }, (_, i) => (isPaper ? atOnceScale ** (i + 1) : 1));
  if (chosen.length === skips) return chosen;
  throw new UsageError(
    `--scales: the network has ${skips} skips, got ${chosen.length} factors: give one for each`,
    { expected: skips, actual: chosen },
  );
}

/** The settings as the command's options, so that `config.yaml` says them all. */
export function fcnOptionsOf(
  config: FcnConfig,
  augmentation: PairAugmentation,
): Record<string, unknown> {
  const { classWeights: _weights, clip, ...settings } = config;
  const { scale, ...changes } = augmentation;
  return { ...settings, clip: clip ?? 0, ...changes, zoom: [...scale] };
}
