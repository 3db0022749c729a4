/** Settings of a classifier's training. */
import {
  checkOptimization,
  demandsOf,
  isFromZero,
  type OptimizationConfig,
} from '../optimization.js';

export interface ClassifierConfig extends OptimizationConfig {
  /** Of the head, as a multiple of the base learning rate. */
  readonly headRate: number;
  /** Share of the target that is spread evenly over all classes. */
  readonly labelSmoothing: number;
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
  const demand = demandsOf(config);
  demand(config.train.length > 0, 'train', 'all, head or patterns');
  checkOptimization(config, classes);
  demand(isFromZero(config.headRate), 'headRate', 'a number from 0 on');
  demand(
    config.labelSmoothing >= 0 && config.labelSmoothing < 1,
    'labelSmoothing',
    'a share in [0, 1)',
  );
}
