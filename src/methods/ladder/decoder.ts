/** The decoder: from the classes back to the input, undoing the noise layer by layer, and what it costs. */
import type { Value } from '../../graph/graph.js';
import { normal } from '../../nn/init.js';
import { type Normalized, normalizeExamples } from '../../nn/normalization.js';
import type { Builder } from '../../ops/builder.js';
import { sizeOf } from '../../tensor/shape.js';
import { combine } from './combinator.js';
import { epsilon, type LadderConfig } from './config.js';
import { type Encoded, weight } from './encoder.js';

/** V of layer l: (units of l, units of l + 1), normal with deviation 1/sqrt(fan-in). */
export function decoderWeight(b: Builder, config: LadderConfig, l: number): Value {
  const inputs = config.widths[l + 1] ?? 1;
  const name = `decoder.${l}.V`;
  return weight(b, name, () =>
    normal(config.seed, name, [config.widths[l] ?? 1, inputs], 1 / Math.sqrt(inputs)),
  );
}

/**
 * Adds the decoder down to layer `lowest`.
 * @param probabilities softmax of the corrupted unlabelled examples, (classes, n)
 * @returns z^ by layer, (units, n), from `lowest` to L
 */
export function decode(
  b: Builder,
  config: LadderConfig,
  encoded: Encoded,
  probabilities: Value,
  lowest: number,
): ReadonlyMap<number, Value> {
  const top = config.widths.length - 1;
  const estimates = new Map<number, Value>();
  let above = probabilities;
  for (let l = top; l >= lowest; l--) {
    b.within(`decoder.${l}`, () => {
      const vertical = l === top ? above : b.Gemm(decoderWeight(b, config, l), above);
      const u = normalizeExamples(b, vertical, epsilon).value;
      above = combine(b, config, l, encoded.layers[l]?.noisy as Value, u);
      estimates.set(l, above);
    });
  }
  return estimates;
}

/**
 * Denoising cost of layer l: lambda / units * mean over examples of || z - z^ ||^2, where z^ is normalised by the
 * clean pass's statistics; the input, l = 0, is not normalised (official code).
 * @param target z of the clean examples with their statistics, which broadcast to it; null for l = 0
 * @param clean pixels of the unlabelled examples for l = 0, of the shape of `estimate`
 * @returns rank 0
 */
export function denoisingCost(
  b: Builder,
  lambda: number,
  target: Normalized | null,
  estimate: Value,
  clean: Value,
): Value {
  const difference = target
    ? b.Sub(target.value, b.Mul(b.Sub(estimate, target.mean), target.inverseStd))
    : b.Sub(clean, estimate);
  const squares = b.ReduceSumSquare(difference, null, { keepdims: 0 });
  return b.Mul(squares, lambda / sizeOf(estimate.shape as readonly number[]));
}
