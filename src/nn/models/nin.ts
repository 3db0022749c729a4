/** Network in Network for CIFAR-10 (Lin, Chen and Yan 2014, section 4.2, and their Caffe model). 966,986 parameters. */
import type { Value } from '../../graph/graph.js';
import type { Architecture } from './architecture.js';

/** Three convolutions, each under two of 1x1, and a mean over positions for each class. */
export const nin: Architecture = {
  title: 'Network in Network (Lin et al. 2014)',
  input: [3, 32, 32],
  classes: 10,
  build(net, image, classes, width) {
    const block = (name: string, x: Value, kernel: number, channels: readonly number[]): Value =>
      channels.reduce(
        (above, count, i) =>
          net.b.Relu(
            net.conv(i === 0 ? name : `cccp${name.slice(4)}.${i}`, above, count, {
              kernel: i === 0 ? kernel : 1,
              pad: i === 0 ? (kernel - 1) / 2 : 0,
            }),
          ),
        x,
      );
    const w = (count: number): number => Math.round(count * width);
    let x = block('conv1', image, 5, [w(192), w(160), w(96)]);
    x = net.dropout(net.maxPool(x, { kernel: 3, stride: 2, ceil: true }), 0.5);
    x = block('conv2', x, 5, [w(192), w(192), w(192)]);
    x = net.dropout(net.averagePool(x, { kernel: 3, stride: 2, ceil: true }), 0.5);
    return net.globalAverage(block('conv3', x, 3, [w(192), w(192), classes]));
  },
};
