/** Fine-tunes an ONNX classifier on MNIST: npx tsx examples/fine-tune.ts --steps 300 <model> <output> */
import { parseArgs } from 'node:util';
import { classifierNetwork, figuresOf, fineTuningDefaults, trainClassifier } from 'espalier';
import * as node from 'espalier/node';

const options = { steps: { type: 'string', default: '300' } } as const;
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const [source = 'model.onnx', output = 'tuned.onnx'] = positionals;
const { classes, train, test } = await node.openImages('mnist');
const network = classifierNetwork(await node.readModelFile(source), {
  ...{ classes: classes.length, head: 'new', seed: 1 }, // the layers before it go on from where they are
});
const images = { channels: 1, height: 28, width: 28, layout: 'NCHW', colour: 'grey' } as const;
const preprocessing = { ...images, scale: 1 / 255, mean: [0], std: [1] }; // as it was trained with
const config = { ...fineTuningDefaults, epochs: (Number(values.steps) * 8) / train.count };
const batches = node.imageBatches(train, { network, preprocessing, batchSize: 8, seed: 1 });
const runtime = await node.nodeRuntime();
const trained = await trainClassifier({ runtime, network, config, batches });
const rows = node.imageRows(test ?? train, preprocessing); // MNIST has test images
const { error } = figuresOf(await trained.classify(rows), rows.labels);
console.log(`test error ${(100 * error).toFixed(2)} %, ${trained.seconds.toFixed(1)} s, ${output}`);
await node.writeModelFile(output, trained.model());
