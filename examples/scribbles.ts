/** Classifies pixels from two strokes on a drawn scene: npx tsx examples/scribbles.ts --steps 60 --output scribbles.onnx */
import { parseArgs } from 'node:util';
import {
  buildModel,
  convolutionalize,
  featureReader,
  hypercolumnTaps,
  type LabelledPixels,
  models,
  pixelScorer,
  scribbleDefaults,
  spreadTaps,
  tensor,
  trainPixels,
} from 'espalier';
import { nodeRuntime, writeModelFile } from 'espalier/node';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '60' },
    output: { type: 'string', default: 'scribbles.onnx' },
    expect: { type: 'string', default: '0' },
  },
});

// Any ONNX network will do (`readModelFile`); here fresh weights, whose first layers see edges and brightness all the same.
const { model: source } = convolutionalize(buildModel(models.squeezenet), { pooling: 'none' });
const taps = hypercolumnTaps(source, spreadTaps(source)); // or names: ['conv1', 'fire5', 'fire9']

/** A bright disc on a ground that grows brighter to the right. */
const [height, width] = [120, 160];
const truth = Uint8Array.from({ length: height * width }, (_, i) => {
  const [y, x] = [Math.floor(i / width), i % width];
  return (y - 60) ** 2 + (x - 70) ** 2 < 35 ** 2 ? 1 : 0;
});
const plane = Float32Array.from(truth, (disc, i) => (disc === 1 ? 1 : (i % width) / width - 0.8));
const image = tensor('float32', [1, 3, height, width], [...plane, ...plane, ...plane]);

/** A vertical stroke of each class; everything else is unlabelled. */
const ids = new Uint8Array(height * width).fill(255);
for (let y = 40; y < 80; y++) ids[y * width + 70] = 1;
for (let y = 10; y < 110; y++) for (const x of [12, 140]) ids[y * width + x] = 0;
const images: LabelledPixels[] = [{ image, ids }];

const runtime = await nodeRuntime();
// What the layers say is read once: another stroke costs a fit alone.
const features = await (await featureReader(runtime, source, taps))(image);
const teach = async () =>
  trainPixels({
    ...{ runtime, source, taps, images, classes: ['ground', 'disc'] },
    config: { ...scribbleDefaults, iterations: Number(values.steps) },
    read: async () => features,
  });
await teach();
for (let x = 20; x < 150; x++) ids[112 * width + x] = 0;
const trained = await teach();

const { probabilities, uncertainty } = await (
  await pixelScorer(runtime, taps, trained.head, features)
)(features);
const area = height * width;
let right = 0;
let unsure = 0;
for (let i = 0; i < area; i++) {
  const isDisc = (probabilities.data[area + i] ?? 0) > (probabilities.data[i] ?? 0);
  if (isDisc === (truth[i] === 1)) right++;
  unsure += (uncertainty.data[i] ?? 0) / area;
}
// For images of any size, in any ONNX runtime: probabilities of every pixel, and how unsure they are.
await writeModelFile(values.output, trained.model);
console.log(
  `${((100 * right) / area).toFixed(1)} % of the pixels right after ${trained.pixels} labels and ${trained.steps} steps, mean uncertainty ${unsure.toFixed(2)}, ${values.output}`,
);
if (right / area < Number(values.expect)) process.exitCode = 1;
