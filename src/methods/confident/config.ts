/** Settings of a confident classifier's training, and those that are known to work. */
import { UsageError } from '../../errors.js';
import { demandsOf, isFromZero } from '../optimization.js';
import { type GeneratorLoss, generatorLosses } from './losses.js';

/**
 * What the classifier is made uniform on: nothing (`ce`), images that are given (`confidence`), those of an ordinary GAN
 * (`gan`), or those of a GAN that learns to make what the classifier is sure of (`joint`).
 */
export const confidentMethods = ['ce', 'confidence', 'gan', 'joint'] as const;
export type ConfidentMethod = (typeof confidentMethods)[number];

/** Whether a method trains a GAN beside the classifier. */
export const hasGan = (method: ConfidentMethod): boolean => method === 'gan' || method === 'joint';

export interface ConfidentConfig {
  readonly method: ConfidentMethod;
  /** Weight of the divergence from uniform, in the classifier's loss and in the generator's. */
  readonly beta: number;
  /** Epochs over which beta rises from 0. */
  readonly warmUp: number;
  /** Images of the data in a round, and as many from outside. */
  readonly batchSize: number;
  readonly epochs: number;
  readonly learningRate: number;
  /** As `parseSchedule` reads it; for all three networks. */
  readonly schedule: string;
  /** Largest norm of the classifier's gradient; null for no limit. */
  readonly clip: number | null;
  /** Weights of the classifier that are trained: `all`, `head` or patterns. */
  readonly train: readonly string[];
  /** Whether a classifier's own BatchNormalization keeps its statistics; the GAN's are always live. */
  readonly batchNorm: 'frozen' | 'live';
  readonly generatorLoss: GeneratorLoss;
  /** Weight of the pull-away term; 0 leaves it out. */
  readonly pullAway: number;
  /** Numbers that a generated image is made of. */
  readonly latents: number;
  /** Multiplies the GAN's numbers of channels. */
  readonly ganWidth: number;
  /** Learning rate of generator and discriminator, as a multiple of the classifier's. */
  readonly ganRate: number;
  /** Adam's first decay in generator and discriminator. */
  readonly ganBeta1: number;
  readonly seed: number;
}

const official: ConfidentConfig = {
  method: 'joint',
  // Official code: 1 for SVHN, 0.1 for CIFAR-10.
  beta: 1,
  warmUp: 0,
  batchSize: 128,
  // Official code: 100 epochs at 2e-4, a tenth of it after 60.
  epochs: 100,
  learningRate: 0.0002,
  schedule: 'step:0.6',
  clip: null,
  train: ['all'],
  batchNorm: 'live',
  // Official code; the paper's Algorithm 1 has the saturating form and the pull-away term.
  generatorLoss: 'non-saturating',
  pullAway: 0,
  latents: 100,
  ganWidth: 1,
  ganRate: 1,
  // Radford et al. 2016, section 3, and the official code.
  ganBeta1: 0.5,
  seed: 1,
};

export const confidentPresets = {
  /** What the official code trains SVHN with. */
  svhn: official,
  /** And CIFAR-10. */
  cifar10: { ...official, beta: 0.1, batchSize: 64 },
  /** Algorithm 1 as the paper prints it. */
  paper: { ...official, generatorLoss: 'saturating', pullAway: 1 },
  /**
   * Ours, for minutes on two cores: a narrow GAN, a higher rate over few epochs, a beta that rises and a clipped gradient.
   * No recorded run collapsed at this rate. At far higher ones these two prevent little, and a learning rate that rises
   * prevents it (docs/results.md), so that is what to add to a higher rate.
   */
  'two-cores': {
    ...official,
    batchSize: 64,
    epochs: 4,
    learningRate: 0.001,
    schedule: 'constant',
    ganWidth: 0.125,
    ganRate: 0.2,
    warmUp: 1,
    clip: 1,
  },
} as const satisfies Record<string, ConfidentConfig>;

export type ConfidentPreset = keyof typeof confidentPresets;

/** @throws UsageError naming the first setting that makes no sense. */
export function checkConfident(config: ConfidentConfig, classes: number): void {
  const demand = demandsOf(config);
  const isWhole = (n: number, least: number): boolean => Number.isSafeInteger(n) && n >= least;
  if (classes < 2)
    throw new UsageError(
      `a confident classifier needs two classes or more to be uniform over, got ${classes}. Add images of another class.`,
      { expected: 2, actual: classes },
    );
  demand(
    confidentMethods.includes(config.method),
    'method',
    `one of ${confidentMethods.join(', ')}`,
  );
  demand(
    generatorLosses.includes(config.generatorLoss),
    'generatorLoss',
    `one of ${generatorLosses.join(', ')}`,
  );
  for (const name of ['beta', 'warmUp', 'pullAway', 'ganRate'] as const)
    demand(isFromZero(config[name]), name, 'a number from 0 on');
  for (const name of ['epochs', 'learningRate', 'ganWidth'] as const)
    demand(config[name] > 0 && Number.isFinite(config[name]), name, 'a number above 0');
  // Statistics of a batch, and the pull-away term, take two images.
  demand(isWhole(config.batchSize, 2), 'batchSize', 'a whole number from 2 on');
  demand(isWhole(config.latents, 1), 'latents', 'a whole number from 1 on');
  demand(config.ganBeta1 >= 0 && config.ganBeta1 < 1, 'ganBeta1', 'a number in [0, 1)');
  demand(config.clip === null || config.clip > 0, 'clip', 'a number above 0');
  demand(config.train.length > 0, 'train', 'all, head or patterns');
  demand(isWhole(config.seed, 0), 'seed', 'a whole number from 0 on');
}
