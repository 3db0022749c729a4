/**
 * The convolutional networks of the ladder paper (Rasmus et al. 2015, sections 4.1.2 and 4.2, layer by layer as in the
 * official code): Conv-Small for MNIST, Conv-Large for CIFAR-10. As data, because the ladder trains them with noise
 * and costs of its own, and plain because they are classifiers like others.
 */
import type { Architecture } from './architecture.js';

/**
 * A layer: a convolution with its border, a max-pool of 2x2, the mean of every map, or a fully connected layer. A last
 * window that the border cuts off counts, as in the pools of the Theano that the official code was written for: 15 rows
 * become 8.
 */
export type LadderLayer =
  | {
      readonly kind: 'conv';
      readonly channels: number;
      readonly kernel: number;
      /** `valid`: no zeros around. `full`: so many that every overlap of kernel and image counts. */
      readonly border: 'valid' | 'full';
    }
  | { readonly kind: 'maxPool' }
  | { readonly kind: 'globalAverage' }
  | { readonly kind: 'linear'; readonly units: number };

const conv = (
  channels: number,
  kernel: number,
  border: 'valid' | 'full' = 'valid',
): LadderLayer => ({
  kind: 'conv',
  channels,
  kernel,
  border,
});
const maxPool: LadderLayer = { kind: 'maxPool' };
const globalAverage: LadderLayer = { kind: 'globalAverage' };

/** What the ladder's encoder is made of; its decoder mirrors it. */
export interface LadderArchitecture {
  readonly input: readonly [channels: number, height: number, width: number];
  readonly layers: readonly LadderLayer[];
  /** Slope of the rectifiers where their input is negative. */
  readonly slope: number;
}

/** Conv-Small, for MNIST. */
export const convSmallLayers: LadderArchitecture = {
  input: [1, 28, 28],
  slope: 0,
  layers: [
    conv(32, 5, 'full'),
    maxPool,
    conv(64, 3),
    conv(64, 3, 'full'),
    maxPool,
    conv(128, 3),
    conv(10, 1),
    globalAverage,
    { kind: 'linear', units: 10 },
  ],
};

/** Conv-Large, for CIFAR-10. */
export const convLargeLayers: LadderArchitecture = {
  input: [3, 32, 32],
  slope: 0.1,
  layers: [
    ...[conv(96, 3), conv(96, 3, 'full'), conv(96, 3, 'full'), maxPool],
    ...[conv(192, 3), conv(192, 3, 'full'), conv(192, 3), maxPool],
    ...[conv(192, 3), conv(192, 1), conv(10, 1), globalAverage],
  ],
};

/** The network without noise and costs, batch normalisation before every rectifier; the last layer is left as it is. */
function plain(title: string, { input, layers, slope }: LadderArchitecture): Architecture {
  const top = layers.findLastIndex(({ kind }) => kind === 'conv' || kind === 'linear');
  return {
    title,
    input,
    classes: 10,
    build(net, image, classes, width) {
      const activated = (name: string, x: typeof image): typeof image => {
        const z = net.normalize(`${name}.norm`, x);
        return slope === 0 ? net.b.Relu(z) : net.b.LeakyRelu(z, { alpha: slope });
      };
      return layers.reduce((x, layer, i) => {
        const name = `layers.${i}`;
        if (layer.kind === 'maxPool') return net.maxPool(x, { kernel: 2, ceil: true });
        if (layer.kind === 'globalAverage') return net.globalAverage(x);
        const isTop = i === top;
        if (layer.kind === 'linear') return net.linear(name, x, isTop ? classes : layer.units);
        const channels = isTop ? classes : Math.round(layer.channels * width);
        const pad = layer.border === 'full' ? 'full' : 0;
        const y = net.conv(name, x, channels, { kernel: layer.kernel, pad, bias: isTop });
        return isTop ? y : activated(name, y);
      }, image);
    },
  };
}

/** The classifier of Conv-Small alone. */
export const convSmall = plain(
  'Conv-Small of the ladder paper (Rasmus et al. 2015)',
  convSmallLayers,
);
/** The classifier of Conv-Large alone. */
export const convLarge = plain(
  'Conv-Large of the ladder paper (Rasmus et al. 2015)',
  convLargeLayers,
);
