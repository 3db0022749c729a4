/**
 * A ladder network from the library: 60,000 images, 100 of them with a label, become a classifier.
 *
 *     npx tsx examples/ladder.ts --steps 3000 --expect 0.05
 */
import { parseArgs } from 'node:util';
import { classifierModel, describeClassifier, errorOf, ladderConfig, trainLadder } from 'espalier';
import { datasets, nodeRuntime, writeModelFile } from 'espalier/node';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '3000' },
    expect: { type: 'string', default: '1' },
    output: { type: 'string', default: 'ladder.onnx' },
  },
});

const data = await datasets.mnist.load({ labels: 100, seed: 1 });
const [channels, height, width] = data.shape;
const base = ladderConfig('100', 'full', channels * height * width, data.classes.length);
const stepsPerEpoch = Math.floor(data.unlabelled.count / base.batchSize);
const config = { ...base, epochs: Number(values.steps) / stepsPerEpoch };

const trained = await trainLadder({
  runtime: await nodeRuntime(),
  config,
  data,
  onEvent: (event) => {
    if (event.type !== 'step' || event.step % 60 !== 0) return;
    const costs = Object.entries(event.losses).map(
      ([name, value]) => `${name} ${value.toFixed(3)}`,
    );
    console.log(`step ${event.step}: ${costs.join(', ')}`);
  },
});

const metadata = describeClassifier({
  task: 'classification',
  classes: data.classes,
  preprocessing: {
    ...{ channels, height, width, layout: 'NCHW', colour: 'grey' },
    ...{ scale: 1 / 255, mean: [0], std: [1] },
  },
});
await writeModelFile(values.output, classifierModel(config, data.shape, trained.weights, metadata));

const test = data.test ?? data.labelled; // MNIST has test images
const error = errorOf(await trained.classify(test), test);
const seconds = trained.seconds.toFixed(1);
console.log(`test error ${(100 * error).toFixed(2)} %, ${seconds} s, ${values.output}`);
process.exitCode = error > Number(values.expect) ? 1 : 0;
