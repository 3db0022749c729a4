/** The settings that methods have in common which train a network by descending a loss. */
import { UsageError } from '../errors.js';
import { adam, type Optimizer, sgd } from '../nn/optimizer.js';

export const optimizers = ['sgd', 'nesterov', 'adam'] as const;

export interface OptimizationConfig {
  /** Patterns over the names of weights that are trained, or words that the method has for some. */
  readonly train: readonly string[];
  /** Whether BatchNormalization keeps its running statistics or takes the batch's, and goes on averaging them. */
  readonly batchNorm: 'frozen' | 'live';
  readonly optimizer: (typeof optimizers)[number];
  /** Of sgd and nesterov. */
  readonly momentum: number;
  readonly learningRate: number;
  /** Learning rates as multiples of the base rate: of biases, and by `pattern=rate`. */
  readonly biasRate: number;
  readonly rates: readonly string[];
  /** As `parseSchedule` reads it. */
  readonly schedule: string;
  readonly weightDecay: number;
  /** What it is for: all parameters, or neither biases nor the scales of normalisations. */
  readonly decay: 'all' | 'weights';
  /** One for each class; null for all alike. */
  readonly classWeights: readonly number[] | null;
  /** Largest norm of the gradient; null for no limit. */
  readonly clip: number | null;
  /** Images a step. */
  readonly batchSize: number;
  /** Passes over the training images. */
  readonly epochs: number;
  readonly seed: number;
}

/** The optimizer that a config names. */
export function optimizerOf({
  optimizer,
  momentum,
  weightDecay,
}: Pick<OptimizationConfig, 'optimizer' | 'momentum' | 'weightDecay'>): Optimizer {
  if (optimizer === 'adam') return adam({ weightDecay });
  return sgd({ momentum, weightDecay, nesterov: optimizer === 'nesterov' });
}

/** Says what a setting must be: throws a UsageError that names it, its rule and its value unless that holds. */
export type Demand<C> = (holds: boolean, name: keyof C & string, rule: string) => void;

export function demandsOf<C>(config: C): Demand<C> {
  return (holds, name, rule) => {
    if (holds) return;
    const actual = config[name];
    throw new UsageError(`invalid ${name}: ${rule}, got ${JSON.stringify(actual)}`, { actual });
  };
}

/** Whether a number is finite and not below 0. */
export const isFromZero = (n: number): boolean => n >= 0 && Number.isFinite(n);

/** @throws UsageError naming the first setting that makes no sense. */
export function checkOptimization(config: OptimizationConfig, classes: number): void {
  const demand = demandsOf(config);
  const { classWeights, clip, batchSize, momentum, seed } = config;
  demand(optimizers.includes(config.optimizer), 'optimizer', `one of ${optimizers.join(', ')}`);
  demand(Number.isSafeInteger(batchSize) && batchSize > 0, 'batchSize', 'a whole number above 0');
  for (const name of ['epochs', 'learningRate'] as const)
    demand(config[name] > 0 && Number.isFinite(config[name]), name, 'a number above 0');
  demand(momentum >= 0 && momentum < 1, 'momentum', 'a number in [0, 1)');
  for (const name of ['biasRate', 'weightDecay'] as const)
    demand(isFromZero(config[name]), name, 'a number from 0 on');
  demand(
    classWeights === null || (classWeights.length === classes && classWeights.every(isFromZero)),
    'classWeights',
    `one number from 0 on for each of the ${classes} classes`,
  );
  demand(clip === null || clip > 0, 'clip', 'a number above 0');
  demand(Number.isSafeInteger(seed) && seed >= 0, 'seed', 'a whole number from 0 on');
}

/** @throws UsageError for a patience where nothing is judged: it would never end a run. */
export function checkPatience(options: {
  readonly patience?: number | undefined;
  readonly validation?: unknown;
}): void {
  if (options.patience !== undefined && !options.validation)
    throw new UsageError(
      'patience needs validation data to be judged by: give some, or leave it out',
      {
        actual: options.patience,
      },
    );
}
