/** MobileNet v2 (Sandler et al. 2018, Table 2). 3,504,872 parameters. */
import type { Value } from '../../graph/graph.js';
import type { Architecture } from './architecture.js';

/** Expansion, channels, repeats and stride of the first of them. */
const bottlenecks = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** Seventeen inverted residuals with depthwise convolutions; Clip is the paper's ReLU6. */
export const mobilenet: Architecture = {
  title: 'MobileNet v2 (Sandler et al. 2018)',
  input: [3, 224, 224],
  classes: 1000,
  build(net, image, classes, width) {
    const { b } = net;
    const w = (count: number): number => Math.round(count * width);
    const unit = (
      name: string,
      x: Value,
      channels: number,
      { kernel = 1, stride = 1, groups = 1 } = {},
    ): Value => {
      const pad = (kernel - 1) / 2;
      const y = net.conv(`${name}.0`, x, channels, { kernel, stride, groups, pad, bias: false });
      return net.normalize(`${name}.1`, y);
    };
    const relu6 = (x: Value): Value => b.Clip(x, 0, 6);

    let x = relu6(unit('features.0', image, w(32), { kernel: 3, stride: 2 }));
    let at = 1;
    for (const [expansion, channels, repeats, first] of bottlenecks)
      for (let i = 0; i < repeats; i++) {
        const name = `features.${at++}`;
        const before = x.shape[1] as number;
        const inside = before * expansion;
        const stride = i === 0 ? first : 1;
        let y = expansion === 1 ? x : relu6(unit(`${name}.expand`, x, inside));
        y = relu6(unit(`${name}.depthwise`, y, inside, { kernel: 3, stride, groups: inside }));
        y = unit(`${name}.project`, y, w(channels));
        x = stride === 1 && before === w(channels) ? b.Add(x, y) : y;
      }
    x = relu6(unit(`features.${at}`, x, w(1280)));
    return net.linear('classifier', net.dropout(net.globalAverage(x), 0.2), classes);
  },
};
