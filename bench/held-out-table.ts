/**
 * The record of classes held out: digits 0 to 4 inside, 5 to 9 outside, every detector under every training, a line for
 * each training and seed as it falls; the far sets beside it.
 *
 *     npx tsx bench/held-out-table.ts --folder FOLDER --notmnist FOLDER [--seeds 1,2] [--epochs 4] [--images 10000]
 *
 * It goes on where it was stopped: finished runs stand in FOLDER/results.jsonl, the one under way in its checkpoint.
 */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { confidentBatches, spreadOver } from '../src/data/confident-batches.js';
import { imageRows } from '../src/data/image-batches.js';
import { type ImageSource, labelsOf, subset } from '../src/data/image-source.js';
import { openImages } from '../src/data/open-images.js';
import { classifierNetwork } from '../src/methods/classifier/network.js';
import { figuresOf } from '../src/methods/classifier/score.js';
import { probedImages } from '../src/methods/confident/collapse.js';
import { type ConfidentMethod, confidentPresets } from '../src/methods/confident/config.js';
import { type TrainedConfident, trainConfident } from '../src/methods/confident/train.js';
import { scoredNetwork } from '../src/methods/ood/network.js';
import { imageScorer } from '../src/methods/ood/score.js';
import { type DetectorName, detectorNames, detectors } from '../src/methods/ood/table.js';
import {
  type OutOfDistributionFigures,
  outOfDistributionFigures,
} from '../src/metrics/out-of-distribution.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import type { Preprocessing } from '../src/onnx/metadata.js';
import { fileCheckpointStore } from '../src/runs/checkpoint-store.js';
import { openRunFolder } from '../src/runs/run-folder.js';
import { nodeRuntime } from '../src/runtime/node.js';
import { permutation, streamKey } from '../src/tensor/random.js';
import { outsideSets } from './outside-sets.js';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: 'held-out-table' },
    notmnist: { type: 'string', default: '../shared/data/notmnist' },
    seeds: { type: 'string', default: '1,2' },
    epochs: { type: 'string', default: '4' },
    images: { type: 'string', default: '10000' },
    runs: { type: 'string', default: 'ce,confidence,gan,joint' },
  },
});

/** Digits below this one are inside. */
const classes = 5;
/** Images that Mahalanobis and nearest neighbours learn from: some of those that the classifier saw. */
const fitted = 5000;
const batch = 100;

const preprocessing: Preprocessing = {
  ...{ layout: 'NCHW', channels: 1, height: 28, width: 28, colour: 'grey' },
  ...{ scale: 1 / 255, mean: [0], std: [1] },
};

const runtime = await nodeRuntime();
const session = { threads: 1 };
const resultsFile = join(values.folder, 'results.jsonl');
await mkdir(values.folder, { recursive: true });

/** The images of the digits that `of` takes. */
function digits(source: ImageSource, of: (digit: number) => boolean): ImageSource {
  const labels = labelsOf(source);
  return subset(
    source,
    [...labels.keys()].filter((i) => of(labels[i] ?? 0)),
  );
}

const mnist = await openImages('mnist');
const known = digits(mnist.train, (digit) => digit < classes);
// The same images for every seed: seeds differ by weights, order and noise alone.
const order = permutation(known.count, streamKey(0, 0, 'images'));
const train = subset(known, order.slice(0, Number(values.images)));
const test = mnist.test ?? mnist.train;
const inside = digits(test, (digit) => digit < classes);
const fashion = await openImages('fashion-mnist');
const clothes = fashion.test ?? fashion.train;
const sets = [
  { name: 'digits 5 to 9', source: digits(test, (digit) => digit >= classes) },
  // Rotated and mirrored digits inside are another question.
  ...(await outsideSets(inside, clothes, values.notmnist)).filter(({ kind }) => kind === 'far'),
];

/** A classifier of the small kind, trained as `confident-table` does; from its checkpoint where it has one. */
async function trained(method: ConfidentMethod, seed: number): Promise<TrainedConfident> {
  const epochs = Number(values.epochs);
  const config = { ...confidentPresets['two-cores'], method, epochs, seed };
  const built = buildModel(models['small-cnn'], { seed, input: [1, 28, 28], classes });
  const network = classifierNetwork(built, { classes, head: 'keep', seed });
  const { batchSize } = config;
  const outside = method === 'confidence' ? fashion.train : null;
  const folder = await openRunFolder(join(values.folder, `${method}-${seed}`), { resume: true });
  return trainConfident({
    ...{ runtime, session, network, config, image: [1, 28, 28], resume: true },
    batches: confidentBatches(train, outside, { network, preprocessing, batchSize, seed }),
    probe: imageRows(spreadOver(train, probedImages), preprocessing),
    store: fileCheckpointStore(folder),
    onEvent(event) {
      if (event.type === 'notice') process.stderr.write(`${event.message}\n`);
    },
  });
}

async function row(method: ConfidentMethod, seed: number) {
  const result = await trained(method, seed);
  const network = scoredNetwork(result.model());
  const images = imageRows(subset(train, firstOf(train, fitted)), preprocessing);
  const context = { runtime, network, images, batch, settings: { inputScale: [1 / 255] }, session };
  const ready = await Promise.all(detectorNames.map((name) => detectors[name].fit(context)));
  const score = await imageScorer(runtime, network, ready, batch, session);
  const own = await score(imageRows(inside, preprocessing));
  const found: Record<string, Partial<Record<DetectorName, OutOfDistributionFigures>>> = {};
  for (const { name, source } of sets) {
    const other = await score(imageRows(source, preprocessing));
    found[name] = Object.fromEntries(
      detectorNames.map((detector) => [
        detector,
        outOfDistributionFigures(own.scores.get(detector) ?? [], other.scores.get(detector) ?? []),
      ]),
    );
  }
  const rows = imageRows(inside, preprocessing);
  const { error } = figuresOf(await result.classify(rows), rows.labels);
  const { step: steps, seconds, restarts } = result;
  return { method, seed, steps, seconds, restarts, accuracy: 1 - error, figures: found };
}

const firstOf = ({ count }: ImageSource, most: number): number[] =>
  Array.from({ length: Math.min(count, most) }, (_, i) => i);

const lines = (await readFile(resultsFile, 'utf8').catch(() => '')).split('\n').filter(Boolean);
const done = new Set(
  lines.map((line) => {
    const { method, seed } = JSON.parse(line) as { method: string; seed: number };
    return `${method} ${seed}`;
  }),
);
for (const seed of values.seeds.split(',').map(Number))
  for (const method of values.runs.split(',') as ConfidentMethod[]) {
    if (done.has(`${method} ${seed}`)) continue;
    const line = JSON.stringify(await row(method, seed));
    await appendFile(resultsFile, `${line}\n`);
    process.stdout.write(`${line}\n`);
  }
