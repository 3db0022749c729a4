/**
 * What keeps a confident classifier from collapsing: short runs of the joint method on MNIST with and without what may be
 * done against it, at learning rates far above the preset's; a line for each run as it falls.
 *
 *     npx tsx bench/collapse-table.ts --folder FOLDER [--seeds 12] [--rates 0.05] [--beta 1] [--rounds 120]
 *
 * A run has collapsed where the look before a checkpoint says so; it then goes back with half the learning rate, as every
 * run does, up to three times. At the end 1,000 test digits are judged: null is a run that gave up. It goes on where it
 * was stopped: finished runs stand in FOLDER/results.jsonl.
 */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { confidentBatches, spreadOver } from '../src/data/confident-batches.js';
import { imageRows } from '../src/data/image-batches.js';
import { subset } from '../src/data/image-source.js';
import { openImages } from '../src/data/open-images.js';
import { TrainingError } from '../src/errors.js';
import { classifierNetwork } from '../src/methods/classifier/network.js';
import { figuresOf } from '../src/methods/classifier/score.js';
import { probedImages } from '../src/methods/confident/collapse.js';
import { type ConfidentConfig, confidentPresets } from '../src/methods/confident/config.js';
import { trainConfident } from '../src/methods/confident/train.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import type { Preprocessing } from '../src/onnx/metadata.js';
import { nodeRuntime } from '../src/runtime/node.js';
import { permutation, streamKey } from '../src/tensor/random.js';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: 'collapse-table' },
    seeds: { type: 'string', default: '12' },
    rates: { type: 'string', default: '0.05' },
    beta: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '120' },
    arms: { type: 'string', default: 'neither,beta,clip,both,rate' },
  },
});

const image = [1, 28, 28] as const;
const preprocessing: Preprocessing = {
  ...{ layout: 'NCHW', channels: 1, height: 28, width: 28, colour: 'grey' },
  ...{ scale: 1 / 255, mean: [0], std: [1] },
};
/** Small, so that many runs fit: a quarter of the net's width, a sixteenth of the GAN's, 32 digits. */
const [width, ganWidth, batchSize] = [0.25, 1 / 16, 32];
/** Rounds between two looks. */
const checkpointEvery = 40;

const rounds = Number(values.rounds);
const count = rounds * batchSize;
/**
 * What may be done against a collapse: beta rises from 0, the classifier's gradient is clipped, the learning rate rises
 * from 0. The run is one pass over its images, so both rise over its first half.
 */
const arms = {
  neither: { warmUp: 0, clip: null },
  beta: { warmUp: 0.5, clip: null },
  clip: { warmUp: 0, clip: 1 },
  both: { warmUp: 0.5, clip: 1 },
  rate: { warmUp: 0, clip: null, schedule: 'warmup:0.5+constant' },
} satisfies Record<string, Partial<ConfidentConfig>>;

interface Run {
  readonly arm: keyof typeof arms;
  readonly rate: number;
  readonly beta: number;
  readonly seed: number;
}

const runtime = await nodeRuntime();
const mnist = await openImages('mnist');
const some = permutation(mnist.train.count, streamKey(0, 0, 'images')).slice(0, count);
const train = subset(mnist.train, some);
const test = mnist.test ?? mnist.train;
const judged = imageRows(spreadOver(test, 1000), preprocessing);

async function row(run: Run) {
  const { arm, rate: learningRate, beta, seed } = run;
  const config: ConfidentConfig = {
    ...confidentPresets['two-cores'],
    ...{ method: 'joint', epochs: 1, ganWidth, batchSize, learningRate, beta, seed, ...arms[arm] },
  };
  const built = buildModel(models['small-cnn'], { seed, input: image, classes: 10, width });
  const network = classifierNetwork(built, { classes: 10, head: 'keep', seed });
  const notices: string[] = [];
  let deadUnits = 0;
  const begun = performance.now();
  const result = await trainConfident({
    ...{ runtime, session: { threads: 1 }, network, config, image, checkpointEvery },
    batches: confidentBatches(train, null, { network, preprocessing, batchSize, seed }),
    probe: imageRows(spreadOver(train, probedImages), preprocessing),
    onEvent(event) {
      if (event.type === 'evaluation') deadUnits = event.metrics['deadUnits'] ?? 0;
      if (event.type === 'notice') notices.push(event.message);
    },
  }).catch((error: unknown) => {
    if (!(error instanceof TrainingError)) throw error;
    notices.push(error.message);
    return null;
  });
  const accuracy = result && 1 - figuresOf(await result.classify(judged), judged.labels).error;
  const seconds = (performance.now() - begun) / 1000;
  return { ...run, rounds, collapses: notices.length, accuracy, deadUnits, seconds, notices };
}

await mkdir(values.folder, { recursive: true });
const resultsFile = join(values.folder, 'results.jsonl');
const nameOf = ({ arm, rate, beta, seed }: Run): string => `${arm} ${rate} ${beta} ${seed}`;
const lines = (await readFile(resultsFile, 'utf8').catch(() => '')).split('\n').filter(Boolean);
const done = new Set(lines.map((line) => nameOf(JSON.parse(line) as Run)));
for (const rate of values.rates.split(',').map(Number))
  for (let seed = 1; seed <= Number(values.seeds); seed++)
    for (const arm of values.arms.split(',') as Run['arm'][]) {
      const run = { arm, rate, beta: Number(values.beta), seed };
      if (done.has(nameOf(run))) continue;
      const line = JSON.stringify(await row(run));
      await appendFile(resultsFile, `${line}\n`);
      process.stdout.write(`${line}\n`);
    }
