/**
 * The encoder of convolutions. Each group of examples is a pass of its own through the same weights, normalised by
 * statistics of its own; every layer is normalised and gets noise, the pools too (official code).
 *
 * Maps are (n, channels, height, width). Behind the last of them activations are (units, n), as in the fully connected
 * ladder.
 */
import type { Value } from '../../graph/graph.js';
import { filled, normal } from '../../nn/init.js';
import type { LadderLayer } from '../../nn/models/ladder-conv.js';
import { batchStatistics, type Normalized, normalizeExamples } from '../../nn/normalization.js';
import type { Builder } from '../../ops/builder.js';
import { fillUniform, streamKey } from '../../tensor/random.js';
import { sizeOf } from '../../tensor/shape.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { epsilon } from './config.js';
import type { ConvLadderConfig, ConvLayer, ConvNetworkShape } from './conv-config.js';
import { type Group, weight } from './encoder.js';

/** What became of one group. */
export interface ConvPass {
  /** z by layer, noisy unless the group is clean; from the input, l = 0, up. */
  readonly z: readonly Value[];
  /**
   * From l = 1 on: mean and inverse deviation by which a layer was normalised, in a shape that broadcasts against its z.
   */
  readonly statistics: readonly Pick<Normalized, 'mean' | 'inverseStd'>[];
  /** What the last layer gives: before the softmax, (classes, n), where it is the top. */
  readonly logits: Value;
}

/**
 * Adds the pass of one group.
 * @param image float32 (n, channels, height, width), as the network takes it
 * @param wanted layers whose z somebody reads; of rectified ones below, z holds the shifted one, a pass over it cheaper
 */
export function encodeConv(
  b: Builder,
  config: ConvLadderConfig,
  network: ConvNetworkShape,
  image: Value,
  group: Group,
  wanted: { readonly from: number } = { from: network.layers.length },
): ConvPass {
  const corrupted = (x: Value, l: number, deviation: number): Value => {
    if (group === 'clean' || deviation === 0) return x;
    const shape = x.shape as readonly number[];
    return b.Add(x, b.random(`noise.${l}.${group}`, shape, 'normal', deviation));
  };
  let h = corrupted(image, 0, config.inputNoise);
  const z = [h];
  const statistics: Pick<Normalized, 'mean' | 'inverseStd'>[] = [];
  for (const layer of network.layers)
    b.within(`encoder.${layer.l}.${group}`, () => {
      const beta = layer.rectified ? shift(b, layer) : null;
      // Where nobody asks for z, its normalisation shifts it on the way.
      const early = layer.l >= wanted.from ? null : beta;
      const normalized = normalize(b, layer, linearPart(b, config, layer, h), early);
      statistics.push(normalized);
      const noisy = corrupted(normalized.value, layer.l, config.layerNoise);
      z.push(noisy);
      const shifted = beta && !early ? b.Add(noisy, overMaps(b, layer, beta)) : noisy;
      h = beta ? rectifier(b, network.slope, shifted) : shifted;
      if (layer.isTop) h = affine(b, network, layer, noisy);
    });
  return { z, statistics, logits: h };
}

/** What a layer does before it is normalised. */
function linearPart(b: Builder, config: ConvLadderConfig, layer: ConvLayer, h: Value): Value {
  switch (layer.layer.kind) {
    case 'conv':
      return b.Conv(h, convWeight(b, config, layer), null, convAttributes(layer.layer));
    case 'maxPool':
      return b.MaxPool(h, poolAttributes);
    case 'globalAverage':
      return b.Transpose(b.Flatten(b.GlobalAveragePool(h)), { perm: [1, 0] });
    case 'linear':
      return b.Gemm(linearWeight(b, config, layer), h);
  }
}

/** Windows of 2 x 2, a last one that is cut off by the border among them. */
export const poolAttributes = { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 };

/** Attributes of a convolution, or of the transposed one that takes it back. */
export function convAttributes({ kernel, border }: Extract<LadderLayer, { kind: 'conv' }>): {
  kernel_shape: number[];
  pads: number[];
} {
  const pad = border === 'full' ? kernel - 1 : 0;
  return { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad] };
}

const parameterName = ({ l }: ConvLayer, name: string): string => `encoder.${l - 1}.${name}`;

/** W of a convolution, (channels, channels below, kernel, kernel). */
function convWeight(b: Builder, config: ConvLadderConfig, layer: ConvLayer): Value {
  const name = parameterName(layer, 'W');
  const dims = kernelDims(layer);
  return weight(b, name, () => uniform(config.seed, name, dims, sizeOf(dims.slice(1))));
}

/** (channels, channels below, kernel, kernel) of a convolution, for the decoder too. */
export function kernelDims({ layer, input, output }: ConvLayer): number[] {
  const kernel = layer.kind === 'conv' ? layer.kernel : 1;
  return [output[0] ?? 1, input[0] ?? 1, kernel, kernel];
}

/** A convolution's initial weights: uniform within sqrt(3 / fan-in), a deviation of 1 / sqrt(fan-in) (official code). */
export function uniform(
  seed: number,
  name: string,
  dims: readonly number[],
  fanIn: number,
): Tensor {
  const bound = Math.sqrt(3 / fanIn);
  const unit = new Float32Array(sizeOf(dims));
  fillUniform(unit, streamKey(seed, 0, `initial/${name}`));
  return tensor(
    'float32',
    dims,
    unit.map((value) => bound * (2 * value - 1)),
  );
}

function linearWeight(b: Builder, config: ConvLadderConfig, layer: ConvLayer): Value {
  const [inputs = 1] = layer.input;
  const name = parameterName(layer, 'W');
  const dims = [...layer.output, inputs];
  return weight(b, name, () => normal(config.seed, name, dims, 1 / Math.sqrt(inputs)));
}

/** beta, (channels). */
function shift(b: Builder, layer: ConvLayer): Value {
  return weight(b, parameterName(layer, 'beta'), () => filled([layer.output[0] ?? 1], 0));
}

/** One number a channel in a shape that broadcasts against the layer's z. */
function overMaps(b: Builder, { output }: ConvLayer, value: Value): Value {
  return b.Unsqueeze(value, output.length === 1 ? [1] : [1, 2]);
}

/** z normalised by channel over examples and positions, plus beta. */
function normalize(b: Builder, layer: ConvLayer, z: Value, beta: Value | null): Normalized {
  const [channels = 1] = layer.output;
  // Over few numbers the exact form costs nothing; means of maps may be many deviations large.
  if (layer.output.length === 1) {
    const normalized = normalizeExamples(b, z, epsilon);
    const { value } = normalized;
    return { ...normalized, value: beta ? b.Add(value, overMaps(b, layer, beta)) : value };
  }
  const { mean, variance } = batchStatistics(b, z);
  const ones = b.constant(filled([channels], 1));
  const B = beta ?? b.constant(filled([channels], 0));
  return {
    value: b.BatchNormalization(z, ones, B, mean, variance, { epsilon }),
    mean: overMaps(b, layer, mean),
    inverseStd: overMaps(b, layer, b.Reciprocal(b.Sqrt(b.Add(variance, epsilon)))),
  };
}

/** A rectifier, leaky where the slope is not 0. */
export function rectifier(b: Builder, slope: number, x: Value): Value {
  return slope === 0 ? b.Relu(x) : b.LeakyRelu(x, { alpha: slope });
}

/** gamma (z + beta) at the top; some networks have no gamma there. */
function affine(b: Builder, { topGamma }: ConvNetworkShape, layer: ConvLayer, z: Value): Value {
  const shifted = b.Add(z, overMaps(b, layer, shift(b, layer)));
  if (!topGamma) return shifted;
  const gamma = weight(b, parameterName(layer, 'gamma'), () => filled(layer.output, 1));
  return b.Mul(shifted, overMaps(b, layer, gamma));
}
