/**
 * What the paper's CIFAR-10 experiments do to pixels first (official code): each image loses its mean and gets the norm
 * 55, then the set is whitened (ZCA, Krizhevsky 2009, appendix A): x -> (x - mean) P with P the inverse square root of
 * the covariance, of which every variance is 0.1 larger.
 */
import { UsageError } from '../../errors.js';
import { model, type Value } from '../../graph/graph.js';
import { type Builder, builder } from '../../ops/builder.js';
import type { Runtime } from '../../runtime/runtime.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import type { Images } from './batches.js';
import { type Parameters, pixelsOf } from './classifier.js';

/** Norm of an image, and what the variances gain (official code, `--contrast-norm` and `filter_bias`). */
const imageNorm = 55;
const filterBias = 0.1;

/**
 * Norms below this are those of images of a single colour, which become 0. One pixel a grey level off has 0.0039.
 */
const leastNorm = 1e-3;

/** The matrix has the square of this many numbers. */
const mostPixels = 4096;

/** Names of the whitening's tensors: the mean, (pixels), and P, (pixels, pixels). */
export const whiteningNames = { mean: 'whitening.mean', matrix: 'whitening.matrix' } as const;

/** @param x rows of pixels, float32 (n, pixels), in [0, 1] or any other range. @returns rows of mean 0 and norm 55 */
export function contrastNormalized(b: Builder, x: Value): Value {
  const centred = b.Sub(x, b.ReduceMean(x, [1], { keepdims: 1 }));
  const norm = b.Sqrt(b.ReduceSumSquare(centred, [1], { keepdims: 1 }));
  return b.Div(centred, b.Mul(b.Where(b.Less(norm, leastNorm), 1, norm), 1 / imageNorm));
}

/** Adds contrast normalisation and whitening. @param x rows of pixels, float32 (n, pixels) */
export function whiten(b: Builder, x: Value, mean: Value, matrix: Value): Value {
  return b.MatMul(b.Sub(contrastNormalized(b, x), mean), matrix);
}

/**
 * The whitening of a set of images, by `whiteningNames`.
 * @throws UsageError where the images have more than 4096 values each.
 */
export async function whiteningOf(runtime: Runtime, set: Images): Promise<Parameters> {
  const pixels = set.images.length / set.count;
  if (pixels > mostPixels)
    throw new UsageError(
      `images of ${pixels} values are too large to be whitened: at most ${mostPixels}. Give --whitening none, or smaller --height and --width`,
      { expected: mostPixels, actual: pixels },
    );
  const { mean, covariance } = await momentsOf(runtime, set, pixels);
  for (let i = 0; i < pixels; i++)
    covariance[i * pixels + i] = (covariance[i * pixels + i] ?? 0) + filterBias;
  const matrix = await inverseSquareRoot(runtime, covariance, pixels, filterBias);
  return new Map([
    [whiteningNames.mean, tensor('float32', [pixels], mean)],
    [whiteningNames.matrix, matrix],
  ]);
}

/** Images that are looked at together. */
const rowsAtATime = 1000;

/** Mean and covariance, divided by the count, of contrast-normalised images. */
async function momentsOf(
  runtime: Runtime,
  set: Images,
  pixels: number,
): Promise<{ mean: Float32Array; covariance: Float32Array }> {
  const b = builder();
  const x = contrastNormalized(b, b.input('images', 'float32', ['n', pixels]));
  const products = b.input('products', 'float32', [pixels, pixels]);
  b.output(b.ReduceSum(x, [0], { keepdims: 0 }), 'sums');
  b.output(b.Gemm(x, x, products, { transA: 1, alpha: 1 / set.count }), 'next');
  const session = await runtime.load(model(b.build('moments')));
  const mean = new Float64Array(pixels);
  let sums: Tensor = tensor('float32', [pixels, pixels], new Float32Array(pixels * pixels));
  for (let from = 0; from < set.count; from += rowsAtATime) {
    const count = Math.min(rowsAtATime, set.count - from);
    const images = tensor('float32', [count, pixels], pixelsOf(set, from, count, pixels));
    const results = await session.run({ images, products: sums });
    const part = results['sums']?.data as Float32Array;
    for (let i = 0; i < pixels; i++) mean[i] = (mean[i] ?? 0) + (part[i] ?? 0) / set.count;
    sums = results['next'] ?? sums;
  }
  const covariance = Float32Array.from(
    sums.data as Float32Array,
    (value, i) => value - (mean[Math.floor(i / pixels)] ?? 0) * (mean[i % pixels] ?? 0),
  );
  return { mean: Float32Array.from(mean), covariance };
}

/** Ours: products of matrices that are this near to one are as near as float32 brings them. */
const closeEnough = 1e-4;
const mostIterations = 30;

/**
 * A^(-1/2) of a symmetric, positive definite matrix by coupled Newton-Schulz iterations, Y -> A^(1/2) and
 * Z -> A^(-1/2), with the scaling of Chen and Chow (2014) while small eigenvalues grow: products of matrices alone,
 * which the runtime is quick at.
 * @param data (size, size)
 * @param least a bound below the eigenvalues
 */
export async function inverseSquareRoot(
  runtime: Runtime,
  data: Float32Array,
  size: number,
  least: number,
): Promise<Tensor> {
  const dims = [size, size];
  const b = builder();
  const [Y, Z] = [b.input('Y', 'float32', dims), b.input('Z', 'float32', dims)];
  const rho = b.input('rho', 'float32', []);
  const ones = tensor('float32', dims, identity(size));
  const product = b.MatMul(Z, Y);
  const I = b.initializer('I', ones);
  const step = b.Mul(b.Sub(b.Mul(I, 1.5), b.Mul(product, b.Mul(rho, 0.5))), b.Sqrt(rho));
  b.output(b.MatMul(Y, step), 'nextY');
  b.output(b.MatMul(step, Z), 'nextZ');
  b.output(b.ReduceMax(b.Abs(b.Sub(product, I)), null, { keepdims: 0 }), 'distance');
  const session = await runtime.load(model(b.build('newton-schulz')));
  // The Frobenius norm bounds the eigenvalues from above: those of A / norm lie in (least / norm, 1].
  const norm = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0));
  let feeds = {
    Y: tensor(
      'float32',
      dims,
      data.map((value) => value / norm),
    ),
    Z: ones,
  };
  let root = Math.sqrt(least / norm);
  for (let i = 0; i < mostIterations; i++) {
    const scale = 3 / (1 + root + root * root);
    const results = await session.run({ ...feeds, rho: tensor('float32', [], [scale]) });
    if (Number(results['distance']?.data[0]) < closeEnough) break;
    root = Math.min(1, (root * Math.sqrt(scale) * (3 - scale * root * root)) / 2);
    const [nextY, nextZ] = [results['nextY'], results['nextZ']];
    feeds = { Y: nextY as Tensor<'float32'>, Z: nextZ as Tensor<'float32'> };
  }
  const found = feeds.Z.data.map((value) => value / Math.sqrt(norm));
  return tensor('float32', dims, found);
}

function identity(size: number): Float32Array {
  const data = new Float32Array(size * size);
  for (let i = 0; i < size; i++) data[i * size + i] = 1;
  return data;
}
