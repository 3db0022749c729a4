/** The same bytes on both builds of ONNX Runtime: one ladder run, losses side by side. */
import { expect, it } from 'vitest';
import { ladderBatches } from '../src/methods/ladder/batches.js';
import { ladderConfig } from '../src/methods/ladder/config.js';
import { ladderStep } from '../src/methods/ladder/step.js';
import { writeModel } from '../src/onnx/write.js';
import { nodeRuntime } from '../src/runtime/node.js';
import type { Runtime } from '../src/runtime/runtime.js';
import { webRuntime } from '../src/runtime/web.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { train } from '../src/train/train.js';

const widths = [64, 40, 20, 10];
const config = {
  ...ladderConfig('100', 'full', 64, 10),
  widths,
  lambdas: [1000, 10, 0.1, 0.1],
  batchSize: 50,
};
const steps = 20;

async function losses(runtime: Runtime): Promise<number[][]> {
  const uniform = new Float32Array(200 * 64);
  fillUniform(uniform, streamKey(2, 0, 'images'));
  const images = Uint8Array.from(uniform, (value) => 255 * value);
  const labels = Int32Array.from({ length: 200 }, (_, i) => i % 10);
  const set = { images, count: 200, labels };
  const step = ladderStep(config);
  const seen: number[][] = [];
  await train({
    // Bytes, not a graph: what runs here is what would run anywhere.
    runtime: {
      ...runtime,
      load: (model, options) =>
        runtime.load(model instanceof Uint8Array ? model : writeModel(model), options),
    },
    session: { threads: 1 },
    step,
    batch: ladderBatches(config, set, set).batch,
    steps,
    stepsPerEpoch: 4,
    learningRate: 0.002,
    schedule: () => 1,
    seed: 3,
    reportEvery: 1,
    onEvent: (event) => {
      if (event.type === 'step') seen.push(Object.values(event.losses));
    },
  });
  return seen;
}

it(`gives the same losses over ${steps} steps within 1e-4`, async () => {
  const node = await losses(await nodeRuntime());
  const web = await losses(await webRuntime({ threads: 1 }));
  expect(node.length).toBe(steps);
  node.forEach((row, i) => {
    row.forEach((value, k) => {
      const other = web[i]?.[k] ?? Number.NaN;
      expect(Math.abs(other - value) / Math.max(1, Math.abs(value))).toBeLessThan(1e-4);
    });
  });
  expect(node.at(-1)?.[0]).toBeLessThan(node[0]?.[0] ?? 0);
});
