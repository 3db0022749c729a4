/** Losses as graph. */
import type { Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { tensor } from '../tensor/tensor.js';

/**
 * One-hot float32 by comparison, since not every execution provider has OneHot.
 * @param labels int64 (n), classes from 0 on
 * @returns (classes, n), classes first
 */
export function oneHotColumns(b: Builder, labels: Value, classes: number): Value {
  const ids = b.constant(
    tensor(
      'int64',
      [classes, 1],
      Array.from({ length: classes }, (_, i) => i),
    ),
  );
  return b.Cast(b.Equal(ids, labels), { to: 1 });
}

/**
 * Mean cross-entropy of columns of logits.
 * @param logits float32 (classes, n)
 * @param labels int64 (n)
 * @returns rank 0
 */
export function crossEntropyColumns(b: Builder, logits: Value, labels: Value): Value {
  const [classes, n] = logits.shape as readonly number[];
  const picked = b.Mul(oneHotColumns(b, labels, classes ?? 1), b.LogSoftmax(logits, { axis: 0 }));
  return b.Mul(b.ReduceSum(picked, null, { keepdims: 0 }), -1 / (n ?? 1));
}
