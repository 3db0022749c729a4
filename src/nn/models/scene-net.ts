/** A small network for small scenes, made to be trained from nothing in a minute; ours. */
import type { Architecture } from './architecture.js';

/** Blocks of 3x3 convolutions, each normalised and rectified, with a pool of 2x2 before every block but the first. */
const blocks: readonly (readonly number[])[] = [
  [16, 16],
  [32, 32],
  [64, 64, 64],
  [128, 128],
];

/** Strides 1, 2, 4 and 8, so that a fully convolutional network of it has a map for each. */
export const sceneNet: Architecture = {
  title: 'Scene net, for segmenting small scenes',
  input: [3, 64, 64],
  classes: 11,
  build(net, image, classes, width) {
    let x = image;
    blocks.forEach((channels, block) => {
      if (block > 0) x = net.maxPool(x, { kernel: 2 });
      channels.forEach((count, i) => {
        const name = `block${block + 1}.${i + 1}`;
        const z = net.conv(name, x, Math.round(count * width), { kernel: 3, pad: 1, bias: false });
        x = net.b.Relu(net.normalize(`${name}.norm`, z));
      });
    });
    return net.linear('top', net.globalAverage(x), classes);
  },
};
