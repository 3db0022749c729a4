/** The VGG family by configuration (Simonyan and Zisserman 2015, Table 1): 3x3 convolutions, pools between. */
import type { Value } from '../../graph/graph.js';
import type { Layers } from '../layers.js';
import type { Architecture } from './architecture.js';

/** Channels of the convolutions between one pool and the next. */
type Blocks = readonly (readonly number[])[];

const configurations = {
  11: [[64], [128], [256, 256], [512, 512], [512, 512]],
  13: [
    [64, 64],
    [128, 128],
    [256, 256],
    [512, 512],
    [512, 512],
  ],
  16: [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, 512],
    [512, 512, 512],
  ],
  19: [
    [64, 64],
    [128, 128],
    [256, 256, 256, 256],
    [512, 512, 512, 512],
    [512, 512, 512, 512],
  ],
} as const satisfies Record<number, Blocks>;

/** How the convolutions are made. */
interface FeatureOptions {
  readonly width: number;
  readonly normal?: boolean;
  /** Initial weights by the maps that a layer makes rather than by those that it reads (He et al. 2015, equation 14). */
  readonly byOutputs?: boolean;
  /** A last window of a pool that is cut off counts: 28 pixels become 1 as 32 do. */
  readonly ceil?: boolean;
}

/** Convolutions and pools; the parameters are numbered as torchvision numbers the layers. */
function features(
  net: Layers,
  image: Value,
  blocks: Blocks,
  { width, normal = false, byOutputs = false, ceil = false }: FeatureOptions,
): Value {
  let x = image;
  let at = 0;
  for (const block of blocks) {
    for (const channels of block) {
      const made = Math.round(channels * width);
      const std = byOutputs ? { std: Math.sqrt(2 / (9 * made)) } : {};
      x = net.conv(`features.${at}`, x, made, { kernel: 3, pad: 1, ...std });
      if (normal) x = net.normalize(`features.${at + 1}`, x);
      x = net.b.Relu(x);
      at += normal ? 3 : 2;
    }
    x = net.maxPool(x, { kernel: 2, ceil });
    at += 1;
  }
  return x;
}

/** The network of the paper: two layers of 4096 units with dropout on top. */
function vgg(depth: keyof typeof configurations): Architecture {
  return {
    title: `VGG-${depth} (Simonyan and Zisserman 2015)`,
    input: [3, 224, 224],
    classes: 1000,
    build(net, image, classes, width) {
      const units = Math.round(4096 * width);
      let x = net.b.Flatten(features(net, image, configurations[depth], { width }));
      x = net.dropout(net.b.Relu(net.linear('classifier.0', x, units)), 0.5);
      x = net.dropout(net.b.Relu(net.linear('classifier.3', x, units)), 0.5);
      return net.linear('classifier.6', x, classes);
    },
  };
}

/** For images of 32 pixels: normalised, and a single layer on top, as is usual on CIFAR and SVHN. */
function smallVgg(depth: keyof typeof configurations): Architecture {
  return {
    title: `VGG-${depth} for images of 32 pixels, with batch normalisation`,
    input: [3, 32, 32],
    classes: 10,
    build(net, image, classes, width) {
      const x = features(net, image, configurations[depth], { width, normal: true });
      return net.linear('classifier', net.b.Flatten(x), classes);
    },
  };
}

/** Configurations A, B, D and E of the paper's Table 1, for 224 pixels. */
export const vgg11 = vgg(11);
export const vgg13 = vgg(13);
export const vgg16 = vgg(16);
export const vgg19 = vgg(19);
/** B and D for 32 pixels: one linear layer behind normalised convolutions. */
export const vgg13Small = smallVgg(13);
export const vgg16Small = smallVgg(16);

/**
 * B for 32 pixels as Lee et al. 2018 train it (`vgg.py` of their code): nothing is normalised, two layers of 512 units
 * with dropout on top, whose weights start at a standard deviation of 0.01.
 */
export const vgg13Plain: Architecture = {
  title: 'VGG-13 for images of 32 pixels, without normalisation (Lee et al. 2018)',
  input: [3, 32, 32],
  classes: 10,
  build(net, image, classes, width) {
    const units = Math.round(512 * width);
    const options = { width, byOutputs: true, ceil: true };
    let x = net.b.Flatten(features(net, image, configurations[13], options));
    x = net.dropout(net.b.Relu(net.linear('classifier.0', x, units, 0.01)), 0.5);
    x = net.dropout(net.b.Relu(net.linear('classifier.3', x, units, 0.01)), 0.5);
    return net.linear('classifier.6', x, classes, 0.01);
  },
};
