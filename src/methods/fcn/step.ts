/** The training step of a segmenter as one graph. */
import type { Value } from '../../graph/graph.js';
import { crossEntropyPixels, diceLoss, focalLoss } from '../../nn/dense-losses.js';
import { trainingForm } from '../../nn/training-form.js';
import type { Builder } from '../../ops/builder.js';
import { compileStep, type TrainingStep } from '../../train/step.js';
import { optimizerOf } from '../optimization.js';
import type { FcnConfig } from './config.js';
import type { FcnNetwork } from './network.js';
import { chooseParameters, settingsOf } from './parameters.js';

/** Name of the step's input of labels, int32 (batch, height, width), 255 where void; images go into the network's own. */
export const pixelLabelsName = 'labels';

/**
 * Compiles forward pass, loss, gradients and update for `config.batchSize` images of one size. Dropout drops.
 * @param size height and width of the images that it takes
 * @throws GradientError naming the node that has no gradient, UsageError for patterns that fit nothing, ShapeError
 *   where the images are too small for the network.
 */
export function fcnStep(
  network: FcnNetwork,
  config: FcnConfig,
  [height, width]: readonly [number, number],
): TrainingStep {
  const trained = chooseParameters(network, config);
  const { dimensions } = network;
  const { b, state } = trainingForm(
    { ...network.graph, outputs: [] },
    {
      dimensions: {
        [dimensions.batch]: config.batchSize,
        [dimensions.height]: height,
        [dimensions.width]: width,
      },
      trainable: (name) => trained.has(name),
      batchNormalization: config.batchNorm,
    },
  );
  const labels = b.input(pixelLabelsName, 'int32', [config.batchSize, height, width]);
  const loss = lossOf(b, b.value(network.logits), labels, config);
  const { clip } = config;
  return compileStep(b, {
    loss,
    optimizer: optimizerOf(config),
    settings: settingsOf(network, config),
    state,
    ...(clip !== null && { clip }),
  });
}

function lossOf(b: Builder, logits: Value, labels: Value, config: FcnConfig): Value {
  const { loss, reduction, gamma, classWeights } = config;
  const weights = classWeights === null ? {} : { classWeights };
  if (loss === 'dice') return diceLoss(b, logits, labels, weights);
  if (loss === 'focal') return focalLoss(b, logits, labels, { ...weights, reduction, gamma });
  const entropy = crossEntropyPixels(b, logits, labels, { ...weights, reduction });
  return loss === 'cross-entropy' ? entropy : b.Add(entropy, diceLoss(b, logits, labels, weights));
}
