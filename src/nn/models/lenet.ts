/** LeNet (LeCun et al. 1998) in the form of Caffe's example: rectified, 20 and 50 maps, 500 units. 431,080 parameters. */
import type { Architecture } from './architecture.js';

/** Two convolutions with pools and two linear layers; `width` does not change it. */
export const lenet: Architecture = {
  title: 'LeNet (LeCun et al. 1998), as Caffe has it',
  input: [1, 28, 28],
  classes: 10,
  build(net, image, classes) {
    let x = net.maxPool(net.conv('conv1', image, 20, { kernel: 5 }), { kernel: 2 });
    x = net.maxPool(net.conv('conv2', x, 50, { kernel: 5 }), { kernel: 2 });
    x = net.b.Relu(net.linear('ip1', net.b.Flatten(x), 500));
    return net.linear('ip2', x, classes);
  },
};
