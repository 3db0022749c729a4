/**
 * A small ladder run in a process of its own, for tests that kill it or watch its memory. Prints one line when training
 * begins and one with the resident memory at every report.
 * Arguments: folder, steps, steps between checkpoints, widths, steps between reports.
 */
import { createHash } from 'node:crypto';
import { ladderBatches } from '../../src/methods/ladder/batches.js';
import { ladderConfig } from '../../src/methods/ladder/config.js';
import { ladderStep } from '../../src/methods/ladder/step.js';
import { fileCheckpointStore } from '../../src/runs/checkpoint-store.js';
import { openRunFolder } from '../../src/runs/run-folder.js';
import { nodeRuntime } from '../../src/runtime/node.js';
import { fillUniform, streamKey } from '../../src/tensor/random.js';
import { train } from '../../src/train/train.js';

const [
  folder = '',
  steps = '100',
  checkpointEvery = '10',
  widths = '16,12,8,4',
  reportEvery = '250',
] = process.argv.slice(2);
const layers = widths.split(',').map(Number);
const config = {
  ...ladderConfig('100', 'full', 16, 4),
  widths: layers,
  lambdas: layers.map((_, l) => (l === 0 ? 1000 : 0.1)),
  batchSize: 20,
};
const count = 200;
const uniform = new Float32Array(count * (layers[0] ?? 1));
fillUniform(uniform, streamKey(1, 0, 'images'));
const images = Uint8Array.from(uniform, (value) => 255 * value);
const labels = Int32Array.from({ length: count }, (_, i) => i % (layers.at(-1) ?? 1));
const { batch } = ladderBatches(config, { images, count, labels }, { images, count, labels: null });

const run = await openRunFolder(folder, { resume: true });
const result = await train({
  runtime: await nodeRuntime(),
  session: { threads: 1 },
  step: ladderStep(config),
  batch,
  steps: Number(steps),
  stepsPerEpoch: 250,
  reportEvery: Number(reportEvery),
  learningRate: 0.002,
  schedule: () => 1,
  seed: 7,
  store: fileCheckpointStore(run),
  resume: true,
  checkpointEvery: Number(checkpointEvery),
  onEvent: (event) => {
    if (event.type === 'start') console.log('start', event.step);
    if (event.type === 'step') console.log('memory', event.step, process.memoryUsage.rss());
  },
});
const hash = createHash('sha256');
for (const [name, { data }] of result.parameters) hash.update(name).update(data as Float32Array);
console.log('digest', hash.digest('hex'));
