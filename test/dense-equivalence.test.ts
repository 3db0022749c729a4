/** A dense network gives what its classifier gives on every crop, at its own stride and at every finer one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { convolutionalize, type Dense } from '../src/dense/convolutionalize.js';
import { finer } from '../src/dense/finer.js';
import { fullSize } from '../src/dense/full-size.js';
import { shiftAndStitch } from '../src/dense/stitch.js';
import { type Model, model, type Value } from '../src/graph/graph.js';
import { normal } from '../src/nn/init.js';
import { layers } from '../src/nn/layers.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import { type Builder, builder } from '../src/ops/builder.js';
import { readModelFile } from '../src/runs/model-file.js';
import { nodeRuntime } from '../src/runtime/node.js';
import type { Runtime } from '../src/runtime/runtime.js';
import { type Tensor, zeros } from '../src/tensor/tensor.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

const folder = join(process.env['ESPALIER_DATA'] ?? '../shared/data', 'models');

type Floats = Tensor<'float32'>;

const random = (dims: readonly number[], seed = 1): Floats => normal(seed, 'x', dims, 1) as Floats;

async function run(source: Model, input: string, x: Floats): Promise<Floats> {
  const session = await runtime.load(source, { threads: 1 });
  const outputs = await session.run({ [input]: x });
  return Object.values(outputs)[0] as Floats;
}

/** The image's pixels from (top, left) on. */
function crop(x: Floats, top: number, left: number, height: number, width: number): Floats {
  const [, channels = 1, rows = 1, columns = 1] = x.dims;
  const cut = zeros('float32', [1, channels, height, width]) as Floats;
  for (let c = 0, at = 0; c < channels; c++)
    for (let i = 0; i < height; i++, at += width) {
      const start = (c * rows + top + i) * columns + left;
      cut.data.set(x.data.subarray(start, start + width), at);
    }
  return cut;
}

/** Scores of the cell (i, j). */
function cell(map: Floats, i: number, j: number): number[] {
  const [, classes = 1, rows = 1, columns = 1] = map.dims;
  return Array.from(
    { length: classes },
    (_, c) => map.data[(c * rows + i) * columns + j] ?? Number.NaN,
  );
}

function expectClose(found: ArrayLike<number>, wanted: ArrayLike<number>, within = 1e-4): void {
  expect(found.length).toBe(wanted.length);
  let worst = 0;
  for (let i = 0; i < found.length; i++)
    worst = Math.max(worst, Math.abs((found[i] ?? Number.NaN) - (wanted[i] ?? Number.NaN)));
  expect(worst).toBeLessThan(within);
}

/** Compares every cell with the classifier on the crop that begins `stride` pixels further for each. */
async function expectCrops(source: Model, dense: Dense, x: Floats, every = 1): Promise<Floats> {
  const map = await run(dense.model, dense.input, x);
  const [height, width] = dense.size;
  const [down = 1, right = 1] = dense.field.map(({ stride }) => stride);
  const rows = Math.floor(((x.dims[2] ?? 0) - height) / down) + 1;
  const columns = Math.floor(((x.dims[3] ?? 0) - width) / right) + 1;
  const session = await runtime.load(source, { threads: 1 });
  const output = source.graph.outputs[0]?.name ?? '';
  expect(map.dims[2]).toBeGreaterThanOrEqual(rows);
  expect(map.dims[3]).toBeGreaterThanOrEqual(columns);
  for (let at = 0; at < rows * columns; at += every) {
    const [i, j] = [Math.floor(at / columns), at % columns];
    const seen = crop(x, i * down, j * right, height, width);
    const { [output]: wanted } = await session.run({ [dense.input]: seen });
    expectClose(cell(map, i, j), (wanted as Floats).data);
  }
  return map;
}

/** The net of textbooks: 25 x 25 pixels, one convolution, one pool, ten classes. */
function textbook(): Model {
  const b = builder();
  const net = layers(b, 3);
  const image = b.input('image', 'float32', ['batch', 3, 25, 25]);
  const x = b.Relu(net.conv('conv', image, 6, { kernel: 3, stride: 2 }));
  const pooled = net.maxPool(x, { kernel: 3, stride: 2 });
  b.output(net.linear('fc', b.Flatten(pooled), 10), 'logits');
  return model(b.build());
}

/** AlexNet's layers without padding, narrow, on fewer pixels. */
function alexNetForm(): Model {
  const b = builder();
  const net = layers(b, 5);
  const relu = (x: Value) => b.Relu(x);
  const pool = (x: Value) => net.maxPool(x, { kernel: 3, stride: 2 });
  let x: Value = b.input('image', 'float32', ['batch', 3, 195, 195]);
  x = pool(relu(net.conv('conv1', x, 8, { kernel: 11, stride: 4 })));
  x = b.LRN(x, { size: 5 });
  x = pool(relu(net.conv('conv2', x, 8, { kernel: 5, groups: 2 })));
  x = relu(net.conv('conv3', x, 8, { kernel: 3 }));
  x = pool(relu(net.conv('conv5', x, 8, { kernel: 3 })));
  x = net.dropout(relu(net.linear('fc6', b.Flatten(x), 12)), 0.5);
  x = relu(net.linear('fc7', x, 12));
  b.output(b.Softmax(net.linear('fc8', x, 5)), 'probabilities');
  return model(b.build());
}

describe('a dense network equals its classifier on every crop', () => {
  it('of the textbook net: 7 x 7 cells of 50 x 50 pixels', async () => {
    const source = textbook();
    const dense = convolutionalize(source, { pooling: 'window' });
    const map = await expectCrops(source, dense, random([1, 3, 50, 50]));
    expect(map.dims).toEqual([1, 10, 7, 7]);
    expect(dense.field.map(({ size, stride, offset }) => [size, stride, offset])).toEqual([
      [23, 4, 0],
      [23, 4, 0],
    ]);
  });

  it('of LeNet', async () => {
    const source = buildModel(models.lenet);
    const dense = convolutionalize(source, { pooling: 'window' });
    expect(dense.field[0]).toMatchObject({ size: 28, stride: 4, offset: 0 });
    await expectCrops(source, dense, random([1, 1, 41, 52]));
  });

  it('of the form of AlexNet', async () => {
    const source = alexNetForm();
    const dense = convolutionalize(source, { pooling: 'window' });
    await expectCrops(source, dense, random([1, 3, 270, 240]));
  });

  it('at the size that the classifier is made for, with padding, ceil_mode and pools over the map', async () => {
    for (const name of ['alexnet', 'nin', 'resnet20', 'squeezenet', 'googlenet'] as const) {
      const { input } = models[name];
      const source = buildModel(models[name], { width: 0.06, classes: 5 });
      const dense = convolutionalize(source, { pooling: 'window' });
      const x = random([1, ...input]);
      const map = await run(dense.model, dense.input, x);
      expect(map.dims).toEqual([1, 5, 1, 1]);
      expectClose(map.data, (await run(source, 'image', x)).data);
    }
  });
});

/** One of the layers that a drawn net may have. */
interface Drawn {
  readonly op: 'conv' | 'max' | 'average';
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

const layer = fc.record<Drawn>({
  op: fc.constantFrom('conv', 'max', 'average'),
  kernel: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
});

function addLayer(b: Builder, x: Value, drawn: Drawn, at: number): Value {
  const { op, kernel, stride, dilation } = drawn;
  const window = { kernel_shape: [kernel, kernel], strides: [stride, stride] };
  const dilations = [dilation, dilation];
  if (op === 'max') return b.MaxPool(x, { ...window, dilations });
  if (op === 'average') return b.AveragePool(x, window);
  const weights = normal(at, 'w', [3, Number(x.shape[1]), kernel, kernel], 0.4);
  return b.Relu(b.Conv(x, b.initializer(`w${at}`, weights), { ...window, dilations }));
}

/** A net without padding, its size such that `cells` are left before the last layer. */
function drawnNet(all: readonly Drawn[], cells: number, end: 'linear' | 'pool'): Model {
  const size = all.reduceRight(
    (n, { op, kernel, stride, dilation }) =>
      (n - 1) * stride + (kernel - 1) * (op === 'average' ? 1 : dilation) + 1,
    cells,
  );
  const b = builder();
  let x: Value = b.input('image', 'float32', ['n', 2, size, size]);
  all.forEach((each, i) => {
    x = addLayer(b, x, each, i);
  });
  if (end === 'pool') x = b.GlobalAveragePool(x);
  const flat = b.Flatten(x);
  const weights = b.initializer('fc', normal(9, 'w', [Number(flat.shape[1]), 4], 0.4));
  const bias = b.initializer('bias', normal(9, 'b', [4], 1));
  b.output(b.LogSoftmax(b.Gemm(flat, weights, bias, { alpha: 0.5, beta: 2 })), 'scores');
  return model(b.build(), {}, b.opset);
}

describe('nets without padding', () => {
  it('give at every stride, à trous and by shift-and-stitch, what the classifier gives on each crop', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(layer, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom('linear' as const, 'pool' as const),
        fc.nat({ max: 6 }),
        fc.nat({ max: 6 }),
        async (drawn, cells, end, down, right) => {
          const source = drawnNet(drawn, cells, end);
          const dense = convolutionalize(source, { pooling: 'window' });
          const [height, width] = dense.size;
          const x = random([1, 2, height + down, width + right]);
          await expectCrops(source, dense, x);
          const own = dense.field[0]?.stride ?? 1;
          for (let stride = 1; stride <= own; stride++) {
            if (own % stride !== 0) continue;
            const holes = finer(dense, stride);
            const map = await expectCrops(source, holes, x, stride === 1 ? 3 : 1);
            const stitched = await run(shiftAndStitch(dense, stride).model, 'image', x);
            expect(stitched.dims).toEqual(map.dims);
            expectClose(stitched.data, map.data, 1e-5);
          }
        },
      ),
      { numRuns: 25, seed: 4 },
    );
  });
});

describe('nets with padding', () => {
  it.each(['resnet20', 'alexnet', 'nin', 'squeezenet'] as const)(
    '%s à trous has all its own cells, and between them those of shifted images that see no padding',
    async (name) => {
      const source = buildModel(models[name], { width: 0.06, classes: 3 });
      const dense = convolutionalize(source, { pooling: 'window' });
      const [{ size = 1, stride: own = 1, offset = 0 } = {}] = dense.field;
      const stride = own / 4;
      const [height, width] = [size + 2 * own + 3, size + own];
      const x = random([1, models[name].input[0], height, width]);
      const map = await run(finer(dense, stride).model, 'image', x);
      let compared = 0;
      for (const [down, right] of [
        [0, 0],
        [1, 2],
        [3, 1],
      ] as const) {
        const [top, left] = [down * stride, right * stride];
        const rest = crop(x, top, left, height - top, width - left);
        const shifted = await run(dense.model, 'image', rest);
        const isInside = (i: number, length: number) =>
          offset + i * own >= 0 && offset + i * own + size <= length;
        for (let i = 0; i < (shifted.dims[2] ?? 0); i++)
          for (let j = 0; j < (shifted.dims[3] ?? 0); j++) {
            if (down + right > 0 && !(isInside(i, height - top) && isInside(j, width - left)))
              continue;
            compared += down + right > 0 ? 1 : 0;
            expectClose(cell(map, down + 4 * i, right + 4 * j), cell(shifted, i, j));
          }
      }
      expect(compared).toBeGreaterThan(0);
    },
  );
});

describe('an output of the image’s size', () => {
  it('has each cell’s scores at the middle of what it sees', async () => {
    const dense = convolutionalize(textbook(), { pooling: 'window' });
    const x = random([1, 3, 37, 50]);
    const map = await run(dense.model, 'image', x);
    const full = await run(fullSize(dense).model, 'image', x);
    expect(full.dims).toEqual([1, 10, 37, 50]);
    expectClose(cell(full, 11 + 4, 11 + 8), cell(map, 1, 2));
  });
});

describe('models of others (under ESPALIER_DATA or ../shared/data, skipped where absent)', () => {
  const files = ['mnist.onnx', 'cifar10-resnet20.onnx', 'squeezenet1.1.onnx'];
  it.skipIf(!existsSync(join(folder, 'mnist.onnx'))).each(files)(
    '%s gives its own scores at its own size, and slides over more',
    async (file) => {
      const path = join(folder, file);
      const source = await readModelFile(path);
      const dense = convolutionalize(source, { pooling: 'window' });
      const channels = Number(
        source.graph.inputs.find(({ name }) => name === dense.input)?.shape?.[1],
      );
      const [height, width] = dense.size;
      const x = random([1, channels, height, width]);
      const map = await run(dense.model, dense.input, x);
      const wanted = await run(source, dense.input, x);
      expect(map.dims).toEqual([1, wanted.dims[1], 1, 1]);
      expectClose(map.data, wanted.data, 1e-3);
      const own = dense.field[0]?.stride ?? 1;
      const more = random([1, channels, height + own, width + 2 * own]);
      const larger = await run(dense.model, dense.input, more);
      expect(larger.dims.slice(2)).toEqual([2, 3]);
    },
  );
});
