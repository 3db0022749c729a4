/** The options of `espalier train classifier`. */
import { z } from 'zod';
import { noAugmentation } from '../data/augment.js';
import {
  type ClassifierConfig,
  fromScratchDefaults as scratch,
  fineTuningDefaults as usual,
} from '../methods/classifier/config.js';
import { optimizers } from '../methods/optimization.js';
import { type ModelName, models } from '../nn/models/table.js';
import { imageDataOptions } from './image-data.js';
import { networkOptions, trainedWeights } from './network-options.js';
import { preprocessingOptions } from './preprocessing.js';
import { runningOptions } from './running-options.js';

const names = Object.keys(models) as [ModelName, ...ModelName[]];
const positive = z.number().int().positive();
const fromZero = z.number().nonnegative();

/** The two defaults of a setting: for --from and for --model. */
const or = (name: keyof ClassifierConfig): string =>
  `(${usual[name]}; from nothing ${scratch[name]})`;

const where = {
  from: z
    .string()
    .optional()
    .meta({ placeholder: 'file' })
    .describe('the ONNX classifier to start from'),
  model: z
    .enum(names)
    .optional()
    .meta({ placeholder: 'name' })
    .describe(`or the network to train from nothing: ${names.join(', ')}`),
  ...imageDataOptions,
};

const network = {
  train: trainedWeights(usual.train),
  ...networkOptions,
};

const learning = {
  epochs: z
    .number()
    .positive()
    .optional()
    .describe(`passes over the images ${or('epochs')}`),
  batchSize: positive.optional().describe(`images a step ${or('batchSize')}`),
  optimizer: z.enum(optimizers).default(usual.optimizer).describe('how the weights go down'),
  momentum: z.number().min(0).max(1).default(usual.momentum).describe('of sgd and nesterov'),
  learningRate: z
    .number()
    .positive()
    .optional()
    .describe(`base learning rate ${or('learningRate')}`),
  learningRateHead: fromZero
    .optional()
    .describe('learning rate of the head (a new one: 10 times the base)'),
  biasRate: fromZero
    .default(usual.biasRate)
    .describe('learning rate of biases as a multiple: 2 as in Caffe'),
  rates: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'pattern=multiple,...' })
    .describe('learning rates as multiples by name; the last that fits holds'),
  schedule: z
    .string()
    .optional()
    .describe(
      `constant, linear, step:0.5,0.75, cosine, poly:0.9; warmup:0.05+ before it ${or('schedule')}`,
    ),
  weightDecay: fromZero.optional().describe(`pull of the weights to 0 ${or('weightDecay')}`),
  decay: z
    .enum(['weights', 'all'])
    .default(usual.decay)
    .describe('whether biases and scales decay too'),
  labelSmoothing: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('share of the target that goes to all classes'),
  classWeights: z
    .union([z.literal('balanced'), z.array(fromZero)])
    .optional()
    .describe('weight of each class in the loss, or so that all count alike'),
  clip: fromZero.optional().describe('longest gradient (10; from nothing any, as with 0)'),
};

const augmentation = {
  flip: z.boolean().default(noAugmentation.flip).describe('turn every other image left to right'),
  cropPadding: z
    .number()
    .int()
    .nonnegative()
    .default(noAugmentation.cropPadding)
    .describe('move images by up to so many pixels'),
  cropScale: z
    .number()
    .positive()
    .max(1)
    .default(noAugmentation.cropScale)
    .describe('show a random part of at least this share of each image'),
  jitter: z
    .number()
    .min(0)
    .max(1)
    .default(noAugmentation.jitter)
    .describe('change brightness, contrast and colour by up to this share'),
};

const running = {
  seed: z.number().int().nonnegative().default(usual.seed).describe('decides all that is random'),
  output: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('run folder (runs/classifier-<model>-<data>-seed-<seed>)'),
  ...runningOptions,
};

export const classifierOptions = z.object({
  ...where,
  ...network,
  ...learning,
  ...augmentation,
  ...preprocessingOptions,
  ...running,
});
