/** Every network that can be built by name, one line each. To add one: its file in this folder, and a line here. */
import { alexnet } from './alexnet.js';
import type { Architecture } from './architecture.js';
import { googlenet } from './googlenet.js';
import { convLarge, convSmall } from './ladder-conv.js';
import { lenet } from './lenet.js';
import { mobilenet } from './mobilenet.js';
import { nin } from './nin.js';
import { resnet18, resnet20, resnet32, resnet34, resnet50, resnet56 } from './resnet.js';
import { sceneNet } from './scene-net.js';
import { smallCnn } from './small-cnn.js';
import { squeezenet } from './squeezenet.js';
import { vgg11, vgg13, vgg13Plain, vgg13Small, vgg16, vgg16Small, vgg19 } from './vgg.js';

/** The networks by name: `buildModel(models.resnet20)`. */
export const models = {
  lenet,
  'conv-small': convSmall,
  'conv-large': convLarge,
  nin,
  resnet20,
  resnet32,
  resnet56,
  'small-cnn': smallCnn,
  'vgg13-plain': vgg13Plain,
  'vgg13-small': vgg13Small,
  'vgg16-small': vgg16Small,
  alexnet,
  vgg11,
  vgg13,
  vgg16,
  vgg19,
  googlenet,
  resnet18,
  resnet34,
  resnet50,
  squeezenet,
  mobilenet,
  'scene-net': sceneNet,
} as const satisfies Record<string, Architecture>;

/** A name of the table. */
export type ModelName = keyof typeof models;
