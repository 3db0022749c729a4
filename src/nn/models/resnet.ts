/** Residual networks (He et al. 2016): the CIFAR form of section 4.2 and the ImageNet forms of Table 1. */
import type { Value } from '../../graph/graph.js';
import type { Layers } from '../layers.js';
import type { Architecture } from './architecture.js';

/** Convolution, normalisation. */
function unit(
  net: Layers,
  [conv, norm]: readonly [string, string],
  x: Value,
  channels: number,
  kernel: number,
  stride = 1,
): Value {
  const pad = (kernel - 1) / 2;
  return net.normalize(norm, net.conv(conv, x, channels, { kernel, stride, pad, bias: false }));
}

/** Two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times the channels out, and the way past them. */
function block(
  net: Layers,
  name: string,
  x: Value,
  channels: number,
  stride: number,
  kind: 'basic' | 'bottleneck',
  shortcut: (x: Value, channels: number, stride: number) => Value,
): Value {
  const names = (i: number) => [`${name}.conv${i}`, `${name}.bn${i}`] as const;
  const { b } = net;
  const out = kind === 'basic' ? channels : 4 * channels;
  const y =
    kind === 'basic'
      ? unit(net, names(2), b.Relu(unit(net, names(1), x, channels, 3, stride)), channels, 3)
      : unit(
          net,
          names(3),
          b.Relu(
            unit(net, names(2), b.Relu(unit(net, names(1), x, channels, 1)), channels, 3, stride),
          ),
          out,
          1,
        );
  const past = stride === 1 && x.shape[1] === out ? x : shortcut(x, out, stride);
  return b.Relu(b.Add(y, past));
}

/** 6n + 2 layers; shortcuts are the identity with zeros for new channels (option A), so they have no parameters. */
function cifarResnet(depth: number): Architecture {
  return {
    title: `ResNet-${depth} for CIFAR (He et al. 2016, section 4.2)`,
    input: [3, 32, 32],
    classes: 10,
    build(net, image, classes, width) {
      const { b } = net;
      const padded = (x: Value, channels: number): Value => {
        const more = channels - (x.shape[1] as number);
        const taken = b.Slice(x, [0, 0], [2 ** 31 - 1, 2 ** 31 - 1], [2, 3], [2, 2]);
        return b.Pad(taken, [0, 0, 0, 0, 0, more, 0, 0]);
      };
      let x = b.Relu(unit(net, ['conv1', 'bn1'], image, Math.round(16 * width), 3));
      [16, 32, 64].forEach((channels, stage) => {
        for (let i = 0; i < (depth - 2) / 6; i++) {
          const stride = stage > 0 && i === 0 ? 2 : 1;
          const name = `layer${stage + 1}.${i}`;
          x = block(net, name, x, Math.round(channels * width), stride, 'basic', padded);
        }
      });
      return net.linear('fc', net.globalAverage(x), classes);
    },
  };
}

/** Shortcuts that change the shape are 1x1 convolutions (option B). */
function imagenetResnet(
  depth: number,
  kind: 'basic' | 'bottleneck',
  blocks: readonly number[],
): Architecture {
  return {
    title: `ResNet-${depth} (He et al. 2016)`,
    input: [3, 224, 224],
    classes: 1000,
    build(net, image, classes, width) {
      let x = net.b.Relu(unit(net, ['conv1', 'bn1'], image, Math.round(64 * width), 7, 2));
      x = net.maxPool(x, { kernel: 3, stride: 2, pad: 1 });
      blocks.forEach((count, stage) => {
        const channels = Math.round(64 * 2 ** stage * width);
        for (let i = 0; i < count; i++) {
          const name = `layer${stage + 1}.${i}`;
          const stride = stage > 0 && i === 0 ? 2 : 1;
          x = block(net, name, x, channels, stride, kind, (from, out, step) =>
            unit(net, [`${name}.downsample.0`, `${name}.downsample.1`], from, out, 1, step),
          );
        }
      });
      return net.linear('fc', net.globalAverage(x), classes);
    },
  };
}

/** For CIFAR (section 4.2): 20, 32 and 56 layers. */
export const resnet20 = cifarResnet(20);
export const resnet32 = cifarResnet(32);
export const resnet56 = cifarResnet(56);
/** For ImageNet (Table 1): 18, 34 and 50 layers. */
export const resnet18 = imagenetResnet(18, 'basic', [2, 2, 2, 2]);
export const resnet34 = imagenetResnet(34, 'basic', [3, 4, 6, 3]);
export const resnet50 = imagenetResnet(50, 'bottleneck', [3, 4, 6, 3]);
