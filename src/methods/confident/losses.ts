/** The losses of Lee et al. 2018: a classifier that is uniform on what lies outside, and the GAN that finds such images. */
import type { Value } from '../../graph/graph.js';
import type { Builder } from '../../ops/builder.js';
import { tensor } from '../../tensor/tensor.js';

/** Whether the generator ascends log D(G(z)), as the official code, or descends log(1 - D(G(z))), as the paper. */
export const generatorLosses = ['non-saturating', 'saturating'] as const;
export type GeneratorLoss = (typeof generatorLosses)[number];

/**
 * Mean of KL(U || P), from the uniform distribution to each row's prediction: -log K - (1 / K) sum_k log P_k
 * (Lee et al. 2018, equation 1).
 * @param logits float32 (n, classes)
 * @returns rank 0, from 0 on
 */
export function uniformDivergence(b: Builder, logits: Value): Value {
  const [n = 1, classes = 1] = logits.shape as readonly number[];
  const sum = b.ReduceSum(b.LogSoftmax(logits, { axis: 1 }), null, { keepdims: 0 });
  return b.Sub(b.Mul(sum, -1 / (n * classes)), Math.log(classes));
}

/** -log sigmoid(x) is softplus(-x), without the logarithm of a number that may have rounded to 0. */
const meanSoftplus = (b: Builder, x: Value): Value =>
  b.ReduceMean(b.Softplus(x), null, { keepdims: 0 });

/**
 * -mean[log D(x)] - mean[log(1 - D(G(z)))], which the discriminator descends (Algorithm 1, first update).
 * @param real float32 (n, 1): logits of images of the data
 * @param made float32 (n, 1): logits of generated ones
 * @returns rank 0
 */
export function discriminatorLoss(b: Builder, real: Value, made: Value): Value {
  return b.Add(meanSoftplus(b, b.Neg(real)), meanSoftplus(b, made));
}

/**
 * The generator's part of the GAN's loss (Algorithm 1, second update).
 * @param made float32 (n, 1): logits of generated images
 * @returns rank 0
 */
export function generatorLoss(b: Builder, made: Value, form: GeneratorLoss): Value {
  return form === 'saturating' ? b.Neg(meanSoftplus(b, made)) : meanSoftplus(b, b.Neg(made));
}

/** Squared length of an image that is as good as black. */
const least = 1e-24;

/**
 * The pull-away term, the mean squared cosine between two different images (Zhao et al. 2017, equation 4): it stands for
 * the generator's negative entropy (Lee et al. 2018, section 2.2). The official code leaves it out. A black image is at
 * right angles to all others.
 * @param images float32 (n, ...), n from 2 on
 * @returns rank 0, in [0, 1]
 */
export function pullAway(b: Builder, images: Value): Value {
  const [n = 2] = images.shape as readonly number[];
  const rows = b.Reshape(images, [n, -1]);
  // Below the root, whose slope at 0 is infinite.
  const norms = b.Sqrt(b.Max(b.ReduceSum(b.Mul(rows, rows), [1], { keepdims: 1 }), least));
  const unit = b.Div(rows, norms);
  const cosines = b.MatMul(unit, b.Transpose(unit, { perm: [1, 0] }));
  const differs = Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 0 : 1));
  const others = b.Mul(cosines, b.constant(tensor('float32', [n, n], differs)));
  const squares = b.ReduceSum(b.Mul(others, others), null, { keepdims: 0 });
  return b.Mul(squares, 1 / (n * (n - 1)));
}
