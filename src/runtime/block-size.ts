/** How many channels ONNX Runtime puts in a block on this machine, found out by asking it. */
import { internal, ModelError } from '../errors.js';
import { type Graph, model, type Value } from '../graph/graph.js';
import { type Builder, builder } from '../ops/builder.js';
import { dimsOf } from '../ops/dims.js';
import { maxPoolGradient } from '../ops/pool-max-gradient.js';
import { windowOf } from '../ops/window.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import { type Tensor, tensor, zeros } from '../tensor/tensor.js';
import { blockedDomain, withBlockedConvolutions } from './blocked.js';
import type { Feeds, Runtime } from './runtime.js';

/** Sizes that ONNX Runtime has: 16 with AVX-512, else 8. A multiple of them all fills blocks everywhere. */
const [sizes, filled] = [[8, 16], 16];

/** Largest difference between blocked and plain results of the size of 1. */
const tolerance = 1e-4;

/**
 * Channels in a block, or null where `load` has no operators on blocks, or where a convolution in blocks gives other
 * numbers than a plain one: a graph laid out for the wrong size is as valid as one for the right size, and wrong.
 */
export async function blockSize(load: Runtime['load']): Promise<number | null> {
  try {
    const block = await laidOut(load);
    return block !== null && (await agrees(load, block)) ? block : null;
  } catch (error) {
    if (error instanceof ModelError) return null;
    throw error;
  }
}

/** Reads the size off where `ReorderInput` puts the numbers 0, 1, 2… of 16 channels with two positions each. */
async function laidOut(load: Runtime['load']): Promise<number | null> {
  const info = (name: string) => ({ name, dtype: 'float32', shape: [1, filled, 1, 2] }) as const;
  const graph: Graph = {
    name: 'block size',
    inputs: [info('x')],
    outputs: [info('y')],
    nodes: [
      {
        name: 'reorder',
        op: 'ReorderInput',
        domain: blockedDomain,
        inputs: ['x'],
        outputs: ['y'],
        attributes: {},
      },
    ],
    initializers: new Map(),
    values: new Map(),
  };
  const given = Array.from({ length: 2 * filled }, (_, i) => i);
  const session = await load(model(graph));
  const { y } = await session.run({ x: tensor('float32', [1, filled, 1, 2], given) });
  const got = Array.from(y?.data as Float32Array);
  const fits = (block: number): boolean =>
    given.every((value) => {
      const [channel, position] = [Math.floor(value / 2), value % 2];
      const start = 2 * (channel - (channel % block));
      return got[start + position * block + (channel % block)] === value;
    });
  return sizes.find(fits) ?? null;
}

/** Whether convolutions of every kind that is blocked come out as the plain ones. */
async function agrees(load: Runtime['load'], block: number): Promise<boolean> {
  const b = builder();
  const feeds: Record<string, Tensor> = {};
  const input = (name: string, dims: readonly number[]): Value => {
    const data = zeros('float32', dims);
    fillUniform(data.data, streamKey(1, 0, name));
    feeds[name] = tensor(
      'float32',
      dims,
      data.data.map((value) => value - 0.5),
    );
    return b.input(name, 'float32', dims);
  };
  everyKind(b, input);
  const plain = model(b.build('blocked and plain'));
  const blocked = withBlockedConvolutions(plain, block);
  if (blocked.graph.nodes.some(({ op, domain }) => /^Conv/.test(op) && domain === ''))
    return internal('a convolution that was to be compared in blocks is not in blocks');
  const run = async (each: typeof plain): Promise<Feeds> => await (await load(each)).run(feeds);
  const [wanted, got] = [await run(plain), await run(blocked)];
  return Object.entries(wanted).every(([name, { data }]) => {
    const other = got[name]?.data as Float32Array;
    return (data as Float32Array).every((v, i) => Math.abs(v - (other[i] ?? NaN)) < tolerance);
  });
}

/** Dense with a bias, Relu, uneven padding; with a stride, dilation; in groups; depthwise; transposed; a max-pool's gradient. */
function everyKind(b: Builder, input: (name: string, dims: readonly number[]) => Value): void {
  const x = input('x', [2, 2 * filled, 12, 13]);
  const weights = (name: string, each: number): Value => input(name, [2 * filled, each, 3, 3]);
  const dense = b.Conv(x, weights('w', 2 * filled), input('bias', [2 * filled]), {
    pads: [1, 0, 2, 1],
  });
  b.output(b.Relu(dense), 'y');
  b.output(
    b.Conv(x, weights('strided', 2 * filled), null, {
      strides: [2, 1],
      dilations: [1, 2],
      pads: [1, 2, 1, 2],
    }),
    'y strided',
  );
  b.output(b.Conv(x, weights('grouped', filled), null, { group: 2 }), 'y grouped');
  b.output(b.Conv(x, weights('depthwise', 1), null, { group: 2 * filled }), 'y depthwise');
  // Its masks are convolutions that add a value and end in a HardSigmoid.
  const pool = { kernel_shape: [3, 3], strides: [2, 2] };
  const pooled = b.MaxPool(x, pool);
  const window = windowOf(
    { ...pool, pads: undefined, dilations: undefined, auto_pad: 'NOTSET' },
    [12, 13],
  );
  const dy = input('dy', dimsOf(pooled));
  b.output(maxPoolGradient(b, x, pooled, dy, window), 'pool back');
  const back = b.ConvTranspose(x, weights('transposed', 2 * filled), null, {
    strides: [2, 2],
    pads: [1, 1, 0, 0],
  });
  b.output(back, 'y transposed');
}
