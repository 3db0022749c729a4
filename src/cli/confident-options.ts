/** The options of `espalier train confident`. */
import { z } from 'zod';
import {
  type ConfidentConfig,
  type ConfidentPreset,
  confidentMethods,
  confidentPresets,
} from '../methods/confident/config.js';
import { generatorLosses } from '../methods/confident/losses.js';
import { type ModelName, models } from '../nn/models/table.js';
import { imageDataOptions } from './image-data.js';
import { networkOptions, trainedWeights } from './network-options.js';
import { preprocessingOptions } from './preprocessing.js';
import { runningOptions } from './running-options.js';

const names = Object.keys(models) as [ModelName, ...ModelName[]];
const presets = Object.keys(confidentPresets) as [ConfidentPreset, ...ConfidentPreset[]];
const positive = z.number().int().positive();
const fromZero = z.number().nonnegative();

/** What the presets have for a setting. */
const by = (name: keyof ConfidentConfig): string =>
  `(${presets.map((preset) => `${preset} ${confidentPresets[preset][name] ?? 'none'}`).join(', ')})`;

const where = {
  ...imageDataOptions,
  holdOut: z
    .array(z.string())
    .optional()
    .meta({ placeholder: 'class,...' })
    .describe('classes that are left out, and judged as images from outside at the end'),
  method: z
    .enum(confidentMethods)
    .default('joint')
    .describe(
      "what it is made uniform on: nothing, given images, an ordinary GAN's, or those of one that learns with it",
    ),
  outside: z
    .string()
    .optional()
    .meta({ placeholder: 'name or folder' })
    .describe('of method confidence: the images from outside that it sees'),
  resize: z
    .boolean()
    .optional()
    .describe('bring images from outside of another size to that of the data'),
  out: z
    .array(z.string())
    .optional()
    .meta({ placeholder: 'set,...' })
    .describe('sets from outside that the finished classifier is judged on, as in `espalier ood`'),
};

const network = {
  preset: z
    .enum(presets)
    .default('two-cores')
    .describe(
      'settings of the official code for svhn and cifar10, of the paper, or ours for minutes on two cores',
    ),
  model: z
    .enum(names)
    .optional()
    .meta({ placeholder: 'name' })
    .describe(
      `network to train from nothing (small-cnn; of the other presets vgg13-plain): ${names.join(', ')}`,
    ),
  modelWidth: z
    .number()
    .positive()
    .optional()
    .describe('multiplies its numbers of channels, where it has a width (1)'),
  from: z
    .string()
    .optional()
    .meta({ placeholder: 'file' })
    .describe('or an ONNX classifier to go on with, at a tenth of the rate'),
  train: trainedWeights(['all']),
  ...networkOptions,
};

const learning = {
  epochs: z
    .number()
    .positive()
    .optional()
    .describe(`passes over the images ${by('epochs')}`),
  batchSize: positive
    .optional()
    .describe(`images a round, and as many from outside ${by('batchSize')}`),
  beta: fromZero.optional().describe(`weight of the divergence from uniform ${by('beta')}`),
  warmUp: fromZero.optional().describe(`epochs over which it rises from 0 ${by('warmUp')}`),
  learningRate: z
    .number()
    .positive()
    .optional()
    .describe(`Adam's step size ${by('learningRate')}`),
  schedule: z
    .string()
    .optional()
    .describe(`constant, linear, step:0.6, cosine, poly:0.9 ${by('schedule')}`),
  clip: fromZero.optional().describe(`longest gradient of the classifier, 0 for any ${by('clip')}`),
  generatorLoss: z
    .enum(generatorLosses)
    .optional()
    .describe(`the generator's loss ${by('generatorLoss')}`),
  pullAway: fromZero.optional().describe(`weight of the pull-away term ${by('pullAway')}`),
  latents: positive
    .optional()
    .describe(`numbers that a generated image is made of ${by('latents')}`),
  ganWidth: z
    .number()
    .positive()
    .optional()
    .describe(`multiplies the channels of generator and discriminator ${by('ganWidth')}`),
  ganRate: fromZero
    .optional()
    .describe(`their learning rate as a multiple of the classifier's ${by('ganRate')}`),
};

const running = {
  seed: z.number().int().nonnegative().default(1).describe('decides all that is random'),
  output: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('run folder (runs/confident-<method>-<model>-<data>-seed-<seed>)'),
  ...runningOptions,
};

export const confidentOptions = z.object({
  ...where,
  ...network,
  ...learning,
  ...preprocessingOptions,
  ...running,
});

export type ConfidentOptions = z.output<typeof confidentOptions>;
