/** Settings of a classifier's training. */
import { UsageError } from '../../errors.js';
import { adam, type Optimizer, sgd } from '../../nn/optimizer.js';

export const optimizers = ['sgd', 'nesterov', 'adam'] as const;

export interface ClassifierConfig {
  /** `all`, `head`, or patterns over the names of weights. */
  readonly train: readonly string[];
  /** Whether BatchNormalization keeps its running statistics or takes the batch's, and goes on averaging them. */
  readonly batchNorm: 'frozen' | 'live';
  readonly optimizer: (typeof optimizers)[number];
  /** Of sgd and nesterov. */
  readonly momentum: number;
  readonly learningRate: number;
  /** Learning rates as multiples of the base rate: of the head, of biases, and by `pattern=rate`. */
  readonly headRate: number;
  readonly biasRate: number;
  readonly rates: readonly string[];
  /** As `parseSchedule` reads it. */
  readonly schedule: string;
  readonly weightDecay: number;
  /** What it is for: all parameters, or neither biases nor the scales of normalisations. */
  readonly decay: 'all' | 'weights';
  readonly labelSmoothing: number;
  /** One for each class; null for all alike. */
  readonly classWeights: readonly number[] | null;
  /** Largest norm of the gradient; null for no limit. */
  readonly clip: number | null;
  readonly batchSize: number;
  /** Passes over the training images. */
  readonly epochs: number;
  readonly seed: number;
}

/** Going on with trained weights: a tenth of the usual rate, and a head that learns ten times as fast. */
export const fineTuningDefaults: ClassifierConfig = {
  train: ['all'],
  // Ours: batches are small, and the statistics of the first data are good ones.
  batchNorm: 'frozen',
  optimizer: 'sgd',
  // Krizhevsky et al. 2012, section 5, as nearly all after them.
  momentum: 0.9,
  // Ours: a tenth of the rate at which such networks end their first training.
  learningRate: 0.001,
  // Girshick et al. 2014, section 2.3 start from a tenth of the first rate; a new head needs the whole of it.
  headRate: 10,
  biasRate: 1,
  rates: [],
  schedule: 'cosine',
  // Krizhevsky et al. 2012, section 5.
  weightDecay: 0.0005,
  // He et al. 2019 (Bag of Tricks), section 3.1.
  decay: 'weights',
  labelSmoothing: 0,
  classWeights: null,
  // Ours: networks fed with 0 to 255 went dead within ten steps without. SqueezeNet hardly feels it.
  clip: 10,
  // Ours: fits the memory of a small machine at 227 x 227.
  batchSize: 8,
  epochs: 10,
  seed: 1,
};

/** From random weights: what He et al. 2016, section 4.2 train CIFAR-10 with, 64,000 steps of 128 images. */
export const fromScratchDefaults: ClassifierConfig = {
  ...fineTuningDefaults,
  batchNorm: 'live',
  learningRate: 0.1,
  headRate: 1,
  weightDecay: 0.0001,
  batchSize: 128,
  epochs: 164,
  clip: null,
  schedule: 'step:0.5,0.75',
};

/** The optimizer that a config names. */
export function optimizerOf({ optimizer, momentum, weightDecay }: ClassifierConfig): Optimizer {
  if (optimizer === 'adam') return adam({ weightDecay });
  return sgd({ momentum, weightDecay, nesterov: optimizer === 'nesterov' });
}

/**
 * Weights of classes for which each class counts as much as any other: count / (classes * count of the class), as
 * scikit-learn's `balanced`. A class without images gets 1.
 */
export function balancedWeights(labels: Int32Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts.map((count) => (count === 0 ? 1 : labels.length / (classes * count)));
}

/** @throws UsageError naming the first setting that makes no sense. */
export function checkConfig(config: ClassifierConfig, classes: number): void {
  const demand = (holds: boolean, name: keyof ClassifierConfig, rule: string): void => {
    if (!holds)
      throw new UsageError(`invalid ${name}: ${rule}, got ${JSON.stringify(config[name])}`, {
        actual: config[name],
      });
  };
  const { classWeights, clip } = config;
  const fromZero = (n: number): boolean => n >= 0 && Number.isFinite(n);
  const whole = (n: number): boolean => Number.isSafeInteger(n) && n > 0;
  demand(config.train.length > 0, 'train', 'all, head or patterns');
  demand(whole(config.batchSize), 'batchSize', 'a whole number above 0');
  demand(config.epochs > 0, 'epochs', 'a number above 0');
  demand(config.learningRate > 0, 'learningRate', 'a number above 0');
  demand(config.momentum >= 0 && config.momentum < 1, 'momentum', 'a number in [0, 1)');
  for (const name of ['headRate', 'biasRate', 'weightDecay'] as const)
    demand(fromZero(config[name]), name, 'a number from 0 on');
  demand(
    config.labelSmoothing >= 0 && config.labelSmoothing < 1,
    'labelSmoothing',
    'a share in [0, 1)',
  );
  demand(
    classWeights === null || (classWeights.length === classes && classWeights.every(fromZero)),
    'classWeights',
    `one number from 0 on for each of the ${classes} classes`,
  );
  demand(clip === null || clip > 0, 'clip', 'a number above 0');
  demand(Number.isSafeInteger(config.seed) && config.seed >= 0, 'seed', 'a whole number from 0 on');
}
