/** The options of `espalier train fcn`. */
import { z } from 'zod';
import { type FcnConfig, type FcnPreset, fcnPresets, losses } from '../methods/fcn/config.js';
import { optimizers } from '../methods/optimization.js';
import { type ModelName, models } from '../nn/models/table.js';
import { preprocessingOptions } from './preprocessing.js';
import { runningOptions } from './running-options.js';
import { sceneDataOptions } from './scene-data.js';

const names = Object.keys(models) as [ModelName, ...ModelName[]];
const presets = Object.keys(fcnPresets) as [FcnPreset, ...FcnPreset[]];
const positive = z.number().int().positive();
const fromZero = z.number().nonnegative();

/** What the presets have for a setting. */
const by = (name: keyof FcnConfig): string =>
  `(${presets.map((preset) => `${preset} ${fcnPresets[preset][name]}`).join(', ')})`;

const where = {
  from: z
    .string()
    .optional()
    .meta({ placeholder: 'file' })
    .describe('the ONNX classifier to make a segmenter of'),
  model: z
    .enum(names)
    .optional()
    .meta({ placeholder: 'name' })
    .describe(`or the network to train from nothing: ${names.join(', ')}`),
  ...sceneDataOptions,
  classes: z.array(z.string()).optional().describe("names of the classes, in place of the data's"),
};

const network = {
  skips: z
    .array(z.string())
    .optional()
    .meta({ placeholder: 'pool4,pool3' })
    .describe('maps that are scored besides the last, by name, the coarsest first'),
  finest: positive
    .optional()
    .meta({ placeholder: 'stride' })
    .describe('or the last map at every stride down to this one'),
  alignment: z
    .enum(['exact', 'paper'])
    .default('exact')
    .describe("by receptive fields, or by the paper's padding of 100 and its crops"),
  staged: z
    .boolean()
    .optional()
    .describe('train from coarse to fine, each on top of the one before (the paper presets do)'),
  atOnce: z.boolean().optional().describe('train all maps together (modern does)'),
  scales: z
    .array(z.number().positive())
    .optional()
    .describe('factors of the skips before they are scored (1; of paper presets at once 0.01 …)'),
  upsampling: z
    .enum(['fixed', 'intermediate', 'learned'])
    .optional()
    .describe(`which upsampling kernels are learned ${by('upsampling')}`),
  train: z
    .array(z.string())
    .default(['all'])
    .meta({ placeholder: 'all|scores|pattern,...' })
    .describe('which weights: all, the score layers, or those whose names fit a pattern'),
  batchNorm: z
    .enum(['frozen', 'live'])
    .optional()
    .describe("BatchNormalization by its own statistics (--from), or by the batch's (--model)"),
  input: z
    .string()
    .optional()
    .meta({ placeholder: 'name' })
    .describe('input of --from that takes the images'),
  outputName: z
    .string()
    .optional()
    .meta({ placeholder: 'name' })
    .describe('output of --from that has the scores'),
};

const learning = {
  preset: z.enum(presets).default('modern').describe("the paper's two recipes, or ours"),
  epochs: z
    .number()
    .positive()
    .optional()
    .describe(`passes over the scenes ${by('epochs')}`),
  batchSize: positive.optional().describe(`scenes a step ${by('batchSize')}`),
  optimizer: z
    .enum(optimizers)
    .optional()
    .describe(`how the weights go down ${by('optimizer')}`),
  momentum: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(`of sgd and nesterov ${by('momentum')}`),
  learningRate: z
    .number()
    .positive()
    .optional()
    .describe(`base learning rate ${by('learningRate')}`),
  stageRate: z
    .number()
    .positive()
    .optional()
    .describe(`times this with each finer stage ${by('stageRate')}`),
  scoreRate: fromZero.optional().describe(`learning rate of score layers as a multiple of it (1)`),
  biasRate: fromZero.optional().describe(`learning rate of biases as a multiple ${by('biasRate')}`),
  rates: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'pattern=multiple,...' })
    .describe('learning rates as multiples by name; the last that fits holds'),
  schedule: z
    .string()
    .optional()
    .describe(
      `constant, linear, step:0.5,0.75, cosine, poly:0.9; warmup:0.05+ before it ${by('schedule')}`,
    ),
  weightDecay: fromZero.optional().describe(`pull of the weights to 0 ${by('weightDecay')}`),
  decay: z.enum(['weights', 'all']).optional().describe('whether biases and scales decay too'),
  loss: z.enum(losses).default('cross-entropy').describe('over all pixels that are not void'),
  reduction: z
    .enum(['mean', 'sum'])
    .optional()
    .describe(`of the loss over pixels ${by('reduction')}`),
  gamma: fromZero.optional().describe('of the focal loss (2)'),
  classWeights: z
    .union([z.enum(['none', 'median-frequency']), z.array(fromZero)])
    .default('none')
    .describe('weight of each class in the loss, or more for what is rare'),
  clip: fromZero.optional().describe('longest gradient (any, as with 0)'),
};

const augmentation = {
  flip: z.boolean().optional().describe('turn every other scene left to right (modern)'),
  zoom: z
    .array(z.number().positive())
    .length(2)
    .optional()
    .meta({ placeholder: 'least,most' })
    .describe('show scenes at a size between these factors (modern 0.75,1.5)'),
  crop: z.boolean().optional().describe('show a random part of larger scenes (all presets)'),
  jitter: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('change brightness, contrast and colour by up to this share (modern 0.2)'),
};

const running = {
  evaluateEvery: positive.default(1).describe('epochs between looks at the validation scenes'),
  seed: z.number().int().nonnegative().default(1).describe('decides all that is random'),
  output: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('run folder (runs/fcn-<model>-<data>-seed-<seed>)'),
  ...runningOptions,
};

const { layout: _layout, height, width, ...pixels } = preprocessingOptions;

export const segmenterOptions = z.object({
  ...where,
  ...network,
  ...learning,
  height: height.describe('height of what a step is shown of each scene (that of the first scene)'),
  width: width.describe('and its width'),
  ...augmentation,
  ...pixels,
  ...running,
});

/** The options as they were given. */
export type SegmenterOptions = z.output<typeof segmenterOptions>;
