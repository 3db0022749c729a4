/** Layers of networks: each adds its parameters and nodes to a builder, under the names that PyTorch gives them. */
import { internal } from '../errors.js';
import type { Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { filled, normal } from './init.js';

/** A convolution's window; the same along height and width. */
export interface ConvOptions {
  /** Height and width of the kernel; 1 where left out. */
  readonly kernel?: number;
  readonly stride?: number;
  /** Zeros on each side, or `full`: so many that every overlap of kernel and image counts. 0 where left out. */
  readonly pad?: number | 'full';
  readonly groups?: number;
  /** False before a normalisation, whose own bias makes another one idle. True where left out. */
  readonly bias?: boolean;
  /** Standard deviation of the initial weights; sqrt(2 / fan-in) where left out. */
  readonly std?: number;
}

/** A pool's window; stride that of the kernel, and no padding, where left out. */
export interface PoolOptions {
  readonly kernel: number;
  readonly stride?: number;
  readonly pad?: number;
  /** Whether a last window that is cut off by the border counts (Caffe's pools). */
  readonly ceil?: boolean;
}

/** Adds layers to one builder. Activations are float32 (batch, channels, height, width), or (batch, units). */
export interface Layers {
  readonly b: Builder;
  /** A convolution: `<name>.weight` (channels, channels of x / groups, kernel, kernel), `<name>.bias` (channels). */
  conv(name: string, x: Value, channels: number, options?: ConvOptions): Value;
  /** Batch normalisation in its inference form: `<name>.weight`, `.bias`, `.running_mean`, `.running_var`. */
  normalize(name: string, x: Value): Value;
  /**
   * A fully connected layer on (batch, units): `<name>.weight` (units, units of x), `<name>.bias` (units).
   * @param std of the initial weights; sqrt(2 / fan-in) where left out
   */
  linear(name: string, x: Value, units: number, std?: number): Value;
  maxPool(x: Value, options: PoolOptions): Value;
  averagePool(x: Value, options: PoolOptions): Value;
  /** The mean of every map: (batch, channels). */
  globalAverage(x: Value): Value;
  /** Drops elements in training (see `trainingForm`); in inference it does nothing. */
  dropout(x: Value, ratio: number): Value;
}

/** Size of a value's axis, which must be known: parameters are made to fit it. */
const sizeAt = (x: Value, axis: number): number => {
  const dim = x.shape[axis];
  return typeof dim === 'number' ? dim : internal(`axis ${axis} of "${x.name}" has no known size`);
};

const square = (size: number): [number, number] => [size, size];

/**
 * Layers whose initial weights follow from `seed` and their names: normal with standard deviation sqrt(2 / fan-in)
 * (He et al. 2015, equation 10), biases 0, normalisations the identity.
 */
export function layers(b: Builder, seed: number): Layers {
  const weight = (name: string, dims: readonly number[], std?: number): Value => {
    const fanIn = dims.slice(1).reduce((product, dim) => product * dim, 1);
    return b.parameter(name, normal(seed, name, dims, std ?? Math.sqrt(2 / fanIn)));
  };
  const vector = (name: string, size: number, value: number): Value =>
    b.parameter(name, filled([size], value));
  const pooled = ({ kernel, stride = kernel, pad = 0, ceil = false }: PoolOptions) => ({
    kernel_shape: square(kernel),
    strides: square(stride),
    pads: [...square(pad), ...square(pad)],
    ceil_mode: ceil ? 1 : 0,
  });
  return {
    b,
    conv(name, x, channels, options = {}) {
      const { kernel = 1, stride = 1, pad = 0, groups = 1, bias = true, std } = options;
      const border = pad === 'full' ? kernel - 1 : pad;
      const W = weight(`${name}.weight`, [channels, sizeAt(x, 1) / groups, kernel, kernel], std);
      return b.Conv(x, W, bias ? vector(`${name}.bias`, channels, 0) : null, {
        kernel_shape: square(kernel),
        strides: square(stride),
        pads: [...square(border), ...square(border)],
        group: groups,
      });
    },
    normalize(name, x) {
      const channels = sizeAt(x, 1);
      return b.BatchNormalization(
        x,
        vector(`${name}.weight`, channels, 1),
        vector(`${name}.bias`, channels, 0),
        b.initializer(`${name}.running_mean`, filled([channels], 0)),
        b.initializer(`${name}.running_var`, filled([channels], 1)),
      );
    },
    linear(name, x, units, std) {
      const W = weight(`${name}.weight`, [units, sizeAt(x, 1)], std);
      return b.Gemm(x, W, vector(`${name}.bias`, units, 0), { transB: 1 });
    },
    maxPool: (x, options) => b.MaxPool(x, pooled(options)),
    averagePool: (x, options) => b.AveragePool(x, pooled(options)),
    globalAverage: (x) => b.Flatten(b.GlobalAveragePool(x)),
    dropout: (x, ratio) => b.Dropout(x, ratio),
  };
}
