/**
 * One image of a size through a segmenter, in a process of its own whose memory is measured from outside. Prints one
 * JSON line of what it did. Arguments: folder, pixels along a side, threads.
 */
import { join } from 'node:path';
import { predictTiled } from '../src/data/large/predict-tiled.js';
import { openRegions } from '../src/data/large/regions.js';
import { planTiles } from '../src/dense/tiles.js';
import { fcnModel, fcnNetwork, withWeights } from '../src/methods/fcn/network.js';
import { normal } from '../src/nn/init.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import type { Preprocessing } from '../src/onnx/metadata.js';
import { palettePngWriter } from '../src/runs/png-file.js';
import { nodeRuntime } from '../src/runtime/node.js';
import type { Tensor } from '../src/tensor/tensor.js';

const [folder = '', side = '2000', threads = '1'] = process.argv.slice(2);
const size = Number(side);
const classes = 11;
const palette = Array.from(
  { length: 256 },
  (_, i) => [i, (i * 77) & 255, (i * 151) & 255] as const,
);
const preprocessing: Preprocessing = {
  channels: 3,
  height: 224,
  width: 224,
  layout: 'NCHW',
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  colour: 'rgb',
};

/** A photograph's place: a texture in 256 colours, written row by row. */
async function drawImage(path: string): Promise<void> {
  const writer = await palettePngWriter(path, { width: size, height: size, palette });
  const row = new Uint8Array(size);
  let state = 1;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      row[x] = ((x >> 3) ^ (y >> 3)) + (state >>> 29);
    }
    await writer.write(row);
  }
  await writer.finish();
}

/** FCN-8s on SqueezeNet 1.1, its score layers drawn. */
function segmenter() {
  const made = fcnNetwork(buildModel(models.squeezenet, { seed: 1 }), { classes, finest: 8 });
  const drawn = made.scores.map(({ weight }): [string, Tensor] => {
    const dims = made.graph.initializers.get(weight)?.dims ?? [];
    return [weight, normal(1, weight, dims, 0.01)];
  });
  return fcnModel(withWeights(made, new Map(drawn)), new Map());
}

const seconds = (since: number): number => (performance.now() - since) / 1000;

const path = join(folder, `image-${size}.png`);
await drawImage(path);
const made = segmenter();
const opening = performance.now();
const regions = await openRegions(path);
const opened = seconds(opening);
const running = performance.now();
const plan = planTiles(made, [size, size]);
const session = await (await nodeRuntime()).load(made, { threads: Number(threads) });
const ids = await palettePngWriter(join(folder, `classes-${size}.png`), {
  width: size,
  height: size,
  palette,
});
const onProgress = (done: number, total: number): void => {
  process.stderr.write(`${size}: tile ${done} of ${total}\n`);
};
await predictTiled(session, regions, { classes: ids }, plan, { preprocessing, onProgress });
await ids.finish();
await regions.close();
const region = plan.rows[0]?.input;
console.log(
  JSON.stringify({
    side: size,
    tiles: plan.rows.length * plan.columns.length,
    region: region ? region.end - region.start : 0,
    secondsToOpen: opened,
    secondsToRun: seconds(running),
    // Kilobytes, by getrusage: the most that was ever resident.
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  }),
);
