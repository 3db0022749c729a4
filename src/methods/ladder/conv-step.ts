/** The training step of a ladder of convolutions as one graph. */
import type { Value } from '../../graph/graph.js';
import { crossEntropyColumns } from '../../nn/losses.js';
import { type Builder, builder } from '../../ops/builder.js';
import type { TrainingStep } from '../../train/step.js';
import type { Parameters } from './classifier.js';
import { prepared } from './conv-classifier.js';
import { type ConvLadderConfig, type ConvNetworkShape, networkShape } from './conv-config.js';
import { decodeConv } from './conv-decoder.js';
import { encodeConv } from './conv-encoder.js';
import { denoisingCost } from './decoder.js';
import { type Costs, stepOf } from './step.js';

/**
 * Adds the forward pass and its costs to `b`. Inputs: `labelled` float32 (n, pixels) in [0, 1], the channels one after
 * the other, `labels` int64 (n), and unless the mode is supervised `unlabelled` float32 (n, pixels).
 * @param whitening as `whiteningOf` gives it; null where the config has none
 */
export function convLadderCosts(
  b: Builder,
  config: ConvLadderConfig,
  network: ConvNetworkShape = networkShape(config),
  whitening: Parameters | null = null,
): Costs {
  const { batchSize: n, shape, lambdas, mode } = config;
  const pixels = shape[0] * shape[1] * shape[2];
  const images = (name: string): Value =>
    prepared(b, config, b.input(name, 'float32', [n, pixels]), whitening);
  const labels = b.input('labels', 'int64', [n]);
  const labelled = encodeConv(b, config, network, images('labelled'), 'labelled');
  const crossEntropy = crossEntropyColumns(b, labelled.logits, labels);
  if (mode === 'supervised') return { total: crossEntropy, crossEntropy, denoising: new Map() };

  const unlabelled = images('unlabelled');
  const [lowest, highest] = [lambdas.findIndex(isCost), lambdas.findLastIndex(isCost)];
  const noisy = encodeConv(b, config, network, unlabelled, 'unlabelled', { from: lowest });
  const below = { ...network, layers: network.layers.slice(0, highest) };
  const clean = encodeConv(b, config, below, unlabelled, 'clean', { from: lowest });
  const estimates = decodeConv(b, config, network, noisy, lowest);
  const denoising = new Map<number, Value>();
  for (const [l, estimate] of estimates) {
    const lambda = lambdas[l] ?? 0;
    const [value, statistics] = [clean.z[l], clean.statistics[l - 1]];
    const target = value && statistics ? { value, ...statistics } : null;
    if (lambda > 0) denoising.set(l, denoisingCost(b, lambda, target, estimate, unlabelled));
  }
  const total = [...denoising.values()].reduce((sum, cost) => b.Add(sum, cost), crossEntropy);
  return { total, crossEntropy, denoising };
}

const isCost = (weight: number): boolean => weight > 0;

/** Compiles the step; it reports `crossEntropy` and `denoising.<layer>` beside the loss. */
export function convLadderStep(
  config: ConvLadderConfig,
  whitening: Parameters | null = null,
): TrainingStep {
  const b = builder();
  return stepOf(b, convLadderCosts(b, config, networkShape(config), whitening));
}
