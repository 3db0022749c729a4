/**
 * Mahalanobis distance (Lee, Lee, Lee and Shin 2018b): features of each class as Gaussians with one covariance, and the
 * squared distance to the nearest class's mean.
 */
import type { Value } from '../../graph/graph.js';
import type { Builder } from '../../ops/builder.js';
import { tensor } from '../../tensor/tensor.js';
import type { Detector, FittedDetector } from './detector.js';
import { featureRows, featuresOf, tapValues } from './features.js';
import { type TiedGaussians, tiedGaussians } from './gaussian.js';

/**
 * Layers are combined by a plain sum of their distances: the paper weighs them by a regression on images outside, which
 * here nobody has. Its step along the gradient of the distance is left out for the same reason.
 */
export const mahalanobis: Detector = {
  title: 'Mahalanobis',
  source: 'Lee et al. 2018b; layers by a plain sum, no step along the gradient',
  learns: true,
  fit: async (context): Promise<FittedDetector> => {
    const { network, images, settings, batch } = context;
    const values = tapValues(network, settings.taps);
    const features = await featuresOf(context, network, images, values, batch);
    const layers = features.layers.map(({ data, width }) =>
      tiedGaussians(data, images.labels, width),
    );
    return {
      name: 'mahalanobis',
      settings: { taps: settings.taps ?? values, images: images.count },
      needsGradients: false,
      addScore: ({ b }) =>
        values
          .map((name, i) => nearestDistance(b, featureRows(b, name), layers[i] as TiedGaussians))
          .reduce((sum, distance) => b.Add(sum, distance)),
    };
  },
};

/** Squared distances by |z|² - 2 z·m + |m|² of whitened rows: one matrix product for all classes. */
function nearestDistance(b: Builder, rows: Value, gaussians: TiedGaussians): Value {
  const { width, classes, means, centre, whitening } = gaussians;
  const constant = (dims: readonly number[], data: Float64Array): Value =>
    b.constant(tensor('float32', dims, Float32Array.from(data)));
  const z = b.MatMul(
    b.Sub(rows, constant([1, width], centre)),
    constant([width, width], whitening),
  );
  const transposed = Float64Array.from(
    { length: width * classes },
    (_, i) => -2 * (means[(i % classes) * width + Math.floor(i / classes)] ?? 0),
  );
  const squares = Float64Array.from({ length: classes }, (_, c) =>
    means.subarray(c * width, (c + 1) * width).reduce((sum, value) => sum + value * value, 0),
  );
  const crossed = b.Add(
    b.MatMul(z, constant([width, classes], transposed)),
    constant([1, classes], squares),
  );
  const own = b.ReduceSum(b.Mul(z, z), [1], { keepdims: 0 });
  return b.Add(b.ReduceMin(crossed, [1], { keepdims: 0 }), own);
}
