/** GridSample: an image read at places that another tensor holds (Jaderberg et al. 2015, spatial transformers). */
import { ShapeError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { reshaped } from '../graph/op-rules.js';
import { formatShape, sizeOf, stridesOf } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { dimsOf, equalDims, sameDType } from './dims.js';
import { reshapedTo, zerosOf } from './emit.js';
import { type GridSampleAttributes, type Tap, tapsOf } from './grid-sample-axis.js';
import { gridSampleCases } from './grid-sample-cases.js';
import { checkFloat } from './infer.js';
import { int, type Op, string } from './op.js';

const named = {
  mode: ['linear', 'nearest', 'cubic'],
  padding_mode: ['zeros', 'border', 'reflection'],
} as const;

/** @throws ShapeError for a name that the specification does not have, or cubic on other than images. */
function checkAttributes(attributes: GridSampleAttributes, spatial: number): void {
  for (const [name, values] of Object.entries(named)) {
    const value = attributes[name as keyof typeof named];
    if (!(values as readonly string[]).includes(value))
      throw new ShapeError(`unknown ${name} "${value}". Use ${values.join(', ')}`, {
        expected: values,
        actual: value,
      });
  }
  if (attributes.mode === 'cubic' && spatial !== 2)
    throw new ShapeError(`mode cubic is for two spatial axes, got ${spatial}`, { actual: spatial });
}

/** y is X (batch, channels, sizes…) at grid (batch, new sizes…, axes); the last of the grid names the last axis first. */
export const GridSample: Op<['X', 'grid'], GridSampleAttributes> = {
  inputs: ['X', 'grid'],
  attributes: {
    align_corners: int(0),
    mode: string('linear'),
    padding_mode: string('zeros'),
  },
  since: 20,
  infer({ input, attributes }) {
    const [x, grid] = [checkFloat(input(0)), input(1)];
    const rank = x.shape.length;
    if (rank < 4 || grid.shape.length !== rank)
      throw new ShapeError(
        `X must be (batch, channels, sizes…) of at least two sizes and grid of the same rank, got ${formatShape(x.shape)} and ${formatShape(grid.shape)}`,
        { expected: rank, actual: grid.shape },
      );
    sameDType(x, grid);
    checkAttributes(attributes, rank - 2);
    equalDims(rank - 2, grid.shape.at(-1) ?? 0, 'spatial axes of X and coordinates of grid');
    const batch = equalDims(x.shape[0] ?? 1, grid.shape[0] ?? 1, 'batch of X and of grid');
    return reshaped(x, [batch, x.shape[1] ?? 1, ...grid.shape.slice(1, -1)]);
  },
  gradient({ b, x: [x, grid], dy, needs, attributes }) {
    const sampling = samplingOf(b, x, grid, attributes);
    const [batch = 1, channels = 1] = dimsOf(x);
    const flat = reshapedTo(b, dy, [batch, channels, sampling.count]);
    return [
      needs[0] ? byInput(b, x, flat, sampling) : null,
      needs[1] ? byGrid(b, x, grid, flat, sampling) : null,
    ];
  },
  cases: gridSampleCases,
};

/** An element that each sample reads: one tap of every axis. */
interface Sample {
  readonly taps: readonly Tap[];
  /** Its place in the flattened spatial axes: int64 (batch, 1, count). */
  readonly index: Value;
}

interface Sampling {
  readonly samples: readonly Sample[];
  /** How many places the grid names for each image. */
  readonly count: number;
}

function samplingOf(b: Builder, x: Value, grid: Value, given: GridSampleAttributes): Sampling {
  const [batch = 1, , ...spatial] = dimsOf(x);
  const count = sizeOf(dimsOf(grid).slice(1, -1));
  const rank = spatial.length;
  const components = b.node(
    'Split',
    [reshapedTo(b, grid, [batch, 1, count, rank])],
    { axis: 3, num_outputs: rank },
    { count: rank },
  );
  const strides = stridesOf(spatial);
  const samples = spatial.reduce<Sample[]>(
    (all, size, axis) => {
      const component = reshapedTo(b, components[rank - 1 - axis] as Value, [batch, 1, count]);
      const taps = tapsOf(b, component, size, given);
      const stride = strides[axis] ?? 1;
      return all.flatMap((sample) =>
        taps.map((tap) => {
          const step = stride === 1 ? tap.index : b.Mul(tap.index, stride);
          const index = axis === 0 ? step : b.Add(sample.index, step);
          return { taps: [...sample.taps, tap], index };
        }),
      );
    },
    [{ taps: [], index: grid }],
  );
  return { samples, count };
}

/** The product of what is there; null where nothing is. */
function product(b: Builder, factors: readonly (Value | null)[]): Value | null {
  return factors.reduce(
    (all, factor) => (all && factor ? b.Mul(all, factor) : (all ?? factor)),
    null,
  );
}

/** dX: dy times its weight, added up at each element read. */
function byInput(b: Builder, x: Value, dy: Value, { samples }: Sampling): Value {
  const dims = dimsOf(x);
  const flat = [...dims.slice(0, 2), sizeOf(dims.slice(2))];
  const shares = samples.map(({ taps }) => {
    const weight = product(
      b,
      taps.map((tap) => tap.weight),
    );
    return weight ? b.Mul(dy, weight) : dy;
  });
  const at = samples.map(({ index }) => index);
  const [shared, places] = [joined(b, shares), joined(b, at)];
  const dx = b.ScatterElements(
    zerosOf(b, x.dtype, flat),
    b.Expand(places, dimsOf(shared)),
    shared,
    { axis: 2, reduction: 'add' },
  );
  return reshapedTo(b, dx, dims);
}

const joined = (b: Builder, parts: readonly Value[]): Value =>
  parts.length === 1 ? (parts[0] as Value) : b.Concat(...parts, { axis: 2 });

/** By each component of the grid: the slope of the weights along its axis, times what is read there. */
function byGrid(b: Builder, x: Value, grid: Value, dy: Value, sampling: Sampling): Value {
  const dims = dimsOf(x);
  const flat = reshapedTo(b, x, [...dims.slice(0, 2), sizeOf(dims.slice(2))]);
  const read = sampling.samples.map(({ index }) => {
    const values = b.GatherElements(flat, b.Expand(index, dimsOf(dy)), { axis: 2 });
    return b.ReduceSum(b.Mul(dy, values), [1], { keepdims: 1 });
  });
  const components = dims.slice(2).map((_, axis) => {
    const terms = sampling.samples.flatMap(({ taps }, i) => {
      const slope = taps[axis]?.slope;
      const [values] = [read[i]];
      if (!slope || !values) return [];
      return (
        product(b, [values, ...taps.map((tap, at) => (at === axis ? slope : tap.weight))]) ?? []
      );
    });
    const [first, ...rest] = terms;
    const sum = first && rest.reduce((all, term) => b.Add(all, term), first);
    return sum ?? zerosOf(b, grid.dtype, [dims[0] ?? 1, 1, sampling.count]);
  });
  const columns = components.map((component) =>
    reshapedTo(b, component, [dims[0] ?? 1, sampling.count, 1]),
  );
  return reshapedTo(b, joined(b, columns.toReversed()), dimsOf(grid));
}
