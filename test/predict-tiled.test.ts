/** A segmenter from an image file to files, tile by tile, against one pass over the whole image. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { predictTiled } from '../src/data/large/predict-tiled.js';
import { openRegions } from '../src/data/large/regions.js';
import { fillInput } from '../src/data/model-input.js';
import { planTiles } from '../src/dense/tiles.js';
import { InterruptedError, UsageError } from '../src/errors.js';
import { model } from '../src/graph/graph.js';
import type { Preprocessing } from '../src/onnx/metadata.js';
import { builder } from '../src/ops/builder.js';
import { npyWriter } from '../src/runs/npy-file.js';
import { palettePngWriter } from '../src/runs/png-file.js';
import { nodeRuntime } from '../src/runtime/node.js';
import { fillNormal, streamKey } from '../src/tensor/random.js';
import { zeros } from '../src/tensor/tensor.js';

const [width, height, classes] = [233, 190, 4];
const palette = [
  [0, 0, 0],
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
] as const;
const preprocessing: Preprocessing = {
  channels: 3,
  height: 64,
  width: 64,
  layout: 'NCHW',
  scale: 1 / 255,
  mean: [0.4, 0.5, 0.6],
  std: [0.2, 0.3, 0.4],
  colour: 'bgr',
};

let folder = '';
let path = '';
let pixels = Buffer.alloc(0);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'predict-tiled-test-'));
  path = join(folder, 'image.png');
  pixels = Buffer.from(
    Array.from({ length: width * height * 3 }, (_, i) => ((i * 2654435761) >>> 11) & 255),
  );
  await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(path);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function segmenter() {
  const b = builder();
  let x = b.input('image', 'float32', ['batch', 3, 'height', 'width']);
  [8, classes].forEach((channels, i) => {
    const w = zeros('float32', [channels, i === 0 ? 3 : 8, 5, 5]);
    fillNormal(w.data, streamKey(1, i, 'w'), 0.2);
    x = b.Conv(x, b.initializer(`w${i}`, w), null, { pads: [2, 2, 2, 2] });
    if (i === 0) x = b.Relu(x);
  });
  b.output(b.Softmax(x, { axis: 1 }), 'probabilities');
  return model(b.build('segmenter'));
}

it('writes the classes and probabilities of one pass', async () => {
  const made = segmenter();
  const session = await (await nodeRuntime()).load(made);
  const planes = Uint8Array.from(pixels, (_, i) => {
    const [channel, at] = [Math.floor(i / (width * height)), i % (width * height)];
    return pixels[3 * at + channel] ?? 0;
  });
  const image = zeros('float32', [1, 3, height, width]);
  fillInput(planes, 1, { ...preprocessing, height, width }, image.data);
  const whole = (await session.run({ image }))['probabilities']?.data as Float32Array;

  const regions = await openRegions(path, { inMemory: 0 });
  const plan = planTiles(made, [height, width], { tile: 60 });
  const ids = await palettePngWriter(join(folder, 'ids.png'), { width, height, palette });
  const scores = await npyWriter(join(folder, 'scores.npy'), {
    dims: [classes, height, width],
    dtype: 'float32',
  });
  const told: number[] = [];
  const sink = { classes: ids, scores };
  const { counts } = await predictTiled(session, regions, sink, plan, {
    preprocessing,
    onProgress: (done, total) => told.push(done / total),
  });
  await ids.finish();
  await scores.finish();
  await regions.close();

  const bytes = await readFile(join(folder, 'scores.npy'));
  const start = 10 + bytes.readUInt16LE(8);
  let worst = 0;
  whole.forEach((value, i) => {
    worst = Math.max(worst, Math.abs(value - bytes.readFloatLE(start + 4 * i)));
  });
  expect(worst).toBeLessThan(1e-5);
  const area = width * height;
  const { data } = decode(await readFile(join(folder, 'ids.png')));
  // A near tie may fall either way.
  const below = data.findIndex((id, i) => {
    const of = (channel: number): number => whole[channel * area + i] ?? 0;
    return of(id) < Math.max(...palette.map((_, channel) => of(channel))) - 1e-5;
  });
  expect(below).toBe(-1);
  expect(counts).toEqual(palette.map((_, id) => data.filter((each) => each === id).length));
  expect(told).toHaveLength(plan.rows.length * plan.columns.length);
  expect(told.at(-1)).toBe(1);
});

it('stops between tiles, and refuses what does not belong together', async () => {
  const made = segmenter();
  const session = await (await nodeRuntime()).load(made);
  const regions = await openRegions(path);
  const plan = planTiles(made, [height, width], { tile: 60 });
  const stop = new AbortController();
  const classes = { write: async () => stop.abort() };
  const stopped = predictTiled(session, regions, { classes }, plan, {
    preprocessing,
    signal: stop.signal,
  });
  await expect(stopped).rejects.toThrow(InterruptedError);
  await expect(stopped).rejects.toThrow(/interrupted after 5 of 20 tiles/);
  const options = { preprocessing };
  await expect(predictTiled(session, regions, {}, plan, options)).rejects.toThrow(UsageError);
  const other = planTiles(made, [100, 100], { tile: 60 });
  await expect(predictTiled(session, regions, { classes }, other, options)).rejects.toThrow(
    /the plan is for 100 x 100 pixels, the image has 233 x 190/,
  );
  const grey = { ...preprocessing, channels: 1, colour: 'grey' as const, mean: [0], std: [1] };
  await expect(
    predictTiled(session, regions, { classes }, plan, { preprocessing: grey }),
  ).rejects.toThrow(/opened with 3 channels, the model takes 1/);
});
