/** Distance to the k-th nearest of the images inside, on features of length 1 (Sun et al. 2022). */
import { DataError, UsageError } from '../../errors.js';
import { tensor } from '../../tensor/tensor.js';
import type { Detector, FittedDetector } from './detector.js';
import { featureRows, featuresOf, tapValues } from './features.js';

/** The paper's for CIFAR-10, of 50,000 images; of fewer, as large a share, but at least 1. */
const usualNeighbours = 50;
const usualImages = 50_000;
/** Below this a row of features counts as 0, and is not divided by its length. */
const shortest = 1e-12;

export const knn: Detector = {
  title: 'k nearest neighbours',
  source: 'Sun et al. 2022, k of 50 in 50,000 as there',
  learns: true,
  fit: async (context): Promise<FittedDetector> => {
    const { network, images, settings, batch } = context;
    const usual = Math.max(1, Math.round((images.count * usualNeighbours) / usualImages));
    const k = settings.neighbours ?? usual;
    if (!Number.isInteger(k) || k < 1)
      throw new UsageError(`invalid number of neighbours ${k}: give a whole number from 1 on`, {
        actual: k,
      });
    if (k > images.count)
      throw new DataError(
        `the ${k}th neighbour cannot be found among ${images.count} images: give more images, or fewer neighbours`,
        { expected: k, actual: images.count },
      );
    const [value = ''] = tapValues(network, settings.taps?.slice(0, 1));
    const { layers } = await featuresOf(context, network, images, [value], batch);
    const { width = 0, data = new Float32Array() } = layers[0] ?? {};
    const bank = columnsOfLengthOne(data, images.count, width);
    return {
      name: 'knn',
      settings: { tap: settings.taps?.[0] ?? value, neighbours: k, images: images.count },
      needsGradients: false,
      addScore({ b }) {
        const rows = featureRows(b, value);
        const length = b.Sqrt(b.ReduceSum(b.Mul(rows, rows), [1], { keepdims: 1 }));
        const unit = b.Div(rows, b.Max(length, shortest));
        const likeness = b.MatMul(unit, b.constant(tensor('float32', [width, images.count], bank)));
        const [largest = likeness] = b.node('TopK', [likeness, [k]], { axis: 1 });
        // |u - v|² = 2 - 2 u·v of rows of length 1.
        const kth = b.ReduceMin(largest, [1], { keepdims: 0 });
        return b.Sqrt(b.Relu(b.Sub(2, b.Mul(kth, 2))));
      },
    };
  },
};

/** The rows brought to length 1, as columns: (width, count). */
function columnsOfLengthOne(data: Float32Array, count: number, width: number): Float32Array {
  const columns = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    let squares = 0;
    for (let f = 0; f < width; f++) squares += (data[i * width + f] as number) ** 2;
    const length = Math.max(Math.sqrt(squares), shortest);
    for (let f = 0; f < width; f++)
      columns[f * count + i] = (data[i * width + f] as number) / length;
  }
  return columns;
}
