/** Convolutions of networks that are trained here, as `conv-gradient` times them. */
export interface ConvShape {
  readonly name: string;
  readonly batch: number;
  readonly channels: number;
  readonly made: number;
  /** Height and width of the image. */
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  readonly group: number;
}

/** `[batch, channels, size]`, `[made, kernel]`, then stride, pad and group where they are not 1, 0 and 1. */
const shape = (
  name: string,
  [batch, channels, size]: readonly [number, number, number],
  [made, kernel]: readonly [number, number],
  rest: { readonly stride?: number; readonly pad?: number; readonly group?: number } = {},
): ConvShape => ({
  name,
  batch,
  channels,
  size,
  made,
  kernel,
  stride: 1,
  pad: 0,
  group: 1,
  ...rest,
});

export const convShapes: readonly ConvShape[] = [
  shape('3x3, 3 to 32, 32', [64, 3, 32], [32, 3], { pad: 1 }),
  shape('5x5, 1 to 32, 28', [64, 1, 28], [32, 5], { pad: 2 }),
  shape('3x3, 16 to 16, 32', [64, 16, 32], [16, 3], { pad: 1 }),
  shape('3x3, 32 to 32, 28', [64, 32, 28], [32, 3], { pad: 1 }),
  shape('3x3, 64 to 64, 14', [64, 64, 14], [64, 3], { pad: 1 }),
  shape('3x3, 256 to 256, 14', [16, 256, 14], [256, 3], { pad: 1 }),
  shape('3x3, 512 to 512, 7', [8, 512, 7], [512, 3], { pad: 1 }),
  shape('3x3 stride 2, 32 to 64, 28', [64, 32, 28], [64, 3], { pad: 1, stride: 2 }),
  shape('3x3 stride 2, 3 to 64, 227', [8, 3, 227], [64, 3], { stride: 2 }),
  shape('7x7 stride 2, 3 to 64, 112', [8, 3, 112], [64, 7], { pad: 3, stride: 2 }),
  shape('11x11 stride 4, 3 to 96, 227', [4, 3, 227], [96, 11], { stride: 4 }),
  shape('5x5 in 2 groups, 96 to 256, 27', [4, 96, 27], [256, 5], { pad: 2, group: 2 }),
  shape('3x3 in 32 groups, 256 to 256, 14', [8, 256, 14], [256, 3], { pad: 1, group: 32 }),
  shape('1x1, 64 to 16, 55', [8, 64, 55], [16, 1]),
  shape('1x1, 512 to 1000, 13', [8, 512, 13], [1000, 1]),
  shape('1x1 stride 2, 256 to 512, 28', [8, 256, 28], [512, 1], { stride: 2 }),
  shape('3x3 depthwise, 128, 28', [32, 128, 28], [128, 3], { pad: 1, group: 128 }),
  shape('3x3 depthwise stride 2, 128, 28', [32, 128, 28], [128, 3], {
    pad: 1,
    stride: 2,
    group: 128,
  }),
  shape('3x3 depthwise, 512, 14', [16, 512, 14], [512, 3], { pad: 1, group: 512 }),
  shape('3x3 depthwise, 960, 7', [16, 960, 7], [960, 3], { pad: 1, group: 960 }),
];
