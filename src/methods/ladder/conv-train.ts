/** Trains a ladder network of convolutions from images to a classifier. */
import { ladderBatches } from './batches.js';
import { convClassifier, convStatisticsOf, foldConv } from './conv-classifier.js';
import { type ConvLadderConfig, checkConvConfig } from './conv-config.js';
import { convLadderStep } from './conv-step.js';
import { type TrainedLadder, type TrainLadderOptions, trainParts } from './train.js';
import { whiteningOf } from './whitening.js';

export interface TrainConvLadderOptions extends Omit<TrainLadderOptions, 'config'> {
  readonly config: ConvLadderConfig;
}

/**
 * Trains as the config says; in all else as `trainLadder`.
 * @throws UsageError for a config that makes no sense or images that do not suit it, and what `trainLadder` throws.
 */
export async function trainConvLadder(options: TrainConvLadderOptions): Promise<TrainedLadder> {
  const { runtime, config, data } = options;
  checkConvConfig(config);
  const widths = [data.shape.reduce((size, dim) => size * dim, 1), config.classes];
  const batches = ladderBatches({ ...config, widths }, data.labelled, data.unlabelled);
  const whitened = data.unlabelled?.count ? data.unlabelled : data.labelled;
  if (config.whitening === 'zca')
    options.onEvent?.({ type: 'notice', message: `whitening of ${whitened.count} images` });
  const whitening = config.whitening === 'zca' ? await whiteningOf(runtime, whitened) : null;
  const statistics = await convStatisticsOf(runtime, config, data.labelled, whitening);
  return trainParts(options, {
    step: convLadderStep(config, whitening),
    batches,
    weightsOf: async (parameters) =>
      foldConv(config, parameters, await statistics(parameters), whitening),
    classify: await convClassifier(runtime, config),
    // The noise of a step is tens of megabytes: of several it would push everything else out of the caches.
    stepsPerRun: 1,
  });
}
