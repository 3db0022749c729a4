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

/** Divisor where no example weighs anything. */
const tiny = 1e-30;

/** How a cross-entropy weighs its examples. */
export interface CrossEntropyOptions {
  /** Share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7). 0 by default. */
  readonly smoothing?: number;
  /** Weight of the examples of each class; the loss is their weighted mean. All alike by default. */
  readonly classWeights?: readonly number[];
}

/**
 * Mean cross-entropy of rows of logits.
 * @param logits float32 (n, classes)
 * @param labels int64 (n), classes from 0 on
 * @returns rank 0; 0 where no example weighs anything
 */
export function crossEntropyRows(
  b: Builder,
  logits: Value,
  labels: Value,
  { smoothing = 0, classWeights }: CrossEntropyOptions = {},
): Value {
  const [n = 1, classes = 1] = logits.shape as readonly number[];
  const ids = tensor('int64', [classes], [...new Array<number>(classes).keys()]);
  const isLabel = b.Cast(b.Equal(b.Unsqueeze(labels, [1]), b.constant(ids)), { to: 1 });
  const logProbabilities = b.LogSoftmax(logits, { axis: 1 });
  const target =
    smoothing === 0 ? isLabel : b.Add(b.Mul(isLabel, 1 - smoothing), smoothing / classes);
  if (classWeights === undefined)
    return b.Mul(b.ReduceSum(b.Mul(target, logProbabilities), null, { keepdims: 0 }), -1 / n);
  const weights = b.constant(tensor('float32', [classes, 1], classWeights));
  const ofExample = b.MatMul(isLabel, weights);
  const costs = b.Mul(b.ReduceSum(b.Mul(target, logProbabilities), [1], { keepdims: 1 }), -1);
  const total = b.ReduceSum(b.Mul(costs, ofExample), null, { keepdims: 0 });
  // A batch may be of classes alone that weigh nothing.
  return b.Div(total, b.Max(b.ReduceSum(ofExample, null, { keepdims: 0 }), tiny));
}

/**
 * Share of the rows whose largest logit is not that of their label.
 * @param logits float32 (n, classes)
 * @param labels int64 (n)
 * @returns rank 0, in [0, 1]
 */
export function errorOfRows(b: Builder, logits: Value, labels: Value): Value {
  const right = b.Cast(b.Equal(b.ArgMax(logits, { axis: 1, keepdims: 0 }), labels), { to: 1 });
  return b.Sub(1, b.ReduceMean(right, null, { keepdims: 0 }));
}
