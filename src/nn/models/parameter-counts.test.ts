import { describe, expect, it, vi } from 'vitest';
import { sizeOf } from '../../tensor/shape.js';
import { zeros } from '../../tensor/tensor.js';
import { buildModel } from './build-model.js';
import { type ModelName, models } from './table.js';

// To draw 700 million numbers would take half a minute, and none of them counts here.
vi.mock('../init.js', async (original) => ({
  ...(await original<typeof import('../init.js')>()),
  normal: (_seed: number, _name: string, dims: readonly number[]) => zeros('float32', dims),
}));

/** Parameters that training changes: running statistics are none. */
function parametersOf(name: ModelName): number {
  const { graph } = buildModel(models[name]);
  return [...graph.initializers]
    .filter(([key]) => /\.(weight|bias)$/.test(key))
    .reduce((sum, [, { dims }]) => sum + sizeOf(dims), 0);
}

/**
 * Published or counted by hand from the published layers. LeNet, AlexNet (CaffeNet) and GoogLeNet: Caffe's models.
 * VGG, ResNet-18 to 50, SqueezeNet and MobileNet: torchvision's, the same numbers as the papers' tables rounded.
 * ResNet for CIFAR: "0.27M", "0.46M", "0.85M" in Table 6 of the paper. NiN: about 0.97 million in the paper's model.
 */
const published: readonly [ModelName, number][] = [
  ['lenet', 431_080],
  ['nin', 966_986],
  ['alexnet', 60_965_224],
  ['vgg11', 132_863_336],
  ['vgg13', 133_047_848],
  ['vgg16', 138_357_544],
  ['vgg19', 143_667_240],
  ['googlenet', 6_998_552],
  ['resnet20', 269_722],
  ['resnet32', 464_154],
  ['resnet56', 853_018],
  ['resnet18', 11_689_512],
  ['resnet34', 21_797_672],
  ['resnet50', 25_557_032],
  ['squeezenet', 1_235_496],
  ['mobilenet', 3_504_872],
  // 5·5·32 + 9·32·64 + 9·64·64 + 9·64·128 + 128·10 weights, two numbers a normalised channel, 10·10 + 10 on top.
  ['conv-small', 800 + 18_432 + 36_864 + 73_728 + 1_280 + 2 * (32 + 64 + 64 + 128 + 10) + 110],
  // 9·(3·16 + 16·16 + 16·32 + 32·32 + 32·64 + 2·64·64 + 64·128 + 128·128) + 128·11 + 11, and two numbers a normalised channel.
  [
    'scene-net',
    9 * (48 + 256 + 512 + 1024 + 2048 + 8192 + 8192 + 16_384) + 1_419 + 2 * (32 + 64 + 192 + 256),
  ],
  // 9·(3·96 + 2·96·96 + 96·192 + 3·192·192) + 192·192 + 192·10 + 10, and 2·(3·96 + 5·192) of the normalisations.
  ['conv-large', 9 * (288 + 18_432 + 18_432 + 110_592) + 36_864 + 1_930 + 2 * (288 + 960)],
];

describe('parameter counts', () => {
  it.each(published)('%s has %i', (name, count) => {
    expect(parametersOf(name)).toBe(count);
  });
});
