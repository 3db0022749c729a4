/** The ladder network's training step as one graph. */
import type { Value } from '../../graph/graph.js';
import { crossEntropyColumns } from '../../nn/losses.js';
import { adam } from '../../nn/optimizer.js';
import { type Builder, builder } from '../../ops/builder.js';
import { compileStep, type TrainingStep } from '../../train/step.js';
import type { LadderConfig } from './config.js';
import { decode, denoisingCost } from './decoder.js';
import { encode, type Group } from './encoder.js';

/** A step's costs, each of rank 0. */
export interface Costs {
  readonly total: Value;
  readonly crossEntropy: Value;
  /** Weighted denoising cost by layer, for the layers that have one. */
  readonly denoising: ReadonlyMap<number, Value>;
}

/**
 * Adds the forward pass and its costs to `b`. Inputs: `labelled` float32 (n, pixels) in [0, 1], `labels` int64 (n),
 * and unless the mode is supervised `unlabelled` float32 (n, pixels).
 */
export function ladderCosts(b: Builder, config: LadderConfig): Costs {
  const { widths, lambdas, batchSize: n } = config;
  const pixels = widths[0] ?? 1;
  const labels = b.input('labels', 'int64', [n]);
  const labelled = columns(b, b.input('labelled', 'float32', [n, pixels]));
  if (config.mode === 'supervised') {
    const { logits } = encode(b, config, b.Reshape(labelled, [pixels, 1, n]), ['labelled'], 0);
    const crossEntropy = crossEntropyColumns(b, b.Squeeze(logits, [1]), labels);
    return { total: crossEntropy, crossEntropy, denoising: new Map() };
  }
  const unlabelled = columns(b, b.input('unlabelled', 'float32', [n, pixels]));
  const cleanUpTo = lambdas.findLastIndex((weight) => weight > 0);
  const groups: readonly Group[] =
    cleanUpTo > 0 ? ['labelled', 'unlabelled', 'clean'] : ['labelled', 'unlabelled'];
  const x = groups.map((group) => b.Unsqueeze(group === 'labelled' ? labelled : unlabelled, [1]));
  const encoded = encode(b, config, b.Concat(...x, { axis: 1 }), groups, cleanUpTo);

  const [ofLabelled, ofUnlabelled] = topGroups(b, encoded.logits);
  const crossEntropy = crossEntropyColumns(b, ofLabelled, labels);
  const lowest = lambdas.findIndex((weight) => weight > 0);
  const estimates = decode(b, config, encoded, b.Softmax(ofUnlabelled, { axis: 0 }), lowest);
  const denoising = new Map<number, Value>();
  lambdas.forEach((weight, l) => {
    const estimate = estimates.get(l);
    if (weight > 0 && estimate)
      denoising.set(
        l,
        denoisingCost(b, weight, encoded.layers[l]?.clean ?? null, estimate, unlabelled),
      );
  });
  const total = [...denoising.values()].reduce((sum, cost) => b.Add(sum, cost), crossEntropy);
  return { total, crossEntropy, denoising };
}

/** Compiles the step; it reports `crossEntropy` and `denoising.<layer>` beside the loss. */
export function ladderStep(config: LadderConfig): TrainingStep {
  const b = builder();
  return stepOf(b, ladderCosts(b, config));
}

/** The step of a ladder's costs. */
export function stepOf(b: Builder, costs: Costs): TrainingStep {
  const report = Object.fromEntries(
    [...costs.denoising].map(([l, cost]) => [`denoising.${l}`, cost]),
  );
  return compileStep(b, {
    loss: costs.total,
    report: { crossEntropy: costs.crossEntropy, ...report },
    optimizer: adam(),
  });
}

/** Rows of pixels -> columns. */
function columns(b: Builder, rows: Value): Value {
  return b.Transpose(rows, { perm: [1, 0] });
}

/** Logits of the labelled and of the unlabelled examples, (classes, n) each. */
function topGroups(b: Builder, logits: Value): [Value, Value] {
  const groups = logits.shape[1] as number;
  const parts = b.node('Split', [logits], { axis: 1, num_outputs: groups }, { count: groups });
  return [b.Squeeze(parts[0] as Value, [1]), b.Squeeze(parts[1] as Value, [1])];
}
