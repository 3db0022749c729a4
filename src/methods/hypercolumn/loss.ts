/**
 * The loss of the classifier grid: sigmoid, blend and log-likelihood in one, so that it stays exact where a probability
 * is 0 or 1 in float32 (Hariharan et al. 2015 ask for such a layer).
 */
import { ShapeError } from '../../errors.js';
import type { Value } from '../../graph/graph.js';
import type { Builder } from '../../ops/builder.js';
import { formatShape } from '../../tensor/shape.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';

/** Stands for the logarithm of a weight of 0: e to it is 0, and differences of it are finite. */
const never = -1e4;

/** Scores as (boxes, outputs, cells, size, size). */
function byCell(b: Builder, scores: Value, { dims: [cells = 1, size = 1] }: Tensor): Value {
  const [boxes, channels] = scores.shape;
  if (
    scores.shape.length !== 4 ||
    typeof channels !== 'number' ||
    channels % cells !== 0 ||
    scores.shape[2] !== size
  )
    throw new ShapeError(
      `scores of a grid of ${cells} classifiers must be (boxes, outputs * ${cells}, ${size}, ${size}), got ${formatShape(scores.shape)}`,
      { expected: cells, actual: scores.shape },
    );
  const first = typeof boxes === 'number' ? boxes : 0;
  return b.Reshape(scores, [first, channels / cells, cells, size, size]);
}

/**
 * Adds h = sum_k alpha_k sigmoid(score_k).
 * @param scores float32 (boxes, outputs * cells, size, size), the cells of an output side by side
 * @param alpha float32 (cells, size, size), as `gridWeights` gives it
 * @returns float32 (boxes, outputs, size, size), in [0, 1]
 * @throws ShapeError where the scores are not those of the grid.
 */
export function blended(b: Builder, scores: Value, alpha: Tensor<'float32'>): Value {
  const probabilities = b.Sigmoid(byCell(b, scores, alpha));
  return b.ReduceSum(b.Mul(probabilities, b.constant(alpha)), [2], { keepdims: 0 });
}

/**
 * Adds the mean over boxes, outputs and places of -t log h - (1 - t) log(1 - h), with h as `blended` gives it. Both
 * logarithms are taken of sums of exponentials: log h = log sum_k exp(log alpha_k + log sigmoid(score_k)), and as the
 * alphas sum to 1, log(1 - h) is the same of -score_k.
 * @param targets float32 (boxes, outputs, size, size), 0 or 1
 * @returns rank 0, in nats
 * @throws ShapeError where the scores are not those of the grid.
 */
export function blendedLoss(
  b: Builder,
  scores: Value,
  alpha: Tensor<'float32'>,
  targets: Value,
): Value {
  const z = byCell(b, scores, alpha);
  const [cells = 1] = alpha.dims;
  const logs = tensor(
    'float32',
    alpha.dims,
    Array.from(alpha.data, (weight) => (weight > 0 ? Math.log(weight) : never)),
  );
  const weighted = (score: Value): Value => {
    const terms = b.Sub(b.constant(logs), b.Softplus(b.Neg(score)));
    if (cells === 1) return b.Squeeze(terms, [2]);
    // The same whatever is subtracted, so no gradient need flow through it; rounded up, none does.
    const shift = b.Ceil(b.ReduceMax(terms, [2], { keepdims: 1 }));
    const total = b.ReduceSum(b.Exp(b.Sub(terms, shift)), [2], { keepdims: 0 });
    return b.Add(b.Log(total), b.Squeeze(shift, [2]));
  };
  const [yes, no] = [weighted(z), weighted(b.Neg(z))];
  const likelihood = b.Add(b.Mul(targets, yes), b.Mul(b.Sub(1, targets), no));
  return b.Neg(b.ReduceMean(likelihood, null, { keepdims: 0 }));
}
