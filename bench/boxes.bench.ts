/**
 * Classifiers over jittered boxes of digit scenes: the layer on top alone against hypercolumns, and grids of 1, 5 and 10.
 * The paper's order must hold (Hariharan et al. 2015: hypercolumns over the top layer, 5 x 5 over 1 x 1).
 */
import { type BoxTask, boxImages, outputsOf } from '../src/data/detection/box-images.js';
import { type DetectionData, digitDetections } from '../src/data/detection/digits.js';
import { type BoxFigures, judgeBoxes } from '../src/data/detection/judge.js';
import { type HypercolumnTap, hypercolumnTaps } from '../src/dense/hypercolumn-taps.js';
import { internal } from '../src/errors.js';
import type { Model } from '../src/graph/graph.js';
import {
  boxTrainDefaults,
  type CellsConfig,
  cellsDefaults,
} from '../src/methods/hypercolumn/config.js';
import { fitCells } from '../src/methods/hypercolumn/fit.js';
import { type BoxHead, type BoxNetwork, boxNetwork } from '../src/methods/hypercolumn/network.js';
import { boxPredictor } from '../src/methods/hypercolumn/predict.js';
import { trainBoxes } from '../src/methods/hypercolumn/train.js';
import { featureMaps } from '../src/ops/feature-maps.js';
import { loadModel } from '../src/ops/load.js';
import { imageInput, receptiveFields } from '../src/ops/receptive-fields.js';
import type { Runtime } from '../src/runtime/runtime.js';
import type { Benchmark } from './benchmark.js';
import { preprocessing, trainBackbone } from './box-backbone.js';

/** Scenes that are judged. */
const judged = 300;
/** The layers of scene net, and how far each is seen around a place: the last map alone, or the last of every stride. */
const layers = {
  'top layer': { strides: [8], kernels: [3] },
  hypercolumns: { strides: [1, 2, 4, 8], kernels: [3, 3, 1, 1] },
} as const;
type Layers = keyof typeof layers;

function tapsOf(model: Model, from: Layers): HypercolumnTap[] {
  const b = loadModel(model);
  const image = imageInput(b) ?? internal('a backbone without images');
  const last = new Map<number, string>();
  for (const { value, field } of featureMaps(b, receptiveFields(b, image)))
    last.set(field[0]?.stride ?? 0, value.name);
  const names = layers[from].strides.map((stride) => last.get(stride) ?? internal('no such map'));
  return hypercolumnTaps(model, names);
}

/** Points, of 100, by which hypercolumns are to be ahead in keypoints and parts. */
const ahead = 3;

interface Experiment {
  readonly runtime: Runtime;
  readonly threads: number;
  readonly model: Model;
  readonly data: DetectionData;
  /** Scenes that are learnt from. */
  readonly scenes: number;
  readonly seed: number;
}

/** Fits a head cell by cell. */
async function fitted(
  { runtime, threads, model, data, scenes, seed }: Experiment,
  task: BoxTask,
  from: Layers,
  change: Partial<CellsConfig> = {},
): Promise<BoxHead> {
  const config = { ...cellsDefaults, kernels: layers[from].kernels, seed, ...change };
  const { size, expansion } = config;
  return fitCells({
    ...{ runtime, config, source: model, session: { threads } },
    taps: tapsOf(model, from),
    outputs: outputsOf(data.train, task),
    data: await boxImages(data.train, { task, size, expansion, preprocessing, scenes }),
  });
}

/** Judges heads on test scenes. */
async function judgedOn(
  { runtime, threads, data }: Experiment,
  network: BoxNetwork,
): Promise<BoxFigures> {
  const source = data.test ?? internal('scenes without a test part');
  const predict = await boxPredictor(runtime, network, { threads });
  return judgeBoxes({ source, network, predict, preprocessing, scenes: judged });
}

/** Trains a figure head and all that is before it through the blend. */
async function refined(
  { runtime, threads, data, scenes, seed }: Experiment,
  network: BoxNetwork,
): Promise<BoxNetwork> {
  const { size, expansion } = cellsDefaults;
  const images = await boxImages(data.train, {
    ...{ task: 'figure', size, expansion, preprocessing, scenes },
  });
  const trained = await trainBoxes({
    ...{ runtime, network, data: images, session: { threads } },
    config: { ...boxTrainDefaults, train: ['all'], seed },
  });
  return trained.network;
}

const percent = (share: number | undefined): string => ((share ?? Number.NaN) * 100).toFixed(1);

export const boxesBenchmark: Benchmark = {
  name: 'boxes',
  summary:
    'digits in jittered boxes: AP^r by grid and layers, APK, AP^r_part (--steps: scenes learnt from)',
  amount: { steps: 300, warmup: 0, rounds: 1 },
  kind: 'host',
  async run({ runtime, steps, rounds, threads, progress }) {
    const lines: string[] = [];
    const failures: string[] = [];
    const figures: Record<string, number>[] = [];
    for (let seed = 1; seed <= rounds; seed++) {
      const say = (line: string): void => {
        lines.push(line);
        progress(line);
      };
      const most = Math.max(...threads);
      const experiment: Experiment = {
        ...{ runtime, threads: most, scenes: steps, seed },
        model: await trainBackbone(runtime, seed, most, progress),
        data: await digitDetections({ seed, train: steps, test: judged }),
      };
      const found = await measured(experiment, say);
      figures.push(found);
      failures.push(...broken(found));
    }
    return { figures: { seeds: figures }, lines, failures };
  },
};

/** All figures of one seed, as shares. */
async function measured(
  experiment: Experiment,
  say: (line: string) => void,
): Promise<Record<string, number>> {
  const { model } = experiment;
  const figures: Record<string, number> = {};
  const note = (name: string, value: number | undefined): void => {
    figures[name] = value ?? Number.NaN;
  };
  const sayFigure = (name: string, { figure }: BoxFigures): void => {
    note(`${name}, AP^r 0.5`, figure?.at50.mean);
    note(`${name}, AP^r 0.7`, figure?.at70.mean);
    say(
      `${name.padEnd(32)} AP^r ${percent(figure?.at50.mean)} at 0.5, ${percent(figure?.at70.mean)} at 0.7`,
    );
  };
  for (const from of Object.keys(layers) as Layers[]) {
    const figure = new Map<number, BoxHead>();
    for (const grid of [1, 5, 10]) {
      const head = await fitted(experiment, 'figure', from, { grid });
      figure.set(grid, head);
      const network = boxNetwork(model, { figure: head });
      sayFigure(`${from}, ${grid} x ${grid}`, await judgedOn(experiment, network));
    }
    const best = figure.get(cellsDefaults.grid) ?? internal('a grid that was not fitted');
    const heads = {
      figure: best,
      keypoints: await fitted(experiment, 'keypoints', from),
      parts: await fitted(experiment, 'parts', from),
    };
    const { keypoints, parts } = await judgedOn(experiment, boxNetwork(model, heads));
    note(`${from}, APK`, keypoints?.mean);
    note(`${from}, AP^r_part`, parts?.mean);
    say(
      `${`${from}, 5 x 5`.padEnd(32)} APK ${percent(keypoints?.mean)}, AP^r_part ${percent(parts?.mean)}`,
    );
    const better = await refined(experiment, boxNetwork(model, { figure: best }));
    sayFigure(`${from}, 5 x 5, all trained`, await judgedOn(experiment, better));
  }
  return figures;
}

/** What of the paper's findings does not hold. */
function broken(figures: Readonly<Record<string, number>>): string[] {
  const of = (name: string): number => 100 * (figures[name] ?? Number.NaN);
  const demand = (better: string, than: string, by: number): string[] =>
    of(better) - of(than) > by
      ? []
      : [
          `${better} (${of(better).toFixed(1)}) is not above ${than} (${of(than).toFixed(1)}) by ${by}`,
        ];
  return [
    ...[0.5, 0.7].flatMap((at) => [
      ...demand(`hypercolumns, 5 x 5, AP^r ${at}`, `top layer, 5 x 5, AP^r ${at}`, 0),
      ...demand(`hypercolumns, 5 x 5, AP^r ${at}`, `hypercolumns, 1 x 1, AP^r ${at}`, 0),
    ]),
    ...demand('hypercolumns, APK', 'top layer, APK', ahead),
    ...demand('hypercolumns, AP^r_part', 'top layer, AP^r_part', ahead),
  ];
}
