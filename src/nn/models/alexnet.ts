/** AlexNet (Krizhevsky et al. 2012) as CaffeNet: pools before the local normalisations. 60,965,224 parameters. */
import type { Value } from '../../graph/graph.js';
import type { Architecture } from './architecture.js';

/** Five convolutions, two of them in groups, and three linear layers. */
export const alexnet: Architecture = {
  title: 'AlexNet (Krizhevsky et al. 2012), as CaffeNet',
  input: [3, 227, 227],
  classes: 1000,
  build(net, image, classes, width) {
    const { b } = net;
    const w = (count: number): number => 2 * Math.round((count * width) / 2);
    const pool = (x: Value): Value => net.maxPool(x, { kernel: 3, stride: 2, ceil: true });
    // Section 3.3; ONNX divides alpha by the size as Caffe does.
    const normalized = (x: Value): Value => b.LRN(x, { size: 5, alpha: 1e-4, beta: 0.75, bias: 1 });
    const relu = (x: Value): Value => b.Relu(x);

    let x = relu(net.conv('conv1', image, w(96), { kernel: 11, stride: 4 }));
    x = normalized(pool(x));
    x = relu(net.conv('conv2', x, w(256), { kernel: 5, pad: 2, groups: 2 }));
    x = normalized(pool(x));
    x = relu(net.conv('conv3', x, w(384), { kernel: 3, pad: 1 }));
    x = relu(net.conv('conv4', x, w(384), { kernel: 3, pad: 1, groups: 2 }));
    x = relu(net.conv('conv5', x, w(256), { kernel: 3, pad: 1, groups: 2 }));
    x = b.Flatten(pool(x));
    x = net.dropout(relu(net.linear('fc6', x, w(4096))), 0.5);
    x = net.dropout(relu(net.linear('fc7', x, w(4096))), 0.5);
    return net.linear('fc8', x, classes);
  },
};
