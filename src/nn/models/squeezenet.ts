/** SqueezeNet 1.1 (Iandola et al. 2016, and their release of version 1.1). 1,235,496 parameters. */
import type { Value } from '../../graph/graph.js';
import type { Architecture } from './architecture.js';

/** Channels that a fire module squeezes to, and half of those that it expands to, between the pools. */
const stages = [
  [
    [16, 64],
    [16, 64],
  ],
  [
    [32, 128],
    [32, 128],
  ],
  [
    [48, 192],
    [48, 192],
    [64, 256],
    [64, 256],
  ],
] as const;

/** Eight fire modules between convolutions; no linear layer. */
export const squeezenet: Architecture = {
  title: 'SqueezeNet 1.1 (Iandola et al. 2016)',
  input: [3, 227, 227],
  classes: 1000,
  build(net, image, classes, width) {
    const { b } = net;
    const w = (count: number): number => Math.round(count * width);
    const fire = (name: string, x: Value, squeeze: number, expand: number): Value => {
      const s = b.Relu(net.conv(`${name}.squeeze1x1`, x, w(squeeze)));
      const one = b.Relu(net.conv(`${name}.expand1x1`, s, w(expand)));
      const three = b.Relu(net.conv(`${name}.expand3x3`, s, w(expand), { kernel: 3, pad: 1 }));
      return b.Concat(one, three, { axis: 1 });
    };
    let x = b.Relu(net.conv('conv1', image, w(64), { kernel: 3, stride: 2 }));
    let number = 2;
    for (const modules of stages) {
      x = net.maxPool(x, { kernel: 3, stride: 2, ceil: true });
      for (const [squeeze, expand] of modules) x = fire(`fire${number++}`, x, squeeze, expand);
    }
    return net.globalAverage(b.Relu(net.conv('conv10', net.dropout(x, 0.5), classes)));
  },
};
