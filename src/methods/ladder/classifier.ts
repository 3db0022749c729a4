/** The trained encoder as an ordinary classifier: normalisation folded into weights and biases. */
import { internal } from '../../errors.js';
import { type Model, model, type Value } from '../../graph/graph.js';
import { filled } from '../../nn/init.js';
import type { Normalized } from '../../nn/normalization.js';
import { type Builder, builder } from '../../ops/builder.js';
import { prune } from '../../ops/rewrite/prune.js';
import type { Runtime, Session } from '../../runtime/runtime.js';
import { permutation, streamKey } from '../../tensor/random.js';
import { sizeOf } from '../../tensor/shape.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import type { Images } from './batches.js';
import { epsilon, type LadderConfig } from './config.js';
import { encode } from './encoder.js';

/** Mean and variance of every unit before normalisation, by layer from 1 on. */
export interface Statistics {
  readonly mean: readonly Float64Array[];
  readonly variance: readonly Float64Array[];
}

export type Parameters = ReadonlyMap<string, Tensor>;

/** What of a ladder's config says which batches there are. */
type BatchSettings = Pick<LadderConfig, 'batchSize' | 'seed'>;

/**
 * A function that gives the statistics for testing: the clean path over the labelled images alone, averaged over
 * batches, the variance times n / (n - 1) (official code: with 100 labels they come from those 100 images).
 */
export async function statisticsOf(
  runtime: Runtime,
  config: LadderConfig,
  labelled: Images,
): Promise<(parameters: Parameters) => Promise<Statistics>> {
  const [pixels = 1, ...units] = config.widths;
  return statisticsFrom(runtime, config, labelled, units, (b, rows) => {
    const n = rows.shape[0] as number;
    const x = b.Reshape(b.Transpose(rows, { perm: [1, 0] }), [pixels, 1, n]);
    const { layers } = encode(b, config, x, ['clean'], units.length);
    return layers.slice(1).map(({ clean }) => clean ?? internal('the encoder left out a layer'));
  });
}

/**
 * As `statisticsOf`, for any encoder.
 * @param units number of means of each layer, from 1 on
 * @param encoder adds the clean pass of rows of pixels, (n, pixels), and gives what each layer was normalised by
 */
export async function statisticsFrom(
  runtime: Runtime,
  config: BatchSettings,
  labelled: Images,
  units: readonly number[],
  encoder: (b: Builder, rows: Value) => readonly Pick<Normalized, 'mean' | 'inverseStd'>[],
): Promise<(parameters: Parameters) => Promise<Statistics>> {
  const pixels = labelled.images.length / labelled.count;
  const n = Math.min(config.batchSize, labelled.count);
  const batches = Math.floor(labelled.count / n);
  // In a random order: labelled images often come class by class, and a batch of one class varies too little.
  const order = permutation(labelled.count, streamKey(config.seed, 0, 'order/statistics'));
  const b = builder();
  const rows = b.input('labelled', 'float32', [n, pixels]);
  encoder(b, rows).forEach(({ mean, inverseStd }, i) => {
    b.output(mean, `mean.${i + 1}`);
    b.output(inverseStd, `inverseStd.${i + 1}`);
  });
  const session = await runtime.load(model(b.build('statistics', 'inputs')));

  return async (parameters) => {
    const mean = units.map((count) => new Float64Array(count));
    const variance = units.map((count) => new Float64Array(count));
    for (let batch = 0; batch < batches; batch++) {
      const chosen = order.subarray(batch * n, (batch + 1) * n);
      const results = await session.run({
        ...feedsOf(session, parameters),
        labelled: tensor('float32', [n, pixels], chosenPixels(labelled, chosen, pixels)),
      });
      units.forEach((count, i) => {
        for (let unit = 0; unit < count; unit++) {
          const inverse = Number(results[`inverseStd.${i + 1}`]?.data[unit]);
          const unbiased = (1 / inverse ** 2 - epsilon) * (n / Math.max(1, n - 1));
          add(mean[i], unit, Number(results[`mean.${i + 1}`]?.data[unit]) / batches);
          add(variance[i], unit, unbiased / batches);
        }
      });
    }
    return { mean, variance };
  };
}

function add(array: Float64Array | undefined, i: number, value: number): void {
  if (array) array[i] = (array[i] ?? 0) + value;
}

function feedsOf(session: Session, parameters: Parameters): Record<string, Tensor> {
  return Object.fromEntries([...parameters].filter(([name]) => session.inputs.includes(name)));
}

/** Rows of pixels of the images at `indices`, in [0, 1]. */
function chosenPixels(set: Images, indices: Uint32Array, pixels: number): Float32Array {
  const rows = new Float32Array(indices.length * pixels);
  indices.forEach((index, row) => {
    rows.set(pixelsOf(set, index, 1, pixels), row * pixels);
  });
  return rows;
}

/** Rows of pixels in [0, 1]. */
export function pixelsOf(set: Images, from: number, count: number, pixels: number): Float32Array {
  return Float32Array.from(
    set.images.subarray(from * pixels, (from + count) * pixels),
    (byte) => byte / 255,
  );
}

/**
 * Weights and biases of the classifier: for unit o, gamma (W h - mean) / sqrt(variance + epsilon) + gamma beta, as one
 * row of weights and one bias.
 */
export function foldNormalization(
  config: LadderConfig,
  parameters: Parameters,
  { mean, variance }: Statistics,
): Map<string, Tensor<'float32'>> {
  const folded = new Map<string, Tensor<'float32'>>();
  for (let l = 1; l < config.widths.length; l++)
    foldLayer(folded, parameters, l, mean[l - 1] ?? [], variance[l - 1] ?? []);
  return folded;
}

/** Adds weight, of the dimensions of W, and bias of layer l to `folded`. */
export function foldLayer(
  folded: Map<string, Tensor<'float32'>>,
  parameters: Parameters,
  l: number,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
): void {
  const array = (name: string): Float32Array | null =>
    (parameters.get(`encoder.${l - 1}.${name}`)?.data as Float32Array | undefined) ?? null;
  const { dims, data: W } = parameters.get(`encoder.${l - 1}.W`) ?? internal(`no W of layer ${l}`);
  const units = dims[0] ?? 1;
  const inputs = W.length / units;
  const [beta, gamma] = [array('beta'), array('gamma')];
  const weights = new Float32Array(W.length);
  const bias = new Float32Array(units);
  for (let o = 0; o < units; o++) {
    const scale = (gamma?.[o] ?? 1) / Math.sqrt((variance[o] ?? 0) + epsilon);
    for (let k = o * inputs; k < (o + 1) * inputs; k++) weights[k] = Number(W[k]) * scale;
    bias[o] = (gamma?.[o] ?? 1) * (beta?.[o] ?? 0) - (mean[o] ?? 0) * scale;
  }
  folded.set(`layer.${l}.weight`, tensor('float32', dims, weights));
  folded.set(`layer.${l}.bias`, tensor('float32', [units], bias));
}

/**
 * The classifier's graph: `pixel_values` float32 (batch, channels, height, width) in [0, 1] to `logits` and
 * `probabilities`, float32 (batch, classes).
 */
function classifierGraph(
  config: LadderConfig,
  shape: readonly number[],
  weights?: Parameters,
): Builder {
  const b = builder();
  let h = b.Flatten(b.input('pixel_values', 'float32', ['batch', ...shape]));
  const top = config.widths.length - 1;
  for (let l = 1; l <= top; l++) {
    const dims = [config.widths[l] ?? 1, config.widths[l - 1] ?? 1];
    const parameter = (name: string, size: readonly number[]) =>
      b.parameter(name, weights?.get(name) ?? filled(size, 0));
    const W = parameter(`layer.${l}.weight`, dims);
    const z = b.Gemm(h, W, parameter(`layer.${l}.bias`, dims.slice(0, 1)), { transB: 1 });
    h = l === top ? z : b.Relu(z);
  }
  b.output(h, 'logits');
  b.output(b.Softmax(h, { axis: 1 }), 'probabilities');
  return b;
}

/** The finished model, to be written to a file. `metadata` says what classes and pixels it expects. */
export function classifierModel(
  config: LadderConfig,
  shape: readonly number[],
  weights: Parameters,
  metadata: Readonly<Record<string, string>>,
): Model {
  const graph = classifierGraph(config, shape, weights).build('ladder-classifier');
  return model(prune(graph), metadata);
}

/** Class probabilities, (count, classes), of images under given weights. */
export type Classify = (weights: Parameters, set: Images) => Promise<Tensor<'float32'>>;

/** A function that gives class probabilities without building a model. */
export async function classifier(
  runtime: Runtime,
  config: LadderConfig,
  shape: readonly number[],
): Promise<Classify> {
  return classifierFrom(runtime, classifierGraph(config, shape), shape, 1000);
}

/**
 * As `classifier`, for any graph of a classifier with parameters.
 * @param largest images that go through it at a time
 */
export async function classifierFrom(
  runtime: Runtime,
  b: Builder,
  shape: readonly number[],
  largest: number,
): Promise<Classify> {
  const session = await runtime.load(model(b.build('ladder-classifier', 'inputs')));
  const classes = b.outputs.at(-1)?.shape[1] as number;
  const pixels = sizeOf(shape);
  return async (weights, set) => {
    const probabilities = new Float32Array(set.count * classes);
    for (let from = 0; from < set.count; from += largest) {
      const count = Math.min(largest, set.count - from);
      const data = pixelsOf(set, from, count, pixels);
      const results = await session.run({
        ...Object.fromEntries(weights),
        pixel_values: tensor('float32', [count, ...shape], data),
      });
      probabilities.set(results['probabilities']?.data as Float32Array, from * classes);
    }
    return tensor('float32', [set.count, classes], probabilities);
  };
}
