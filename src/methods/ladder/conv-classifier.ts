/**
 * The trained encoder of convolutions as an ordinary classifier: normalisation folded into the weights and biases of
 * convolutions and fully connected layers. Pools keep theirs as BatchNormalization, since a shift cannot pass the zeros
 * that pad the maps behind them.
 */
import { internal } from '../../errors.js';
import { type Model, model, type Value } from '../../graph/graph.js';
import { filled } from '../../nn/init.js';
import { type Builder, builder } from '../../ops/builder.js';
import { prune } from '../../ops/rewrite/prune.js';
import type { Runtime } from '../../runtime/runtime.js';
import { sizeOf } from '../../tensor/shape.js';
import { type Tensor, tensor, toNumbers } from '../../tensor/tensor.js';
import type { Images } from './batches.js';
import {
  type Classify,
  classifierFrom,
  foldLayer,
  type Parameters,
  type Statistics,
  statisticsFrom,
} from './classifier.js';
import { epsilon } from './config.js';
import { type ConvLadderConfig, type ConvLayer, networkShape } from './conv-config.js';
import {
  convAttributes,
  encodeConv,
  kernelDims,
  poolAttributes,
  rectifier,
} from './conv-encoder.js';
import { whiten, whiteningNames } from './whitening.js';

/**
 * Rows of pixels in [0, 1], (n, pixels), as images that the network takes.
 * @param whitening as `whiteningOf` gives it; null where the config has none
 */
export function prepared(
  b: Builder,
  { shape }: ConvLadderConfig,
  rows: Value,
  whitening: Parameters | null,
): Value {
  const part = (name: string): Value =>
    b.values.get(name) ?? b.initializer(name, whitening?.get(name) ?? internal(`no ${name}`));
  const { mean, matrix } = whiteningNames;
  const pixels = whitening ? whiten(b, rows, part(mean), part(matrix)) : rows;
  return b.Reshape(pixels, [0, ...shape]);
}

/** A function that gives the statistics for testing of every layer, as `statisticsOf` does. */
export async function convStatisticsOf(
  runtime: Runtime,
  config: ConvLadderConfig,
  labelled: Images,
  whitening: Parameters | null,
): Promise<(parameters: Parameters) => Promise<Statistics>> {
  const network = networkShape(config);
  const units = network.layers.map(({ output }) => output[0] ?? 1);
  return statisticsFrom(runtime, config, labelled, units, (b, rows) => {
    const image = prepared(b, config, rows, whitening);
    return encodeConv(b, config, network, image, 'clean').statistics;
  });
}

/**
 * The classifier's weights: `layer.<l>.weight` and `.bias` of convolutions and fully connected layers, `.scale`,
 * `.shift`, `.mean` and `.variance` of pools, and the whitening.
 */
export function foldConv(
  config: ConvLadderConfig,
  parameters: Parameters,
  { mean, variance }: Statistics,
  whitening: Parameters | null,
): Map<string, Tensor<'float32'>> {
  const folded = new Map<string, Tensor<'float32'>>(
    [...(whitening ?? [])].map(([name, value]) => [name, value as Tensor<'float32'>]),
  );
  for (const layer of networkShape(config).layers) {
    const { l } = layer;
    const [means = new Float64Array(0), variances = new Float64Array(0)] = [
      mean[l - 1],
      variance[l - 1],
    ];
    if (isPool(layer)) keepLayer(folded, parameters, layer, means, variances);
    else foldLayer(folded, parameters, l, means, variances);
  }
  return folded;
}

const isPool = ({ layer: { kind } }: ConvLayer): boolean =>
  kind === 'maxPool' || kind === 'globalAverage';

/** Adds the normalisation of a pool: gamma (z - mean) / sqrt(variance + epsilon) + gamma beta. */
function keepLayer(
  folded: Map<string, Tensor<'float32'>>,
  parameters: Parameters,
  { l, output: [channels = 1] }: ConvLayer,
  means: ArrayLike<number>,
  variances: ArrayLike<number>,
): void {
  const given = (name: string, value: number): number[] => {
    const parameter = parameters.get(`encoder.${l - 1}.${name}`);
    return parameter ? toNumbers(parameter) : new Array<number>(channels).fill(value);
  };
  const [gamma, beta] = [given('gamma', 1), given('beta', 0)];
  const vectors = {
    scale: gamma,
    shift: gamma.map((value, i) => value * (beta[i] ?? 0)),
    mean: Array.from(means),
    variance: Array.from(variances),
  };
  for (const [name, values] of Object.entries(vectors))
    folded.set(`layer.${l}.${name}`, tensor('float32', [channels], values));
}

/** `pixel_values` float32 (batch, channels, height, width) in [0, 1] to `logits` and `probabilities`, (batch, classes). */
function convClassifierGraph(config: ConvLadderConfig, weights?: Parameters): Builder {
  const { shape, whitening } = config;
  const network = networkShape(config);
  const b = builder();
  const parameter = (name: string, dims: readonly number[]): Value =>
    b.parameter(name, weights?.get(name) ?? filled(dims, 0));
  let h = b.input('pixel_values', 'float32', ['batch', ...shape]);
  if (whitening === 'zca') {
    const pixels = sizeOf(shape);
    const mean = parameter(whiteningNames.mean, [pixels]);
    const matrix = parameter(whiteningNames.matrix, [pixels, pixels]);
    h = b.Reshape(whiten(b, b.Flatten(h), mean, matrix), [0, ...shape]);
  }
  for (const layer of network.layers) {
    const z = testLayer(b, layer, h, (name, dims) => parameter(`layer.${layer.l}.${name}`, dims));
    h = layer.rectified ? rectifier(b, network.slope, z) : z;
  }
  b.output(h, 'logits');
  b.output(b.Softmax(h, { axis: 1 }), 'probabilities');
  return b;
}

/** What a layer does before its rectifier, normalised by fixed statistics. Units are (batch, units) here. */
function testLayer(
  b: Builder,
  layer: ConvLayer,
  h: Value,
  parameter: (name: string, dims: readonly number[]) => Value,
): Value {
  const { layer: kind, input, output } = layer;
  const vector = (name: string): Value => parameter(name, output.slice(0, 1));
  if (kind.kind === 'conv') {
    const W = parameter('weight', kernelDims(layer));
    return b.Conv(h, W, vector('bias'), convAttributes(kind));
  }
  if (kind.kind === 'linear') {
    const W = parameter('weight', [...output, ...input]);
    return b.Gemm(h, W, vector('bias'), { transB: 1 });
  }
  const pooled =
    kind.kind === 'maxPool' ? b.MaxPool(h, poolAttributes) : b.Flatten(b.GlobalAveragePool(h));
  const [scale, shift] = [vector('scale'), vector('shift')];
  const [mean, variance] = [vector('mean'), vector('variance')];
  return b.BatchNormalization(pooled, scale, shift, mean, variance, { epsilon });
}

/** The finished model, to be written to a file. `metadata` says what classes and pixels it expects. */
export function convClassifierModel(
  config: ConvLadderConfig,
  weights: Parameters,
  metadata: Readonly<Record<string, string>>,
): Model {
  const graph = convClassifierGraph(config, weights).build('ladder-classifier');
  return model(prune(graph), metadata);
}

/** A function that gives class probabilities of images under given weights, without building a model. */
export function convClassifier(runtime: Runtime, config: ConvLadderConfig): Promise<Classify> {
  // Ours: the maps of a hundred images fit into the caches better than those of a thousand.
  return classifierFrom(runtime, convClassifierGraph(config), config.shape, 100);
}
