/** Trains a segmenter of scenes with digits from nothing: npx tsx examples/segment.ts --steps 600 --output segmenter.onnx */
import { parseArgs } from 'node:util';
import {
  buildModel,
  confusionOver,
  type FcnConfig,
  fcnNetwork,
  fcnPresets,
  type LabelledScenes,
  largest,
  models,
  segmentationFigures,
  type Tensor,
  trainFcn,
} from 'espalier';
import { digitScenes, nodeRuntime, sceneBatches, sceneRows, writeModelFile } from 'espalier/node';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '600' },
    output: { type: 'string', default: 'segmenter.onnx' },
    expect: { type: 'string', default: '0' },
  },
});
const batchSize = 8;
const size = { height: 36, width: 72 };
const data = await digitScenes({
  ...size,
  ...{ digits: [3, 4], sides: [0.85, 1] }, // large ones, beside and in front of each other
  train: Number(values.steps) * batchSize,
  validation: 40,
});

// Any classifier will do: what it knows goes on from there. Here are fresh weights.
const source = buildModel(models['scene-net'], { input: [3, size.height, size.width] });
const network = fcnNetwork(source, { classes: data.classes.length, finest: 1 });
const images = { channels: 3, ...size, layout: 'NCHW', colour: 'rgb' } as const;
const preprocessing = { ...images, scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const learning = { learningRate: 0.01, schedule: 'cosine', loss: 'cross-entropy+dice' } as const;
const config: FcnConfig = {
  ...fcnPresets.modern,
  ...learning,
  batchNorm: 'live', // there are no statistics yet
  batchSize,
  epochs: 1,
};
const { input } = network;
const batches = sceneBatches(data.train, { preprocessing, ...size, batchSize, seed: 1, input });
const rows = sceneRows(data.validation ?? data.train, preprocessing);
const scenes: LabelledScenes = {
  count: rows.count,
  async scene(i) {
    const { input: image, labels } = await rows.row(i);
    return { image, labels: labels.data };
  },
};

const runtime = await nodeRuntime();
const trained = await trainFcn({
  ...{ runtime, network, config },
  batches: { ...batches, size: [size.height, size.width] },
  onEvent(event) {
    if (event.type === 'step' && event.step % 50 === 0)
      console.log(`step ${event.step}: loss ${event.losses['loss']?.toFixed(3)}`);
  },
});

const model = trained.model();
await writeModelFile(values.output, model);
// The saved file is an ordinary one: probabilities of every pixel, for images of any size.
const session = await runtime.load(model);
const confusion = await confusionOver(
  async (_, image) => {
    const { probabilities } = await session.run({ [network.input]: image });
    return largest(probabilities as Tensor<'float32'>);
  },
  new Map(),
  scenes,
  data.classes.length,
);
const { meanIu, pixelAccuracy } = segmentationFigures(confusion);
console.log(
  `mean IU ${meanIu.toFixed(3)}, pixel accuracy ${pixelAccuracy.toFixed(3)} after ${trained.step} steps, ${values.output}`,
);
if (meanIu < Number(values.expect)) process.exitCode = 1;
