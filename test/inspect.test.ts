/** Receptive fields against gradients, and of whole networks as `inspect` tells them. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differentiate } from '../src/autodiff/differentiate.js';
import { model, type Value } from '../src/graph/graph.js';
import { type Builder, builder } from '../src/ops/builder.js';
import { receptiveFields } from '../src/ops/receptive-fields.js';
import { nodeRuntime } from '../src/runtime/node.js';
import { tensor } from '../src/tensor/tensor.js';
import { type Folder, makeFolder, run } from './cli.js';

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
});
afterAll(() => folder.remove());

interface Layer {
  readonly kind: 'Conv' | 'AveragePool' | 'MaxPool';
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pad: readonly [number, number];
}

const pair = (min: number, max: number) =>
  fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));

const layers = (...kinds: readonly Layer['kind'][]) =>
  fc.array(
    fc.record({
      kind: fc.constantFrom(...kinds),
      kernel: pair(1, 3),
      stride: pair(1, 3),
      dilation: pair(1, 2),
      pad: pair(0, 1),
    }),
    { minLength: 1, maxLength: 4 },
  );

/** The layers that fit, one after another on a map of one channel. Weights are positive, so that nothing cancels. */
function stack(b: Builder, image: Value, drawn: readonly Layer[]): Value {
  let value = image;
  for (const { kind, kernel, stride, dilation: wanted, pad: allowed } of drawn) {
    const dilation = kind === 'AveragePool' ? [1, 1] : wanted;
    // A pool's padding must be smaller than its kernel.
    const pad = allowed.map((size, i) => Math.min(size, (kernel[i] ?? 1) - 1));
    const fits = [0, 1].every(
      (i) =>
        Number(value.shape[2 + i]) + 2 * (pad[i] ?? 0) >
        ((kernel[i] ?? 1) - 1) * (dilation[i] ?? 1),
    );
    if (!fits) continue;
    const windows = { strides: stride, pads: [...pad, ...pad] };
    const ones = new Array<number>(kernel[0] * kernel[1]).fill(1);
    if (kind === 'Conv')
      value = b.Conv(value, b.constant(tensor('float32', [1, 1, ...kernel], ones)), null, {
        ...windows,
        dilations: dilation,
      });
    else if (kind === 'AveragePool')
      value = b.AveragePool(value, { ...windows, kernel_shape: kernel });
    else value = b.MaxPool(value, { ...windows, kernel_shape: kernel, dilations: dilation });
  }
  return value;
}

/** First and last pixel, along each axis, by which the gradient of one output element is not zero. */
async function support(drawn: readonly Layer[], size: readonly [number, number]) {
  const b = builder();
  const image = b.input('image', 'float32', [1, 1, ...size]);
  const map = stack(b, image, drawn);
  const at = map.shape.slice(2).map((count) => Math.floor((Number(count) - 1) / 2));
  const element = b.Slice(
    map,
    at,
    at.map((i) => i + 1),
    [2, 3],
  );
  b.output(b.ReduceSum(element, null, { keepdims: 0 }), 'loss');
  const graph = b.build();
  const made = differentiate(graph, { loss: 'loss', with: ['image'], unreached: 'zeros' });
  const session = await (await nodeRuntime()).load(made.model, { threads: 1 });
  const pixels = Array.from({ length: size[0] * size[1] }, (_, i) => 1 + ((i * 7919) % 101) / 101);
  const results = await session.run({ image: tensor('float32', [1, 1, ...size], pixels) });
  const gradient = results[made.gradients.image]?.data ?? [];
  const seen = [...gradient.keys()].filter((i) => Number(gradient[i]) !== 0);
  // Between two pads an element may see nothing but padding.
  if (seen.length === 0) return [];
  const rows = seen.map((i) => Math.floor(i / size[1]));
  const columns = seen.map((i) => i % size[1]);
  const field = receptiveFields(b, image).get(map.name);
  if (!field || field === 'unknown') throw new Error('a stack of windows has a field');
  return [rows, columns].map((places, i) => {
    const { size: pixelsSeen = 0, stride = 0, offset = 0 } = field[i] ?? {};
    const first = offset + stride * (at[i] ?? 0);
    return {
      seen: [Math.min(...places), Math.max(...places)] as const,
      stated: [first, first + pixelsSeen - 1] as const,
      image: size[i] ?? 0,
    };
  });
}

describe('receptive fields', () => {
  const sizes = pair(9, 24);

  it('are where the gradient of one element by the image is not zero', async () => {
    let inside = 0;
    await fc.assert(
      fc.asyncProperty(layers('Conv', 'AveragePool'), sizes, async (drawn, size) => {
        for (const { seen, stated, image } of await support(drawn, size)) {
          expect(seen[0]).toBeGreaterThanOrEqual(stated[0]);
          expect(seen[1]).toBeLessThanOrEqual(stated[1]);
          // Beyond the image nothing is seen, and dilation leaves holes there.
          if (stated[0] >= 0) expect(seen[0]).toBe(stated[0]);
          if (stated[1] < image) expect(seen[1]).toBe(stated[1]);
          if (stated[0] >= 0 && stated[1] < image) inside++;
        }
      }),
      { seed: 7, numRuns: 80 },
    );
    expect(inside).toBeGreaterThan(60);
  });

  it('hold what max-pools pass on', async () => {
    await fc.assert(
      fc.asyncProperty(layers('Conv', 'MaxPool'), sizes, async (drawn, size) => {
        for (const { seen, stated } of await support(drawn, size)) {
          expect(seen[0]).toBeGreaterThanOrEqual(stated[0]);
          expect(seen[1]).toBeLessThanOrEqual(stated[1]);
        }
      }),
      { seed: 8, numRuns: 40 },
    );
  });
});

/** The textbook's network; its fully connected layer as such on 25 x 25, else as a convolution. */
function textbook(size: number) {
  const b = builder();
  const filled = (name: string, dims: readonly number[]) =>
    b.initializer(name, tensor('float32', dims, new Float32Array(dims.reduce((n, d) => n * d, 1))));
  const image = b.input('image', 'float32', [1, 3, size, size]);
  const conv = b.Conv(image, filled('conv.weight', [16, 3, 3, 3]), null, { strides: [2, 2] });
  const pool = b.MaxPool(b.Relu(conv), { kernel_shape: [3, 3], strides: [2, 2] });
  const scores =
    size === 25
      ? b.Gemm(b.Flatten(pool), filled('fc.weight', [400, 10]))
      : b.Conv(pool, filled('fc.weight', [10, 16, 5, 5]));
  b.output(scores, 'scores');
  return model(b.build('textbook'));
}

describe('inspect of the textbook network', () => {
  const inspected = async (size: number) => {
    folder.write('textbook.onnx', textbook(size));
    const { out, err, code } = await run('inspect textbook.onnx --json', { cwd: folder.path });
    expect(code, err).toBe(0);
    return JSON.parse(out) as {
      values: { name: string; shape: number[]; receptiveField: object | null }[];
      totals: object;
      taps: { op: string }[];
    };
  };
  const filter = { size: [23, 23], stride: [4, 4], offset: [0, 0] };

  it('is one filter of 23 x 23 with stride 4', async () => {
    const { values, totals, taps } = await inspected(25);
    expect(values.at(-1)).toMatchObject({ name: 'scores', shape: [1, 10], receptiveField: filter });
    expect(values.find(({ name }) => name === 'MaxPool')).toMatchObject({
      ...{ shape: [1, 16, 5, 5], receptiveField: { size: [7, 7], stride: [4, 4] } },
    });
    expect(totals).toMatchObject({
      parameters: 16 * 27 + 4000,
      trainable: 16 * 27 + 4000,
      macs: 12 * 12 * 16 * 27 + 4000,
    });
    expect(taps.map(({ op }) => op)).toEqual(['Relu', 'MaxPool']);
  });

  it('gives 7 x 7 x 10 on 50 x 50, each with the same field', async () => {
    const { values } = await inspected(50);
    expect(values.at(-1)).toMatchObject({ shape: [1, 10, 7, 7], receptiveField: filter });
  });

  it('lists the feature maps', async () => {
    folder.write('textbook.onnx', textbook(50));
    const { out } = await run('inspect textbook.onnx --tap', { cwd: folder.path });
    expect(out).toMatchInlineSnapshot(`
      "3 feature maps, 42 channels together (in pixels of "image")
        feature map  operator  channels      map     sees  stride  offset
        Relu         Relu            16  24 x 24    3 x 3   2 x 2    0, 0
        MaxPool      MaxPool         16  11 x 11    7 x 7   4 x 4    0, 0
        scores       Identity        10    7 x 7  23 x 23   4 x 4    0, 0
      "
    `);
  });
});
