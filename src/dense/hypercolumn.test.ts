/** Both paths against each other, the columns at points against the dense ones, and what interpolation promises. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelError, ShapeError } from '../errors.js';
import { type Model, model, type Value } from '../graph/graph.js';
import { normal } from '../nn/init.js';
import { buildModel } from '../nn/models/build-model.js';
import { models } from '../nn/models/table.js';
import { builder } from '../ops/builder.js';
import { nodeRuntime } from '../runtime/node.js';
import type { Runtime } from '../runtime/runtime.js';
import { type Tensor, tensor, zeros } from '../tensor/tensor.js';
import { convolutionalize } from './convolutionalize.js';
import { columnLength, efficient, explicit, kernelsOf } from './hypercolumn.js';
import { columnsAt } from './hypercolumn-columns.js';
import { columnScorer, hypercolumnModel, tapsModel } from './hypercolumn-models.js';
import { type HypercolumnTap, hypercolumnTaps } from './hypercolumn-taps.js';
import { evenGrid } from './interpolation.js';
import { forEachTile, keptOf, planTiles } from './tiles.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

const draw = (name: string, dims: readonly number[], deviation = 1): Tensor<'float32'> =>
  normal(3, name, dims, deviation) as Tensor<'float32'>;

async function run(made: Model, image: Tensor): Promise<Tensor<'float32'>> {
  const session = await runtime.load(made, { threads: 1 });
  const results = await session.run({ image });
  return results[session.outputs[0] ?? ''] as Tensor<'float32'>;
}

function furthest(a: Tensor, b: Tensor): number {
  expect(a.dims).toEqual(b.dims);
  return [...(a.data as Float32Array)].reduce(
    (most, x, i) => Math.max(most, Math.abs(x - Number(b.data[i]))),
    0,
  );
}

/** A window of a drawn network: kernel, stride, padding before and after. */
interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly pads: readonly [number, number, number, number];
  readonly pool: boolean;
}

/** A chain of windows `map0`, `map1` …, and beside it a pool over everything as units `global`. */
function network(windows: readonly Window[], scale: readonly number[] = []): Model {
  const b = builder();
  let x = b.input('image', 'float32', ['batch', 2, 'height', 'width']);
  windows.forEach(({ kernel, stride, pads, pool }, i) => {
    const shape = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads };
    const weight = () =>
      b.initializer(`w${i}`, draw(`w${i}`, [3, Number(x.shape[1]), kernel, kernel]));
    const made = pool ? b.MaxPool(x, shape) : b.Conv(x, weight(), null, shape);
    [x] = b.node('Tanh', [made], {}, { outputs: [`map${i}`] }) as [Value];
  });
  if (scale.length > 0) {
    const scales = b.constant(tensor('float32', [4], [1, 1, ...scale]));
    const options = { mode: 'linear' } as const;
    [x] = b.node('Resize', [x, null, scales], options, { outputs: ['resized'] }) as [Value];
  }
  b.node('GlobalAveragePool', [x], {}, { outputs: ['global'] });
  b.output(x, 'out');
  return model(b.build(), {}, b.opset);
}

const windows = fc.array(
  fc
    .record({
      kernel: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 3 }),
      before: fc.integer({ min: 0, max: 1 }),
      after: fc.integer({ min: 0, max: 1 }),
      pool: fc.boolean(),
    })
    .map(({ kernel, before, after, ...rest }): Window => {
      const pads = [before, after, after, before].map((n) => Math.min(n, kernel - 1));
      return { kernel, ...rest, pads: pads as unknown as Window['pads'] };
    }),
  { minLength: 1, maxLength: 3 },
);

function classifierOf(taps: readonly HypercolumnTap[], kernels: readonly number[]) {
  const weights = draw('weights', [3, columnLength(taps, kernels)], 0.3);
  return { weights, bias: draw('bias', [3]), kernels };
}

describe('both paths', () => {
  it('give the same on drawn networks: odd sizes, mixed strides and phases, n x n kernels, units', async () => {
    await fc.assert(
      fc.asyncProperty(
        windows,
        fc.array(fc.constantFrom(1, 3, 5), { minLength: 5, maxLength: 5 }),
        fc.integer({ min: 41, max: 65 }),
        fc.integer({ min: 41, max: 65 }),
        fc.constantFrom([], [0.75, 1.5], [2, 2]),
        async (chain, drawn, height, width, scale) => {
          const source = network(chain, scale);
          const maps = chain.map((_, i) => `map${i}`);
          const names = [...maps, 'global', ...(scale.length > 0 ? ['resized'] : [])];
          const image = draw('image', [2, 2, height, width]);
          const taps = hypercolumnTaps(source, names);
          const kernels = names.map((name, i) => (name === 'global' ? 1 : (drawn[i] ?? 1)));
          const classifier = classifierOf(taps, kernels);
          const options = { squash: 'none' } as const;
          const [fast, slow] = await Promise.all(
            (['efficient', 'explicit'] as const).map((path) =>
              run(columnScorer(source, taps, classifier, { ...options, path }), image),
            ),
          );
          expect(fast?.dims).toEqual([2, 3, height, width]);
          expect(furthest(fast as Tensor, slow as Tensor)).toBeLessThan(1e-4);
        },
      ),
      { numRuns: 25, seed: 5 },
    );
  });

  it('give the same at 50 x 50 cells over a box, with units of a classifier', async () => {
    const source = buildModel(models.alexnet, { width: 1 / 16 });
    const taps = hypercolumnTaps(source, ['pool2', 'conv4', 'fc7']);
    const target = {
      grids: [evenGrid(227, 50), evenGrid(227, 50)] as const,
      size: [50, 50] as const,
    };
    const weights = draw('weights', [4, columnLength(taps)]);
    const made = (['efficient', 'explicit'] as const).map((path) => {
      const b = builder();
      const values = taps.map((tap) => {
        const dims = tap.grids === null ? [2, tap.channels] : [2, tap.channels, 13, 13];
        return b.input(tap.value, 'float32', dims);
      });
      const parts = kernelsOf(weights, taps).map((part, i) => b.initializer(`w${i}`, part));
      const kernel = { ...weights, dims: [...weights.dims, 1, 1] };
      const scores =
        path === 'efficient'
          ? efficient(b, taps, { weights: parts, bias: null }, target)
          : b.Conv(explicit(b, taps, { target }), b.initializer('w', kernel), null, {});
      expect(scores.shape).toEqual([2, 4, 50, 50]);
      b.output(scores, 'scores');
      const feeds = Object.fromEntries(
        values.map(({ name, shape }) => [name, draw(name, shape.map(Number))]),
      );
      return { model: model(b.build(), {}, b.opset), feeds };
    });
    const [fast, slow] = await Promise.all(
      made.map(
        async ({ model, feeds }) => (await (await runtime.load(model)).run(feeds))['scores'],
      ),
    );
    expect(furthest(fast as Tensor, slow as Tensor)).toBeLessThan(1e-4);
  });

  it('refuse kernels that do not fit', () => {
    const source = network([{ kernel: 3, stride: 2, pads: [1, 1, 1, 1], pool: false }]);
    const taps = hypercolumnTaps(source, ['map0', 'global']);
    const scorer = (classifier: Parameters<typeof columnScorer>[2]) => () =>
      columnScorer(source, taps, classifier);
    const bias = zeros('float32', [3]);
    expect(scorer({ weights: zeros('float32', [3, 5]), bias })).toThrow(/\(outputs, 6\)/);
    const even = { weights: zeros('float32', [3, 15]), bias, kernels: [2, 1] };
    expect(scorer(even)).toThrow(/n odd/);
    const wide = { weights: zeros('float32', [3, 30]), bias, kernels: [1, 3] };
    expect(scorer(wide)).toThrow(ShapeError);
  });

  it('have their output under its name, unless a layer needs it', () => {
    const source = network([{ kernel: 3, stride: 2, pads: [1, 1, 1, 1], pool: false }]);
    const taps = hypercolumnTaps(source, ['map0']);
    const classifier = { weights: zeros('float32', [3, 3]), bias: zeros('float32', [3]) };
    const named = (output: string) => columnScorer(source, taps, classifier, { output });
    // A value of the network, but of its end, which is not needed.
    expect(named('global').graph.outputs.map(({ name }) => name)).toEqual(['global']);
    expect(() => named('map0')).toThrow(/the layers need a value "map0"/);
  });
});

describe('interpolation', () => {
  const halves = { kernel: 2, stride: 2, pads: [0, 0, 0, 0], pool: false } as const;
  const thirds = { kernel: 3, stride: 3, pads: [1, 1, 1, 1], pool: false } as const;

  /** Means over windows of a drawn chain, whose values stand at the middles of what they see. */
  function means(chain: readonly Window[], scale: readonly number[] = []): Model {
    const b = builder();
    let x = b.input('image', 'float32', ['batch', 1, 'height', 'width']);
    chain.forEach(({ kernel, stride, pads }, i) => {
      const shape = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads };
      [x] = b.node(
        'AveragePool',
        [x],
        { ...shape, count_include_pad: 0 },
        { outputs: [`m${i}`] },
      ) as [Value];
    });
    if (scale.length > 0) {
      const scales = b.constant(tensor('float32', [4], [1, 1, ...scale]));
      [x] = b.node('Resize', [x, null, scales], { mode: 'linear' }, { outputs: ['resized'] }) as [
        Value,
      ];
    }
    b.output(x, 'out');
    return model(b.build(), {}, b.opset);
  }

  const [height, width] = [37, 53];
  const ramp = zeros('float32', [1, 1, height, width]);
  for (let i = 0; i < ramp.data.length; i++)
    ramp.data[i] = 0.5 * Math.floor(i / width) - 0.25 * (i % width) + 3;

  it.each([
    ['strides of 2 and 6', [halves, thirds], [], 'm1', 10],
    ['a stride of 4', [halves, halves], [], 'm1', 4],
    ['a stride that is no whole number', [halves, halves], [1.6, 1.6], 'resized', 5],
    ['a map finer than the pixels', [], [2, 2], 'resized', 1],
  ] as const)('is exact for linear ramps, from %s', async (_, chain, scale, name, rim) => {
    const source = means(chain, scale);
    const columns = await run(hypercolumnModel(source, hypercolumnTaps(source, [name])), ramp);
    expect(columns.dims).toEqual([1, 1, height, width]);
    for (let row = rim; row < height - rim; row++)
      for (let column = rim; column < width - rim; column++) {
        const i = row * width + column;
        expect(columns.data[i]).toBeCloseTo(ramp.data[i] as number, 3);
      }
  });

  it('repeats the outermost cells beyond their middles', async () => {
    const source = means([halves, halves]);
    const columns = await run(hypercolumnModel(source, hypercolumnTaps(source, ['m1'])), ramp);
    // Cell 0 stands between pixels 1 and 2.
    const corner = 0.5 * 1.5 - 0.25 * 1.5 + 3;
    for (const i of [0, 1, width, width + 1]) expect(columns.data[i]).toBeCloseTo(corner, 5);
  });

  it('moves by one cell where the image moves by one stride', async () => {
    const stride = 6;
    const source = network([halves, { ...thirds, pads: [0, 0, 0, 0] }]);
    const taps = hypercolumnTaps(source, ['map1']);
    const all = draw('image', [1, 2, 60, 60 + stride]);
    const part = (from: number): Tensor<'float32'> => {
      const image = zeros('float32', [1, 2, 60, 60]);
      for (let line = 0; line < 120; line++)
        image.data.set(
          all.data.subarray(line * (60 + stride) + from, line * (60 + stride) + from + 60),
          line * 60,
        );
      return image;
    };
    const [here, there] = [part(0), part(stride)];
    const maps = await Promise.all(
      [here, there].map((image) => run(tapsModel(source, taps), image)),
    );
    const columns = await Promise.all(
      [here, there].map((image) => run(hypercolumnModel(source, taps), image)),
    );
    for (let row = 0; row < 30; row++) {
      const cells = row * 10;
      const lines = row * 60;
      const [a, b] = maps.map(({ data }) => data.subarray(cells, cells + 10)) as [
        Float32Array,
        Float32Array,
      ];
      expect([...b.subarray(0, 9)]).toEqual([...a.subarray(1)]);
      const [c, d] = columns.map(({ data }) => [...data.subarray(lines, lines + 60)]) as [
        number[],
        number[],
      ];
      // Where no rim reaches.
      for (let i = 8; i < 46; i++) expect(d[i]).toBeCloseTo(c[i + stride] as number, 5);
    }
  });
});

describe('columnsAt', () => {
  it('gives what the explicit graph has at the points, between pixels what lies between', async () => {
    await fc.assert(
      fc.asyncProperty(windows, fc.constantFrom(1, 3), async (chain, n) => {
        const source = network(chain);
        const names = [...chain.map((_, i) => `map${i}`), 'global'];
        const taps = hypercolumnTaps(source, names);
        const kernels = names.map((_, i) => (i === 0 ? n : 1));
        const [height, width] = [45, 51];
        const image = draw('image', [2, 2, height, width]);
        const dense = await run(hypercolumnModel(source, taps, kernels), image);
        const session = await runtime.load(tapsModel(source, taps), { threads: 1 });
        const results = await session.run({ image });
        const maps = taps.map(({ value }) => results[value] as Tensor<'float32'>);
        const points = [0, 0, 44, 50, 21, 13, 7, 36, 44, 0];
        const grids = taps.map((tap) => tap.grids);
        const found = columnsAt(maps, grids, points, { image: 1, kernels });
        const length = columnLength(taps, kernels);
        for (let p = 0; p < 5; p++)
          for (let c = 0; c < length; c++) {
            const [y, x] = [points[2 * p] ?? 0, points[2 * p + 1] ?? 0];
            const at = ((length + c) * height + y) * width + x;
            expect(found[p * length + c]).toBeCloseTo(dense.data[at] as number, 4);
          }
      }),
      { numRuns: 15, seed: 6 },
    );
  });

  it('refuses what does not fit', () => {
    const map = zeros('float32', [1, 4, 5, 5]);
    const grid = { stride: 2, offset: 0 };
    expect(() => columnsAt([map], [], [0, 0])).toThrow(ShapeError);
    expect(() => columnsAt([map], [[grid, grid]], [0])).toThrow(/two numbers for each point/);
    expect(() => columnsAt([map], [[grid, grid]], [0, 0], { image: 1 })).toThrow(/no image 1 in/);
    const out = new Float32Array(3);
    expect(() => columnsAt([map], [[grid, grid]], [0, 0], { out })).toThrow(/out must hold/);
    const flat = zeros('float32', [1, 4, 5]);
    expect(() => columnsAt([flat], [null], [0, 0])).toThrow(/\(batch, channels, height, width\)/);
  });
});

describe('taps', () => {
  it('of pool2, conv4 and fc7 of AlexNet make 4,736 channels; its fc7 is a map where it slides', () => {
    const source = buildModel(models.alexnet, {});
    const names = ['pool2', 'conv4', 'fc7'];
    const taps = hypercolumnTaps(source, names);
    expect(taps.map(({ channels }) => channels)).toEqual([256, 384, 4096]);
    expect(columnLength(taps)).toBe(4736);
    const [, , fc7] = taps;
    expect(fc7?.grids).toBeNull();
    const dense = convolutionalize(source, { pooling: 'window' });
    const [pool2, , map] = hypercolumnTaps(dense.model, names);
    expect(map).toMatchObject({ channels: 4096, grids: [{ stride: 32 }, { stride: 32 }] });
    // Conv 11 / 4, pool 3 / 2, conv 5 with 2 around it, pool 3 / 2.
    const grid = { stride: 16, offset: 5 + 4 + 8 };
    expect(pool2?.grids).toEqual([grid, grid]);
  });

  it('are named to whoever asks for another', () => {
    const source = buildModel(models.squeezenet, {});
    const asking = (name: string) => () => hypercolumnTaps(source, [name]);
    expect(asking('fire4x')).toThrow(/Did you mean "fire4"\? Its layers are conv1, pool1, fire2/);
    expect(asking('fire4x')).toThrow(ModelError);
    expect(() => hypercolumnTaps(source, [])).toThrow(/at least one layer/);
  });

  it('are refused where nothing says how far apart their cells stand', () => {
    const b = builder();
    const x = b.input('image', 'float32', ['batch', 2, 8, 8]);
    b.node('Reshape', [x, [-1, 2, 4, 16]], {}, { outputs: ['folded'] });
    b.node('Flatten', [x], {}, { outputs: ['flat'] });
    const tokens = b.Reshape(x, [-1, 2, 64]);
    b.node('Transpose', [tokens], { perm: [0, 2, 1] }, { outputs: ['tokens'] });
    b.output(b.Relu(b.value('folded')), 'out');
    const source = model(b.build(), {}, b.opset);
    const asking = (name: string) => () => hypercolumnTaps(source, [name]);
    expect(asking('folded')).toThrow(/"folded" .* its stride cannot be known/);
    expect(asking('folded')).toThrow(ModelError);
    expect(asking('flat')).toThrow(/flattened/);
    expect(asking('tokens')).toThrow(/not float32 \(batch, channels, height, width\)/);
  });
});

describe('tiles', () => {
  it.each(['efficient', 'explicit'] as const)(
    'of the %s path give what the whole image gives',
    async (path) => {
      const source = convolutionalize(
        buildModel(models.squeezenet, { width: 1 / 8, input: [3, 64, 64] }),
        {
          pooling: 'none',
        },
      );
      const taps = hypercolumnTaps(source.model, ['conv1', 'fire3', 'fire5']);
      const kernels = [3, 1, 3];
      const scorer = columnScorer(source.model, taps, classifierOf(taps, kernels), { path });
      const [height, width] = [301, 275];
      const image = draw('image', [1, 3, height, width]);
      const whole = await run(scorer, image);
      const plan = planTiles(scorer, [height, width], { tile: 220 });
      expect(plan.rows.length * plan.columns.length).toBeGreaterThan(1);
      const session = await runtime.load(scorer, { threads: 1 });
      let most = 0;
      await forEachTile(
        session,
        plan,
        async ({ rows, columns }) => {
          const [h, w] = [rows.end - rows.start, columns.end - columns.start];
          const part = zeros('float32', [1, 3, h, w]);
          for (let line = 0; line < 3 * h; line++) {
            const from = (Math.floor(line / h) * height + rows.start + (line % h)) * width;
            part.data.set(image.data.subarray(from + columns.start, from + columns.end), line * w);
          }
          return part;
        },
        async (output) => {
          const { row, column } = output.tile;
          const kept = keptOf(output);
          const [, h = 0, w = 0] = kept.dims;
          for (let i = 0; i < kept.data.length; i++) {
            const [c, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
            const at = (c * height + row.output.start + y) * width + column.output.start + x;
            most = Math.max(most, Math.abs((kept.data[i] as number) - (whole.data[at] as number)));
          }
        },
      );
      expect(most).toBeLessThan(1e-5);
    },
  );
});
