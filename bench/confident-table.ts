/**
 * The record of confident classifiers: MNIST or CIFAR-10 against sets from outside, every method and seed, a line each
 * as it falls.
 *
 *     npx tsx bench/confident-table.ts --folder FOLDER --notmnist FOLDER [--data cifar10] [--seeds 1,2,3] [--epochs 4]
 *
 * It goes on where it was stopped: finished runs stand in FOLDER/results.jsonl, the one under way in its checkpoint.
 */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { confidentBatches, spreadOver } from '../src/data/confident-batches.js';
import { imageRows } from '../src/data/image-batches.js';
import { subset } from '../src/data/image-source.js';
import { internal } from '../src/errors.js';
import { classifierNetwork } from '../src/methods/classifier/network.js';
import { figuresOf, type ImageRows } from '../src/methods/classifier/score.js';
import { probedImages } from '../src/methods/confident/collapse.js';
import {
  type ConfidentConfig,
  type ConfidentMethod,
  confidentPresets,
} from '../src/methods/confident/config.js';
import { trainConfident } from '../src/methods/confident/train.js';
import {
  type OutOfDistributionFigures,
  outOfDistributionFigures,
} from '../src/metrics/out-of-distribution.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { type ModelName, models } from '../src/nn/models/table.js';
import { fileCheckpointStore } from '../src/runs/checkpoint-store.js';
import { openRunFolder } from '../src/runs/run-folder.js';
import { nodeRuntime } from '../src/runtime/node.js';
import { permutation, streamKey } from '../src/tensor/random.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { confidentData } from './confident-data.js';
import type { OutsideSet } from './outside-sets.js';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: 'confident-table' },
    data: { type: 'string', default: 'mnist' },
    notmnist: { type: 'string', default: '../shared/data/notmnist' },
    seeds: { type: 'string', default: '1,2,3' },
    epochs: { type: 'string', default: '4' },
    images: { type: 'string', default: '10000' },
    model: { type: 'string', default: 'small-cnn' },
    width: { type: 'string', default: '1' },
    runs: { type: 'string', default: 'ce,joint,ce-long,confidence,gan' },
    settings: { type: 'string', default: '{}' },
  },
});

/** Settings of a run; `ce-long` is `ce` for as long as `joint` takes. */
interface Run {
  readonly name: string;
  readonly seed: number;
}

const runtime = await nodeRuntime();
const session = { threads: 1 };
const model = models[values.model as ModelName];
const resultsFile = join(values.folder, 'results.jsonl');
await mkdir(values.folder, { recursive: true });

const { preprocessing, image, ...data } = await confidentData[
  values.data as keyof typeof confidentData
](values.notmnist);
const { test, sets } = data;
const count = Number(values.images);
// The same images for every seed: seeds differ by weights, order and noise alone.
const train = subset(
  data.train,
  permutation(data.train.count, streamKey(0, 0, 'images')).slice(0, count),
);

const methodOf = (name: string): ConfidentMethod =>
  name === 'ce-long' ? 'ce' : (name as ConfidentMethod);

function configOf({ name, seed }: Run, epochs: number): ConfidentConfig {
  const preset = confidentPresets['two-cores'];
  const given = JSON.parse(values.settings) as Partial<ConfidentConfig>;
  return { ...preset, ...data.settings, ...given, method: methodOf(name), epochs, seed };
}

/** Trains as a run says; from its checkpoint where it has one. */
async function trained(run: Run, epochs: number, resume: boolean, signal?: AbortSignal) {
  const config = configOf(run, epochs);
  const shape = { input: image, classes: 10, width: Number(values.width) } as const;
  const built = buildModel(model, { seed: run.seed, ...shape });
  const network = classifierNetwork(built, { classes: 10, head: 'keep', seed: run.seed });
  const outside = config.method === 'confidence' ? data.seen : null;
  const { batchSize, seed } = config;
  const store = resume
    ? fileCheckpointStore(
        await openRunFolder(join(values.folder, `${run.name}-${seed}`), { resume }),
      )
    : null;
  const notices: string[] = [];
  const times: number[] = [];
  let last = performance.now();
  const result = await trainConfident({
    ...{ runtime, session, network, config, image, resume },
    batches: confidentBatches(train, outside, { network, preprocessing, batchSize, seed }),
    probe: imageRows(spreadOver(train, probedImages), preprocessing),
    ...(store && { store }),
    ...(signal && { signal }),
    onEvent(event) {
      if (event.type === 'notice') notices.push(event.message);
      if (event.type === 'evaluation')
        process.stderr.write(`${run.name} ${seed} ${JSON.stringify(event)}\n`);
      if (event.type !== 'step') return;
      times.push(performance.now() - last);
      last = performance.now();
    },
  });
  return { result, notices, times };
}

/** How many times as long a round of `joint` takes as a step of `ce`, in turns beside whatever else runs. */
async function ratioOfTimes(): Promise<number> {
  const file = join(values.folder, 'ratio.json');
  const known = await readFile(file, 'utf8').catch(() => null);
  if (known !== null) return Number(JSON.parse(known));
  const ratios: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const [ce = 1, joint = 1] = [await timeOf('ce'), await timeOf('joint')];
    ratios.push(joint / ce);
  }
  const ratio = ratios.sort((a, b) => a - b)[1] ?? 1;
  await writeFile(file, JSON.stringify(ratio));
  return ratio;
}

/** Median milliseconds of a report's steps. */
async function timeOf(name: string): Promise<number> {
  const steps = 24;
  const perEpoch = Math.floor(count / confidentPresets['two-cores'].batchSize);
  const { times } = await trained({ name, seed: 0 }, steps / perEpoch, false);
  // The first reports warm up.
  const later = times.slice(2).sort((a, b) => a - b);
  return later[Math.floor(later.length / 2)] ?? internal('no step was timed');
}

async function figures(run: Run, epochs: number) {
  const { result, notices } = await trained(run, epochs, true);
  const confidences = async (rows: ImageRows): Promise<Float64Array> =>
    outsideScores(await result.classify(rows));
  const inside = imageRows(test, preprocessing);
  const probabilities = await result.classify(inside);
  const own = outsideScores(probabilities);
  const found: Record<string, OutOfDistributionFigures> = {};
  const tnr: Record<string, number> = {};
  for (const { name, source } of sets) {
    const other = await confidences(imageRows(source, preprocessing));
    found[name] = outOfDistributionFigures(own, other);
    tnr[name] = found[name].tnr;
  }
  const meanOf = (of: (set: OutsideSet) => boolean): number => {
    const chosen = sets.filter(of).map(({ name }) => tnr[name] ?? 0);
    return chosen.reduce((a, b) => a + b, 0) / chosen.length;
  };
  return {
    ...{
      ...run,
      epochs,
      steps: result.step,
      seconds: result.seconds,
      restarts: result.restarts,
      notices,
    },
    accuracy: 1 - figuresOf(probabilities, inside.labels).error,
    mean: meanOf(() => true),
    far: meanOf(({ kind }) => kind === 'far'),
    near: meanOf(({ kind }) => kind === 'near'),
    tnr,
    figures: found,
  };
}

/** Minus the largest probability: higher is more outside. */
function outsideScores({ dims, data }: Tensor<'float32'>): Float64Array {
  const [n = 0, classes = 1] = dims;
  return Float64Array.from(
    { length: n },
    (_, i) => -Math.max(...data.subarray(i * classes, (i + 1) * classes)),
  );
}

const lines = (await readFile(resultsFile, 'utf8').catch(() => '')).split('\n').filter(Boolean);
const done = new Set(
  lines.map((line) => {
    const { name, seed } = JSON.parse(line) as Run;
    return `${name} ${seed}`;
  }),
);
for (const name of values.runs.split(','))
  for (const seed of values.seeds.split(',').map(Number)) {
    if (done.has(`${name} ${seed}`)) continue;
    const equal = Number(values.epochs);
    const epochs = name === 'ce-long' ? equal * (await ratioOfTimes()) : equal;
    const row = JSON.stringify(await figures({ name, seed }, epochs));
    await appendFile(resultsFile, `${row}\n`);
    process.stdout.write(`${row}\n`);
  }
