/** Settings of a segmenter's training, and the recipes that the paper and we have. */
import {
  checkOptimization,
  demandsOf,
  isFromZero,
  type OptimizationConfig,
} from '../optimization.js';

export const losses = ['cross-entropy', 'focal', 'dice', 'cross-entropy+dice'] as const;

/** `train` knows the words `all` and `scores` (the score layers alone); `epochs` are those of each stage. */
export interface FcnConfig extends OptimizationConfig {
  /** Kernels that are learned: none, those between the maps, or that to the pixels too. All begin bilinear. */
  readonly upsampling: 'fixed' | 'intermediate' | 'learned';
  /** Learning rate of each finer network of a staged training, as a multiple of that of the one before. */
  readonly stageRate: number;
  /** Of score layers, as a multiple of the base rate. */
  readonly scoreRate: number;
  readonly loss: (typeof losses)[number];
  /** `mean` over the pixels that are not void, or their `sum`, the paper's unnormalised loss. */
  readonly reduction: 'mean' | 'sum';
  /** Of the focal loss. */
  readonly gamma: number;
}

/** Batches of 20 and a normalised loss: Long et al. 2015, section 4.3 ("Optimization"), at the rate of VGG16. */
const paperBatch: FcnConfig = {
  train: ['all'],
  // The paper's networks have none; statistics of few large images are poor ones.
  batchNorm: 'frozen',
  // "The final layer deconvolutional filters are fixed to bilinear interpolation, while intermediate upsampling
  // layers are initialized to bilinear upsampling, and then learned."
  upsampling: 'intermediate',
  optimizer: 'sgd',
  momentum: 0.9,
  // 10^-3 for AlexNet, 10^-4 for VGG16, 5^-5 (sic) for GoogLeNet.
  learningRate: 1e-4,
  // Section 4.2: "the learning rate is decreased by a factor of 100" with each finer stream.
  stageRate: 0.01,
  scoreRate: 1,
  // "doubled the learning rate for biases".
  biasRate: 2,
  rates: [],
  // "fixed learning rates".
  schedule: 'constant',
  // "weight decay of 5^-4 or 2^-4" (sic).
  weightDecay: 5e-4,
  // The authors' networks have decay_mult 0 for biases.
  decay: 'weights',
  loss: 'cross-entropy',
  reduction: 'mean',
  gamma: 2,
  // "we found class balancing unnecessary".
  classWeights: null,
  clip: null,
  batchSize: 20,
  // "at least 175 epochs" for Table 1.
  epochs: 175,
  seed: 1,
};

/**
 * One image a step, with a momentum that makes up for it and a loss summed over pixels: the authors' reference models
 * (PAMI 2017). By their rule p' = p^(k/k') a momentum of 0.99 at batch 1 is 0.9 at 20 nearly, so that no batch is ever
 * larger than memory and gradients need no accumulation.
 */
const paperOnline: FcnConfig = {
  ...paperBatch,
  batchSize: 1,
  momentum: 0.99,
  reduction: 'sum',
  // solver.prototxt of voc-fcn32s; 1e-12 and 1e-14 of 16s and 8s follow from the stage rate.
  learningRate: 1e-10,
  // All upsampling kernels have lr_mult 0 there.
  upsampling: 'fixed',
  // Ours: 100,000 iterations on the 8,498 images of SBD are some 12 epochs.
  epochs: 12,
};

/** What we train with: Adam, a falling rate and augmented images. */
const modern: FcnConfig = {
  ...paperBatch,
  upsampling: 'fixed',
  optimizer: 'adam',
  // Ours: the largest at which a fine-tuned SqueezeNet stays stable on CamVid.
  learningRate: 5e-4,
  // Ours: Adam's steps do not depend on the gradient's size, so that a finer network starts again at the same rate.
  stageRate: 1,
  biasRate: 1,
  // Chen et al. 2018 (DeepLab), section 4.1.
  schedule: 'poly',
  // Loshchilov and Hutter 2019 use 0.01 to 0.05 with Adam; the smaller, since most weights are trained already.
  weightDecay: 0.01,
  clip: null,
  batchSize: 4,
  epochs: 60,
};

/** The recipes by name. */
export const fcnPresets = {
  'paper-batch': paperBatch,
  'paper-online': paperOnline,
  modern,
} as const satisfies Record<string, FcnConfig>;

export type FcnPreset = keyof typeof fcnPresets;

/** The factors of skips that are trained at once with the rest: voc-fcn8s-atonce has 0.01 and 0.0001. */
export const atOnceScale = 0.01;

/** @throws UsageError naming the first setting that makes no sense. */
export function checkConfig(config: FcnConfig, classes: number): void {
  const demand = demandsOf(config);
  demand(config.train.length > 0, 'train', 'all, scores or patterns');
  demand(losses.includes(config.loss), 'loss', `one of ${losses.join(', ')}`);
  checkOptimization(config, classes);
  demand(
    config.stageRate > 0 && Number.isFinite(config.stageRate),
    'stageRate',
    'a number above 0',
  );
  for (const name of ['scoreRate', 'gamma'] as const)
    demand(isFromZero(config[name]), name, 'a number from 0 on');
}
