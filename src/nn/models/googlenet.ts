/** GoogLeNet (Szegedy et al. 2015, Table 1), without the auxiliary classifiers. 6,998,552 parameters. */
import type { Value } from '../../graph/graph.js';
import type { Architecture } from './architecture.js';

/** Channels of a module: 1x1, 3x3 reduce and 3x3, 5x5 reduce and 5x5, pool projection. */
type Module = readonly [number, number, number, number, number, number];

const stages: readonly (readonly (readonly [string, Module])[])[] = [
  [
    ['3a', [64, 96, 128, 16, 32, 32]],
    ['3b', [128, 128, 192, 32, 96, 64]],
  ],
  [
    ['4a', [192, 96, 208, 16, 48, 64]],
    ['4b', [160, 112, 224, 24, 64, 64]],
    ['4c', [128, 128, 256, 24, 64, 64]],
    ['4d', [112, 144, 288, 32, 64, 64]],
    ['4e', [256, 160, 320, 32, 128, 128]],
  ],
  [
    ['5a', [256, 160, 320, 32, 128, 128]],
    ['5b', [384, 192, 384, 48, 128, 128]],
  ],
];

/** Nine inception modules and a linear layer. */
export const googlenet: Architecture = {
  title: 'GoogLeNet (Szegedy et al. 2015)',
  input: [3, 224, 224],
  classes: 1000,
  build(net, image, classes, width) {
    const { b } = net;
    const conv = (name: string, x: Value, count: number, kernel = 1, stride = 1): Value =>
      b.Relu(
        net.conv(name, x, Math.max(1, Math.round(count * width)), {
          kernel,
          stride,
          pad: (kernel - 1) / 2,
        }),
      );
    const halved = (x: Value): Value => net.maxPool(x, { kernel: 3, stride: 2, ceil: true });
    const normalized = (x: Value): Value => b.LRN(x, { size: 5, alpha: 1e-4, beta: 0.75, bias: 1 });
    const inception = (name: string, x: Value, [a, b3, c3, b5, c5, p]: Module): Value =>
      b.Concat(
        conv(`${name}.1x1`, x, a),
        conv(`${name}.3x3`, conv(`${name}.3x3_reduce`, x, b3), c3, 3),
        conv(`${name}.5x5`, conv(`${name}.5x5_reduce`, x, b5), c5, 5),
        conv(`${name}.pool_proj`, net.maxPool(x, { kernel: 3, stride: 1, pad: 1 }), p),
        { axis: 1 },
      );

    let x = normalized(halved(conv('conv1', image, 64, 7, 2)));
    x = normalized(conv('conv2', conv('conv2_reduce', x, 64), 192, 3));
    for (const modules of stages) {
      x = halved(x);
      for (const [name, module] of modules) x = inception(`inception_${name}`, x, module);
    }
    return net.linear('classifier', net.dropout(net.globalAverage(x), 0.4), classes);
  },
};
