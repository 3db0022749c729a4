/** Proves gradients: what `differentiate` emits against finite differences of the graph itself. */
import { GradientError, ModelError } from '../errors.js';
import { type Graph, model } from '../graph/graph.js';
import type { ExtendedOps } from '../ops/builder.js';
import { load } from '../ops/load.js';
import type { Feeds, Runtime, Session } from '../runtime/runtime.js';
import { fillNormal, streamKey } from '../tensor/random.js';
import { type Tensor, zeros } from '../tensor/tensor.js';
import { differentiate } from './differentiate.js';
import { widen, widenTensor } from './widen.js';

export interface CheckOptions {
  /** Name of the scalar to differentiate. */
  readonly loss: string;
  /** Names of the graph inputs to differentiate by. */
  readonly with: readonly string[];
  /** A value for every input of the graph, at a point where it is smooth. */
  readonly feeds: Feeds;
  /** 2 checks the gradient of the gradient as well. */
  readonly order?: 1 | 2;
  /** Largest error, relative to the larger of 1 and the gradient. 1e-5 in double precision, 2e-2 in single. */
  readonly tolerance?: number;
  readonly seed?: number;
  /** The operators there are; Espalier's own where left out. */
  readonly ops?: ExtendedOps;
}

export interface GradientCheck {
  /** `float64` where the runtime has the graph's operators in double precision, else `float32`. */
  readonly precision: 'float64' | 'float32';
  /** Largest relative error of all elements checked. */
  readonly error: number;
  readonly elements: number;
}

/** Inputs with more elements are checked along this many random directions, smaller ones element by element. */
const directions = 8;
const largestWhole = 64;

const precisions = {
  float64: { step: 1e-4, tolerance: 1e-5 },
  float32: { step: 1e-2, tolerance: 2e-2 },
} as const;

/**
 * Compares the emitted gradient with central differences, in double precision where the runtime can.
 * @returns the largest error seen, over both orders if order is 2.
 * @throws GradientError where it exceeds the tolerance, with both numbers, or a name of `with` has no feed.
 */
export async function checkGradient(
  runtime: Runtime,
  graph: Graph,
  options: CheckOptions,
): Promise<GradientCheck> {
  const missing = options.with.find((name) => options.feeds[name] === undefined);
  if (missing !== undefined)
    throw new GradientError(
      `checkGradient: no feed for "${missing}", so that nothing of it can be checked. Differentiate by inputs of the graph, and give a value for each.`,
      { actual: missing, expected: Object.keys(options.feeds) },
    );
  const first = await checkFirst(runtime, graph, options);
  if (options.order !== 2) return first;
  const second = await checkFirst(runtime, secondOrder(graph, options), {
    ...options,
    loss: 'projected',
  });
  return {
    precision: second.precision === 'float32' ? 'float32' : first.precision,
    error: Math.max(first.error, second.error),
    elements: first.elements + second.elements,
  };
}

/** A graph whose scalar `projected` is the gradient projected on a fixed random vector. */
function secondOrder(graph: Graph, options: CheckOptions): Graph {
  const { graph: once, gradients } = differentiate(graph, { ...options, unreached: 'zeros' });
  const b = load(once, options.ops && { ops: options.ops });
  const terms = options.with.map((name) => {
    const gradient = b.value(gradients[name] ?? '');
    const direction = randomLike(
      gradient.shape as readonly number[],
      options.seed ?? 0,
      `second/${name}`,
    );
    return b.ReduceSum(b.Mul(gradient, b.constant(direction)), null, { keepdims: 0 });
  });
  b.output(
    terms.reduce((sum, term) => b.Add(sum, term)),
    'projected',
  );
  const built = b.build(graph.name);
  return { ...built, outputs: built.outputs.filter(({ name }) => name === 'projected') };
}

async function checkFirst(
  runtime: Runtime,
  graph: Graph,
  options: CheckOptions,
): Promise<GradientCheck> {
  const { graph: differentiated, gradients } = differentiate(graph, {
    ...options,
    unreached: 'zeros',
  });
  const attempt = async (precision: 'float64' | 'float32'): Promise<GradientCheck> => {
    const wide = precision === 'float64';
    const checked = model(wide ? widen(differentiated) : differentiated);
    // Hundreds of small graphs are checked in a row: threads for each would take most of the time.
    const session = await runtime.load(checked, { threads: 1 });
    const feeds = Object.fromEntries(
      Object.entries(options.feeds)
        .filter(([name]) => session.inputs.includes(name))
        .map(([name, value]) => [name, wide ? widenTensor(value) : value]),
    );
    return compare(session, feeds, gradients, options, precision);
  };
  try {
    return await attempt('float64');
  } catch (error) {
    if (error instanceof ModelError && !(error instanceof GradientError)) return attempt('float32');
    throw error;
  }
}

async function compare(
  session: Session,
  feeds: Feeds,
  gradients: Readonly<Record<string, string>>,
  options: CheckOptions,
  precision: 'float64' | 'float32',
): Promise<GradientCheck> {
  const { step } = precisions[precision];
  const tolerance = options.tolerance ?? precisions[precision].tolerance;
  const analytic = await session.run(feeds);
  let worst = 0;
  let elements = 0;
  for (const name of options.with) {
    const feed = feeds[name];
    const gradient = analytic[gradients[name] ?? ''];
    if (!feed || !gradient) continue;
    for (const direction of directionsOf(feed, options.seed ?? 0, name)) {
      const at = async (sign: number): Promise<number> => {
        const moved = move(feed, direction, sign * step);
        const out = await session.run({ ...feeds, [name]: moved });
        return Number(out[options.loss]?.data[0]);
      };
      const numeric = ((await at(1)) - (await at(-1))) / (2 * step);
      const expected = dot(gradient.data as Float64Array, direction);
      const error =
        Math.abs(numeric - expected) / Math.max(1, Math.abs(numeric), Math.abs(expected));
      // Written so that NaN fails too.
      if (!(error <= tolerance))
        throw new GradientError(
          `checkGradient: by "${name}", along ${describe(direction)}: the graph gives ${expected}, central differences ${numeric} (relative error ${error.toExponential(2)}, allowed ${tolerance}, ${precision})`,
          { expected: numeric, actual: expected },
        );
      worst = Math.max(worst, error);
      elements++;
    }
  }
  return { precision, error: worst, elements };
}

/** Unit vectors for every element of a small input, random ones for a large input. */
function directionsOf(feed: Tensor, seed: number, name: string): Float64Array[] {
  const size = feed.data.length;
  if (size <= largestWhole)
    return Array.from({ length: size }, (_, i) => {
      const unit = new Float64Array(size);
      unit[i] = 1;
      return unit;
    });
  return Array.from({ length: directions }, (_, k) => {
    const { data } = randomLike([size], seed, `direction/${name}/${k}`);
    const norm = Math.hypot(...data);
    return Float64Array.from(data, (value) => value / norm);
  });
}

function move(feed: Tensor, direction: Float64Array, by: number): Tensor {
  const data = feed.data.slice() as Float64Array;
  for (let i = 0; i < data.length; i++) data[i] = (data[i] ?? 0) + by * (direction[i] ?? 0);
  return { ...feed, data };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

const describe = (direction: Float64Array): string =>
  direction.filter((value) => value !== 0).length === 1
    ? `element ${direction.indexOf(1)}`
    : 'a random direction';

function randomLike(dims: readonly number[], seed: number, name: string): Tensor<'float32'> {
  const made = zeros('float32', dims);
  fillNormal(made.data, streamKey(seed, 0, name));
  return made;
}
