/** The decoder of convolutions: every layer of the encoder taken back, as the official code does it. */
import type { Value } from '../../graph/graph.js';
import { filled, normal } from '../../nn/init.js';
import { batchStatistics, normalizeExamples } from '../../nn/normalization.js';
import type { Builder } from '../../ops/builder.js';
import { sizeOf } from '../../tensor/shape.js';
import { combine } from './combinator.js';
import { epsilon } from './config.js';
import type { ConvLadderConfig, ConvLayer, ConvNetworkShape } from './conv-config.js';
import { type ConvPass, convAttributes, kernelDims, uniform } from './conv-encoder.js';

/**
 * Adds the decoder down to layer `lowest`.
 * @param noisy the pass of the corrupted unlabelled examples
 * @returns z^ by layer, of the shape of its z, from `lowest` to the top
 */
export function decodeConv(
  b: Builder,
  config: ConvLadderConfig,
  network: ConvNetworkShape,
  noisy: ConvPass,
  lowest: number,
): ReadonlyMap<number, Value> {
  const top = network.layers.length;
  const widths = [config.shape[0], ...network.layers.map(({ output }) => output[0] ?? 1)];
  const settings = { ...config, widths };
  const estimates = new Map<number, Value>();
  let above = b.Softmax(noisy.logits, { axis: 0 });
  for (let l = top; l >= lowest; l--)
    b.within(`decoder.${l}`, () => {
      const layer = network.layers[l];
      const u = layer ? takenBack(b, config, layer, above) : normalized(b, above);
      above = combine(b, settings, l, noisy.z[l] as Value, u);
      estimates.set(l, above);
    });
  return estimates;
}

/** u of the layer below `layer`, from z^ of that layer: normalised, and of a shape that broadcasts to z below. */
function takenBack(b: Builder, config: ConvLadderConfig, layer: ConvLayer, above: Value): Value {
  switch (layer.layer.kind) {
    case 'conv': {
      const V = kernel(b, config, layer);
      return normalized(b, b.ConvTranspose(above, V, null, convAttributes(layer.layer)));
    }
    case 'maxPool':
      return normalized(b, spread(b, layer, above));
    // A number a map, for every position of it; its statistics are those of the examples.
    case 'globalAverage':
      return b.Unsqueeze(b.Transpose(normalized(b, above), { perm: [1, 0] }), [2, 3]);
    case 'linear': {
      const { l, input, output } = layer;
      const name = `decoder.${l - 1}.V`;
      const dims = [...input, ...output];
      const V = b.parameter(name, normal(config.seed, name, dims, (output[0] ?? 1) ** -0.5));
      return normalized(b, b.Gemm(V, above));
    }
  }
}

/**
 * V of a convolution taken back: (channels, channels below, kernel, kernel), as a transposed convolution has it. With
 * border `valid` that is a convolution with border `full`, and the other way round.
 */
function kernel(b: Builder, { seed }: ConvLadderConfig, layer: ConvLayer): Value {
  const name = `decoder.${layer.l - 1}.V`;
  const dims = kernelDims(layer);
  const [channels = 1, , ...sizes] = dims;
  return b.parameter(name, uniform(seed, name, dims, channels * sizeOf(sizes)));
}

/** Every element over the 2 x 2 that it was pooled from, cut off where the last windows were. */
function spread(b: Builder, { input }: ConvLayer, above: Value): Value {
  const [n = 1, channels = 1, height = 1, width = 1] = above.shape as readonly number[];
  const each = b.Expand(b.Unsqueeze(above, [3, 5]), [n, channels, height, 2, width, 2]);
  const whole = b.Reshape(each, [n, channels, 2 * height, 2 * width]);
  const [, wantedHeight = 1, wantedWidth = 1] = input;
  if (wantedHeight === 2 * height && wantedWidth === 2 * width) return whole;
  return b.Slice(whole, [0, 0], [wantedHeight, wantedWidth], [2, 3]);
}

/** Normalised by unit or map, without affine part. */
function normalized(b: Builder, x: Value): Value {
  if (x.shape.length === 2) return normalizeExamples(b, x, epsilon).value;
  const { mean, variance } = batchStatistics(b, x);
  const channels = x.shape[1] as number;
  const [ones, zeros] = [b.constant(filled([channels], 1)), b.constant(filled([channels], 0))];
  return b.BatchNormalization(x, ones, zeros, mean, variance, { epsilon });
}
