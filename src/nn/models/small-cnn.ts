/** Two convolutions and three linear layers, as Lee et al. 2018 have in section 3.1; sizes are ours. */
import type { Architecture } from './architecture.js';

/** Convolutions of 3x3 with a pool behind each, then 256 and 128 units. For images of 28 pixels. */
export const smallCnn: Architecture = {
  title: 'Small network: two convolutions, three linear layers',
  input: [1, 28, 28],
  classes: 10,
  build(net, image, classes, width) {
    const of = (count: number): number => Math.max(1, Math.round(count * width));
    let x = image;
    for (const [i, channels] of [32, 64].entries()) {
      const z = net.conv(`features.${i}`, x, of(channels), { kernel: 3, pad: 1 });
      x = net.maxPool(net.b.Relu(z), { kernel: 2 });
    }
    x = net.b.Relu(net.linear('classifier.0', net.b.Flatten(x), of(256)));
    x = net.b.Relu(net.linear('classifier.1', x, of(128)));
    return net.linear('classifier.2', x, classes);
  },
};
