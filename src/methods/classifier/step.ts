/** The training step of a classifier as one graph. */
import { DataError } from '../../errors.js';
import { crossEntropyRows, errorOfRows } from '../../nn/losses.js';
import { trainingForm } from '../../nn/training-form.js';
import type { Feeds } from '../../runtime/runtime.js';
import { compileStep, type TrainingStep } from '../../train/step.js';
import { optimizerOf } from '../optimization.js';
import type { ClassifierConfig } from './config.js';
import type { Network } from './network.js';
import { chooseParameters, settingsOf } from './parameters.js';

/** Name of the step's input of labels, int64 (batch); the images go into the network's own input. */
export const labelsName = 'espalier.labels';

/**
 * A batch whose labels are classes: any other would cost nothing, whatever the network says of its image.
 * @throws DataError naming a label that is none.
 */
export function withClasses(feeds: Feeds, classes: number): Feeds {
  const labels = (feeds[labelsName]?.data ?? []) as ArrayLike<bigint>;
  const wrong = Array.from(labels).find((label) => label < 0n || label >= BigInt(classes));
  if (wrong === undefined) return feeds;
  throw new DataError(
    `batch: an image has the label ${wrong}, where classes go from 0 to ${classes - 1}`,
    { expected: classes, actual: Number(wrong) },
  );
}

/**
 * Compiles forward pass, cross-entropy, gradients and update for batches of `config.batchSize`. Reports `error`, the
 * share of the batch that was taken for another class, beside the loss. Dropout drops.
 * @throws GradientError naming the node that has no gradient, UsageError for patterns that fit nothing.
 */
export function classifierStep(network: Network, config: ClassifierConfig): TrainingStep {
  const trained = chooseParameters(network, config.train);
  const { b, state } = trainingForm(
    { ...network.graph, outputs: [] },
    {
      dimensions: { ...network.sizes, [network.batch]: config.batchSize },
      trainable: (name) => trained.has(name),
      batchNormalization: config.batchNorm,
    },
  );
  const n = config.batchSize;
  const logits = b.Reshape(b.value(network.head.logits), [n, network.classes]);
  const labels = b.input(labelsName, 'int64', [n]);
  const { labelSmoothing: smoothing, classWeights, clip } = config;
  const loss = crossEntropyRows(b, logits, labels, {
    smoothing,
    ...(classWeights && { classWeights }),
  });
  return compileStep(b, {
    loss,
    report: { error: errorOfRows(b, logits, labels) },
    optimizer: optimizerOf(config),
    settings: settingsOf(network, config),
    state,
    ...(clip !== null && { clip }),
  });
}
