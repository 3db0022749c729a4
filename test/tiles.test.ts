/** Tiles give what one pass over the whole image gives: networks of three kinds, at sizes drawn at random. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { upsample } from '../src/dense/bilinear.js';
import { convolutionalize } from '../src/dense/convolutionalize.js';
import { gridsOf, pixels } from '../src/dense/grid.js';
import { forEachTile, keptOf, planTiles, type TilePlan } from '../src/dense/tiles.js';
import { ModelError } from '../src/errors.js';
import { type Model, model, type Value } from '../src/graph/graph.js';
import type { Alignment } from '../src/methods/fcn/fuse.js';
import { fcnModel, fcnNetwork, withWeights } from '../src/methods/fcn/network.js';
import { normal } from '../src/nn/init.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { type ModelName, models } from '../src/nn/models/table.js';
import { type Builder, builder } from '../src/ops/builder.js';
import { receptiveFields } from '../src/ops/receptive-fields.js';
import { nodeRuntime } from '../src/runtime/node.js';
import type { Session } from '../src/runtime/runtime.js';
import { fillNormal, streamKey } from '../src/tensor/random.js';
import { type Tensor, tensor, zeros } from '../src/tensor/tensor.js';

const runtime = await nodeRuntime();

/** A network of the table in small, over images of any size. */
function dense(name: ModelName, width: number): Model {
  const classifier = buildModel(models[name], { width, classes: 5, seed: 3 });
  return convolutionalize(classifier, { pooling: 'none' }).model;
}

/** A segmenter with three maps, at the size of the image. */
function segmenter(name: ModelName, width: number, finest: number, alignment: Alignment): Model {
  const classifier = buildModel(models[name], { width, classes: 5, seed: 3 });
  const made = fcnNetwork(classifier, { classes: 4, finest, alignment });
  const drawn = made.scores.map(({ weight }): [string, Tensor] => {
    const dims = made.graph.initializers.get(weight)?.dims ?? [];
    return [weight, normal(3, weight, dims, 1)];
  });
  return fcnModel(withWeights(made, new Map(drawn)), new Map());
}

/** A small network of one's own, from an image of three channels. */
function network(body: (b: Builder) => void): Model {
  const b = builder();
  body(b);
  return model(b.build('network'));
}

function weights(b: Builder, name: string, dims: readonly number[]): Value {
  const w = zeros('float32', dims);
  fillNormal(w.data, streamKey(3, 0, name), 0.3);
  return b.initializer(name, w);
}

/** Convolutions of stride 8 together, brought back to the pixels by a transposed convolution. */
function upsampled(pad: number): Model {
  return network((b) => {
    const x = b.input('image', 'float32', ['batch', 3, 'height', 'width']);
    let y = x;
    for (let i = 0; i < 3; i++) {
      const pads = [pad, pad, pad, pad];
      y = b.Relu(b.Conv(y, weights(b, `w${i}`, [3, 3, 3, 3]), null, { strides: [2, 2], pads }));
    }
    y = b.Conv(y, weights(b, 'score', [2, 3, pad ? 1 : 5, pad ? 1 : 5]));
    const from = gridsOf(receptiveFields(b, x).get(y.name), 'score');
    b.output(upsample(b, y, { from, to: pixels, like: x, kernel: 'up' }), 'y');
  });
}

const image = (height: number, width: number, channels = 3): Tensor<'float32'> => {
  const x = zeros('float32', [1, channels, height, width]);
  fillNormal(x.data, streamKey(7, 0, 'image'));
  return x;
};

/** The image's pixels in a region, zeros beyond its border. */
function crop(x: Tensor<'float32'>, plan: TilePlan, region: { rows: Span; columns: Span }) {
  const [, channels = 0, height = 0, width = 0] = x.dims;
  const [rows, columns] = [region.rows, region.columns].map(({ start, end }) => end - start);
  const out = zeros('float32', [1, channels, rows ?? 0, columns ?? 0]);
  let at = 0;
  for (let c = 0; c < channels; c++)
    for (let y = region.rows.start; y < region.rows.end; y++)
      for (let z = region.columns.start; z < region.columns.end; z++, at++)
        if (y < height && z < width) out.data[at] = x.data[(c * height + y) * width + z] ?? 0;
  expect(plan.size).toEqual([height, width]);
  return out;
}
interface Span {
  readonly start: number;
  readonly end: number;
}

/** The output stitched together of tiles; every position must be given once. */
async function stitched(session: Session, plan: TilePlan, x: Tensor<'float32'>) {
  const [height, width] = plan.positions;
  const out = new Float32Array(plan.channels * height * width).fill(Number.NaN);
  const shapes = new Set<string>();
  let twice = 0;
  const read = async (region: { rows: Span; columns: Span }) => {
    const input = crop(x, plan, region);
    shapes.add(input.dims.join());
    return input;
  };
  await forEachTile(session, plan, read, async (output) => {
    const { row, column } = output.tile;
    const kept = keptOf(output);
    let at = 0;
    for (let c = 0; c < plan.channels; c++)
      for (let y = row.output.start; y < row.output.end; y++)
        for (let z = column.output.start; z < column.output.end; z++, at++) {
          const to = (c * height + y) * width + z;
          if (!Number.isNaN(out[to])) twice++;
          out[to] = kept.data[at] ?? 0;
        }
  });
  expect(twice).toBe(0);
  return { out, shapes };
}

async function compare(
  made: Model,
  session: Session,
  x: Tensor<'float32'>,
  tile: number,
): Promise<number> {
  const [, , height = 0, width = 0] = x.dims;
  const plan = planTiles(made, [height, width], { tile });
  const whole = (await session.run({ [plan.input]: x }))[plan.output];
  expect(whole?.dims).toEqual([1, plan.channels, ...plan.positions]);
  const { out, shapes } = await stitched(session, plan, x);
  expect(shapes.size).toBe(1);
  const expected = whole?.data as Float32Array;
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = out.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? Number.NaN))),
    0,
  );
  expect(worst).toBeLessThan(1e-5 * Math.max(1, scale));
  return plan.rows.length * plan.columns.length;
}

describe('tiled equals whole', () => {
  it.each([
    ['squeezenet', 0.25, 180, 460],
    ['resnet20', 0.25, 150, 380],
    ['vgg16', 0.0625, 330, 800],
  ] as const)('for the form of %s', { timeout: 60_000 }, async (name, width, tile, largest) => {
    const made = dense(name, width);
    const session = await runtime.load(made, { threads: 1 });
    const size = fc.integer({ min: Math.round(tile * 0.7), max: largest });
    let most = 0;
    await fc.assert(
      fc.asyncProperty(size, size, async (height, w) => {
        most = Math.max(most, await compare(made, session, image(height, w), tile));
      }),
      { numRuns: 6, seed: 11, endOnFailure: true },
    );
    expect(most).toBeGreaterThanOrEqual(4);
  });

  const windows = fc.array(
    fc.record({
      kind: fc.constantFrom('conv', 'max', 'average'),
      kernel: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 3 }),
      before: fc.integer({ min: 0, max: 2 }),
      after: fc.integer({ min: 0, max: 2 }),
      ceil: fc.integer({ min: 0, max: 1 }),
    }),
    { minLength: 1, maxLength: 4 },
  );
  it('for stacks of windows drawn at random, ceil mode and uneven padding among them', async () => {
    const size = fc.integer({ min: 150, max: 300 });
    let tiles = 0;
    await fc.assert(
      fc.asyncProperty(windows, size, size, async (layers, height, width) => {
        const made = network((b) => {
          let x = b.input('image', 'float32', ['batch', 3, 'height', 'width']);
          layers.forEach(({ kind, kernel, stride, before, after, ceil }, i) => {
            const [first, last] = [Math.min(before, kernel - 1), Math.min(after, kernel - 1)];
            const common = { strides: [stride, stride], pads: [first, first, last, last] };
            const window = { kernel_shape: [kernel, kernel], ...common };
            if (kind === 'max') x = b.MaxPool(x, { ...window, ceil_mode: ceil });
            else if (kind === 'average') x = b.AveragePool(x, { ...window, ceil_mode: ceil });
            else x = b.Relu(b.Conv(x, weights(b, `w${i}`, [3, 3, kernel, kernel]), null, common));
          });
          b.output(x, 'y');
        });
        const session = await runtime.load(made, { threads: 1 });
        tiles += await compare(made, session, image(height, width), 110);
      }),
      { numRuns: 25, seed: 5, endOnFailure: true },
    );
    expect(tiles).toBeGreaterThan(100);
  });

  it.each([
    ['padded', 1],
    ['not padded, so that cells begin far inside the image', 0],
  ])('for a map brought to the size of the image, %s', async (_, pad) => {
    const made = upsampled(pad);
    const session = await runtime.load(made, { threads: 1 });
    for (const [height, width] of [
      [301, 290],
      [256, 333],
      [190, 415],
    ] as const)
      expect(await compare(made, session, image(height, width), 128)).toBeGreaterThan(3);
  });

  it.each([
    ['squeezenet', 0.125, 4, 'exact', 400],
    ['vgg16', 1 / 64, 8, 'paper', 640],
  ] as const)(
    'for a segmenter on %s at width %d, stride %d, alignment %s',
    { timeout: 60_000 },
    async (name, narrow, finest, alignment, tile) => {
      const made = segmenter(name, narrow, finest, alignment);
      const session = await runtime.load(made, { threads: 1 });
      const [height, width] = [Math.round(1.5 * tile) + 9, Math.round(1.3 * tile) + 10];
      expect(await compare(made, session, image(height, width), tile)).toBeGreaterThan(3);
    },
  );

  it.each([201, 202, 203])(
    'for SAME padding, which depends on the size: %i pixels',
    async (side) => {
      const made = network((b) => {
        let x = b.input('image', 'float32', ['batch', 3, 'height', 'width']);
        for (const name of ['v', 'w'])
          x = b.Conv(x, weights(b, name, [3, 3, 4, 4]), null, {
            strides: [2, 2],
            auto_pad: 'SAME_UPPER',
          });
        b.output(x, 'y');
      });
      const session = await runtime.load(made, { threads: 1 });
      expect(await compare(made, session, image(side, side + 1), 70)).toBeGreaterThan(5);
    },
  );

  it('for Resize by a fixed scale', async () => {
    const made = network((b) => {
      const x = b.input('image', 'float32', ['batch', 3, 'height', 'width']);
      const y = b.Conv(x, weights(b, 'w', [3, 3, 3, 3]), null, {
        strides: [2, 2],
        pads: [1, 1, 1, 1],
      });
      const scales = b.constant(tensor('float32', [4], [1, 1, 2, 2]));
      b.output(b.Resize(y, null, scales, null, { mode: 'linear' }), 'y');
    });
    const session = await runtime.load(made, { threads: 1 });
    expect(await compare(made, session, image(201, 150), 64)).toBeGreaterThan(5);
  });
});

describe('a network that looks at the whole image', () => {
  const scaled = network((b) => {
    const x = b.input('image', 'float32', ['batch', 3, 'height', 'width']);
    const y = b.Relu(x);
    b.output(b.Mul(y, b.GlobalAveragePool(y)), 'y');
  });

  it('is refused by the name of its node', () => {
    const wrong = () => planTiles(scaled, [300, 300], { tile: 100 });
    expect(wrong).toThrow(ModelError);
    expect(wrong).toThrow(/GlobalAveragePool at node .* see more the larger the image is/);
  });

  it('runs where the image fits', async () => {
    const session = await runtime.load(scaled, { threads: 1 });
    expect(await compare(scaled, session, image(80, 90), 100)).toBe(1);
  });
});

describe('a plan', () => {
  const valid = network((b) => {
    const x = b.input('image', 'float32', ['batch', 3, 'height', 'width']);
    b.output(b.Conv(x, weights(b, 'w', [2, 3, 9, 9])), 'y');
  });

  it('pads an image in which no position fits, and says so', async () => {
    const plan = planTiles(valid, [5, 20]);
    expect(plan.padded).toEqual([9, 20]);
    expect(plan.positions).toEqual([1, 12]);
    expect(plan.notes.join()).toContain('20 x 5 pixels and one position of the network sees 9 x 9');
    const { out } = await stitched(await runtime.load(valid), plan, image(5, 20));
    expect(out.every(Number.isFinite)).toBe(true);
  });

  it('has regions of one size within the memory given', () => {
    const plan = planTiles(valid, [20_000, 20_000], { memory: 50_000_000 });
    const lengths = plan.rows.map(({ input }) => input.end - input.start);
    expect(new Set(lengths).size).toBe(1);
    expect((lengths[0] ?? 0) ** 2 * 5 * 4).toBeLessThan(50_000_000);
    expect(plan.positions).toEqual([19_992, 19_992]);
  });

  it('is refused for a classifier, and for a model of one size', () => {
    expect(() => planTiles(buildModel(models.lenet), [100, 100])).toThrow(/convolutionalize/);
    const fixed = network((b) => b.output(b.Relu(b.input('x', 'float32', [1, 3, 8, 8])), 'y'));
    expect(() => planTiles(fixed, [100, 100])).toThrow(/takes 8 pixels alone, got 100/);
  });
});
