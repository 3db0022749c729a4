/** Settings of classifiers over boxes; each number with its source. */
import { UsageError } from '../../errors.js';
import { checkGrid } from './grid.js';

/** What a head looks like, and how its cells are fitted each alone. */
export interface CellsConfig {
  /** Places along each side of a box. */
  readonly size: number;
  /** K of the K x K classifiers. */
  readonly grid: number;
  /** Share of a box's sides that is added at every edge. */
  readonly expansion: number;
  /** Sides of the neighbourhoods that are seen on each tap's own grid, odd, one a tap; null for 1 x 1. */
  readonly kernels: readonly number[] | null;
  /** Places of a box that are learnt from; at least one of each cell. */
  readonly places: number;
  /** Of the squared weights, on features of deviation 1. */
  readonly penalty: number;
  /** Steps of each fit at most. */
  readonly iterations: number;
  readonly seed: number;
}

/** As Hariharan et al. 2015 train at first: each classifier on the places of its own cell, no interpolation. */
export const cellsDefaults: CellsConfig = {
  // The paper's.
  size: 50,
  // 5 or 10 in the paper; 5 x 5 is nearly as good as 10 x 10 there.
  grid: 5,
  // Ours: the paper expands boxes slightly. Boxes that are off by a seventh of their sides still hold the thing.
  expansion: 0.15,
  // The paper's at first; it then finds n x n of most help on low layers, as bench boxes does.
  kernels: null,
  // Ours: neighbours in a map of 50 x 50 say nearly the same.
  places: 100,
  // Ours, chosen on validation scenes of digits among powers of ten.
  penalty: 1e-3,
  // Ours: fits that have not come to rest by then change little.
  iterations: 60,
  seed: 1,
};

/** How heads are trained as one graph, with or without what lies before them. */
export interface BoxTrainConfig {
  /** `heads`, `all`, or patterns over the names of weights. */
  readonly train: readonly string[];
  readonly learningRate: number;
  /** Of all weights but the heads', as a multiple. */
  readonly backboneRate: number;
  /** As `parseSchedule` reads it. */
  readonly schedule: string;
  readonly weightDecay: number;
  /** Images a step, and boxes taken of each: more are left for another pass, fewer are repeated. */
  readonly images: number;
  readonly boxes: number;
  /** Passes over the images. */
  readonly epochs: number;
  readonly seed: number;
}

/** All ours: the paper fine-tunes by SGD and gives no numbers that fit other networks. */
export const boxTrainDefaults: BoxTrainConfig = {
  train: ['heads'],
  // Adam's own (Kingma and Ba 2015, section 2); what is fitted already needs no more.
  learningRate: 1e-3,
  // Girshick et al. 2014, section 2.3 fine-tune at a tenth of the rate of what is new.
  backboneRate: 0.1,
  schedule: 'cosine',
  weightDecay: 1e-4,
  images: 8,
  boxes: 3,
  epochs: 5,
  seed: 1,
};

/** @throws UsageError naming the first setting that makes no sense. */
export function checkCells(config: CellsConfig, taps: number): void {
  const { size, grid, expansion, kernels, places, penalty, iterations, seed } = config;
  demand(whole(size), 'size', 'a whole number above 0', size);
  checkGrid(grid, size);
  demand(expansion >= 0 && expansion <= 2, 'expansion', 'a share in [0, 2]', expansion);
  demand(
    kernels === null || (kernels.length === taps && kernels.every((n) => whole(n) && n % 2 === 1)),
    'kernels',
    `an odd number for each of the ${taps} taps`,
    kernels,
  );
  demand(
    whole(places) && places <= size * size,
    'places',
    `a whole number from 1 to ${size * size}, those of the map`,
    places,
  );
  demand(penalty >= 0 && Number.isFinite(penalty), 'penalty', 'a number from 0 on', penalty);
  demand(whole(iterations), 'iterations', 'a whole number above 0', iterations);
  demand(Number.isSafeInteger(seed) && seed >= 0, 'seed', 'a whole number from 0 on', seed);
}

/** @throws UsageError naming the first setting that makes no sense. */
export function checkBoxTrain(config: BoxTrainConfig): void {
  const { train, images, boxes, epochs, learningRate, backboneRate, weightDecay, seed } = config;
  demand(train.length > 0, 'train', 'heads, all or patterns', train);
  demand(whole(images), 'images', 'a whole number above 0', images);
  demand(whole(boxes), 'boxes', 'a whole number above 0', boxes);
  demand(epochs > 0 && Number.isFinite(epochs), 'epochs', 'a number above 0', epochs);
  demand(learningRate > 0, 'learningRate', 'a number above 0', learningRate);
  demand(backboneRate >= 0, 'backboneRate', 'a number from 0 on', backboneRate);
  demand(weightDecay >= 0, 'weightDecay', 'a number from 0 on', weightDecay);
  demand(Number.isSafeInteger(seed) && seed >= 0, 'seed', 'a whole number from 0 on', seed);
}

const whole = (n: number): boolean => Number.isSafeInteger(n) && n > 0;

function demand(holds: boolean, name: string, rule: string, actual: unknown): void {
  if (!holds)
    throw new UsageError(`invalid ${name}: ${rule}, got ${JSON.stringify(actual)}`, { actual });
}
