import { describe, expect, it } from 'vitest';
import { ModelError } from '../errors.js';
import { model } from '../graph/graph.js';
import { normal } from '../nn/init.js';
import { builder } from '../ops/builder.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import { tensor } from '../tensor/tensor.js';
import { nodeRuntime } from './node.js';

/** A convolution, which is laid out in blocks, and a product. */
function network() {
  const b = builder();
  const x = b.input('x', 'float32', ['batch', 16, 6, 6]);
  const w = b.initializer('w', normal(1, 'w', [32, 16, 3, 3], 0.1));
  const h = b.Relu(b.Conv(x, w, null, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }));
  const v = b.initializer('v', normal(1, 'v', [32, 5], 0.1));
  b.output(b.MatMul(b.Flatten(b.GlobalAveragePool(h)), v), 'y');
  b.output(h, 'h');
  return model(b.build('small'));
}

const images = (n: number, seed: number) => {
  const values = new Float32Array((n + 2) * 16 * 36);
  fillUniform(values, streamKey(seed, 0, 'images'));
  // A view into more, as attacks hand over.
  return tensor('float32', [n, 16, 6, 6], values.subarray(16 * 36, (n + 1) * 16 * 36));
};

describe('sessions on threads of their own', () => {
  it('answer what one on this thread does, bit by bit, however many are asked at once', async () => {
    const here = await (await nodeRuntime()).load(network(), { threads: 1 });
    const runtime = await nodeRuntime({ onThreads: true });
    const there = await Promise.all([0, 1].map(() => runtime.load(network(), { threads: 1 })));
    const runs = Array.from({ length: 12 }, (_, i) => ({ x: images(1 + (i % 3), i) }));
    const found = await Promise.all(runs.map((feeds, i) => there[i % 2]?.run(feeds)));
    for (const [i, feeds] of runs.entries()) {
      const { y, h } = await here.run(feeds);
      expect(found[i]?.['y']).toMatchObject({ dtype: 'float32', dims: y?.dims, data: y?.data });
      expect(found[i]?.['h']?.data).toEqual(h?.data);
      // What was handed over is still there.
      expect(feeds.x.data).toEqual(images(1 + (i % 3), i).data);
    }
  });

  it('compute only what is to be written, and say what the runtime says', async () => {
    const session = await (await nodeRuntime({ onThreads: true })).load(network(), { threads: 1 });
    const into = { y: tensor('float32', [1, 5], new Float32Array(5)) };
    expect(Object.keys(await session.run({ x: images(1, 1) }, into))).toEqual(['y']);
    const wrong = tensor('float32', [1, 3, 6, 6], new Float32Array(108));
    await expect(session.run({ x: wrong })).rejects.toThrow(ModelError);
    await expect(session.run({ x: wrong })).rejects.toThrow(/the runtime stopped: .*input: x/);
    expect((await session.run({ x: images(2, 1) }))['y']?.dims).toEqual([2, 5]);
  });

  it('refuse a model as one on this thread does', async () => {
    const runtime = await nodeRuntime({ onThreads: true });
    await expect(runtime.load(new Uint8Array([1, 2, 3]))).rejects.toThrow(/refused the model/);
  });
});
