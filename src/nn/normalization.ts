/** Normalisation over the examples of a batch, written with LayerNormalization. */
import type { Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { tensor } from '../tensor/tensor.js';

export interface Normalized {
  /** Of the input's shape: mean 0 and variance 1 over the last axis. */
  readonly value: Value;
  /** Mean, of the input's shape but 1 on the last axis. */
  readonly mean: Value;
  /** 1 / sqrt(variance + epsilon), of the shape of `mean`; the variance divides by n. */
  readonly inverseStd: Value;
}

/**
 * Batch normalisation without affine part for examples that lie on the LAST axis: each row (a unit, or a unit of
 * one group of examples) is normalised over its examples. LayerNormalization does just that in a single pass,
 * and one call keeps the statistics of as many groups apart as the axes before the last have.
 * @param z float32 (..., examples)
 */
export function normalizeExamples(b: Builder, z: Value, epsilon: number): Normalized {
  const examples = z.shape.at(-1) as number;
  const scale = b.constant(tensor('float32', [examples], new Float32Array(examples).fill(1)));
  const [value, mean, inverseStd] = b.node(
    'LayerNormalization',
    [z, scale],
    { axis: -1, epsilon },
    { count: 3 },
  );
  return { value, mean, inverseStd } as Normalized;
}
