/** A dense network against its classifier, on crops of an image. */
import { DataError, UsageError } from '../errors.js';
import type { Model, ValueInfo } from '../graph/graph.js';
import { loadModel } from '../ops/load.js';
import { receptiveFields } from '../ops/receptive-fields.js';
import type { Runtime } from '../runtime/runtime.js';
import { permutation, streamKey } from '../tensor/random.js';
import { type Tensor, tensor, toNumbers, zeros } from '../tensor/tensor.js';
import type { Dense } from './convolutionalize.js';

export interface VerifyOptions {
  /** The most crops that are compared; 256 where left out. Where there are more, a draw of them. */
  readonly limit?: number;
  /** Of the draw; 0 where left out. */
  readonly seed?: number;
  readonly threads?: number;
}

/** Largest differences between scores. */
export interface Verification {
  /** Crops compared, and how many the map covers. */
  readonly crops: number;
  readonly covered: number;
  /** Between each cell of the map and the classifier on its crop. */
  readonly largest: number;
  /** Between the dense network and the classifier, both on the crop alone. */
  readonly alone: number;
  /** Whether the network pads, so that a crop's edges are padded for the classifier and not for the map. */
  readonly isPadded: boolean;
  /**
   * Between the cells of `Dense.features` that see no padding, in the map and on the crop; null where no such map is
   * in both, or no cell of it sees none.
   */
  readonly interior: { readonly largest: number; readonly cells: number } | null;
}

type Place = readonly [row: number, column: number];

/** Whether what the output sees reaches beyond the image that the classifier is made for. */
export function isPadded({ field, size }: Dense): boolean {
  return field.some((axis, i) => axis.offset < 0 || axis.offset + axis.size > (size[i] ?? 0));
}

/**
 * Runs the classifier on every crop that a cell of the dense map covers, in batches, and compares.
 * @param image float32 (1, channels, height, width), as the classifier takes it
 * @throws DataError where the image is smaller than the classifier's; UsageError where pools over
 *   the map were left out, so that there is nothing to compare.
 */
export async function verifyDense(
  runtime: Runtime,
  source: Model,
  dense: Dense,
  image: Tensor<'float32'>,
  options: VerifyOptions = {},
): Promise<Verification> {
  checkWhole(dense);
  const { limit = 256, seed = 0, threads } = options;
  const load = (model: Model) => runtime.load(model, threads === undefined ? {} : { threads });
  const grid = cropsOf(dense, image);
  const shared = sharedFeatures(source, dense);
  const slider = await load(withOutput(dense.model, shared?.name));
  const classifier = await load(withOutput(source, shared?.name));
  const whole = await slider.run({ [dense.input]: image });
  const map = whole[dense.output] ?? zeros('float32', [0]);
  const [covered, columns] = [grid.rows * grid.columns, grid.columns];
  const drawn = [...permutation(covered, streamKey(seed, 0, 'crops'))].slice(0, limit);
  const places = drawn.map((at): Place => [Math.floor(at / columns), at % columns]);
  const found = { largest: 0, alone: 0, interior: 0, cells: 0 };
  const each = batchOf(source, dense.input);
  for (let at = 0; at < places.length; at += each) {
    const some = places.slice(at, at + each);
    const crops = cropAll(image, some, dense, each);
    const wanted = await classifier.run({ [dense.input]: crops });
    const alone = await slider.run({ [dense.input]: crops });
    const scores = toNumbers(wanted[dense.output] ?? map);
    const one = alone[dense.output] ?? map;
    const classes = scores.length / each;
    some.forEach((place, n) => {
      const own = scores.slice(n * classes, (n + 1) * classes);
      found.largest = Math.max(found.largest, difference(cellOf(map, place), own));
      found.alone = Math.max(found.alone, difference(cellOf(one, [0, 0], n), own));
      if (!shared) return;
      const inside = interior(shared, place, n, wanted[shared.name], whole[shared.name]);
      found.interior = Math.max(found.interior, inside.largest);
      found.cells += inside.cells;
    });
  }
  const { largest, alone, cells } = found;
  return {
    ...{ crops: places.length, covered, largest, alone, isPadded: isPadded(dense) },
    interior: cells > 0 ? { largest: found.interior, cells } : null,
  };
}

/** How many crops lie in the image. */
function cropsOf({ field, size }: Dense, { dims }: Tensor) {
  const [, , height = 0, width = 0] = dims;
  if (height < size[0] || width < size[1])
    throw new DataError(
      `the image has ${height} x ${width} pixels, fewer than the ${size[0]} x ${size[1]} that the classifier takes. Verify with a larger one`,
      { expected: size, actual: [height, width] },
    );
  const [down = 1, right = 1] = field.map(({ stride }) => stride);
  return {
    rows: Math.floor((height - size[0]) / down) + 1,
    columns: Math.floor((width - size[1]) / right) + 1,
  };
}

function checkWhole({ isWhole }: Dense): void {
  if (isWhole) return;
  throw new UsageError(
    'without the pools over the whole map no cell gives what the classifier gives on a crop: there is nothing to compare. Verify with --pooling window',
    { expected: 'window', actual: 'none' },
  );
}

/** How many images the classifier takes at a time. */
function batchOf({ graph }: Model, input: string): number {
  const first = graph.inputs.find(({ name }) => name === input)?.shape?.[0];
  return typeof first === 'number' && first > 0 ? first : 16;
}

/** The crops at `places`, as one batch of `count`; the last is repeated where there are fewer. */
function cropAll(image: Tensor<'float32'>, places: readonly Place[], dense: Dense, count: number) {
  const [, channels = 1, rows = 1, columns = 1] = image.dims;
  const { field, size } = dense;
  const [height, width] = size;
  const data = new Float32Array(count * channels * height * width);
  for (let n = 0, at = 0; n < count; n++) {
    const [row = 0, column = 0] = places[Math.min(n, places.length - 1)] ?? [];
    const [top, left] = [row * (field[0]?.stride ?? 1), column * (field[1]?.stride ?? 1)];
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < height; i++, at += width) {
        const start = (c * rows + top + i) * columns + left;
        data.set(image.data.subarray(start, start + width), at);
      }
  }
  return tensor('float32', [count, channels, height, width], data);
}

/** All channels at one place of the n-th map. */
function cellOf({ dims, data }: Tensor, [row, column]: Place, n = 0): number[] {
  const [, channels = 1, rows = 1, columns = 1] = dims;
  return Array.from({ length: channels }, (_, c) =>
    Number(data[((n * channels + c) * rows + row) * columns + column]),
  );
}

function difference(a: readonly number[], b: readonly number[]): number {
  return a.reduce((most, x, i) => {
    const apart = Math.abs(x - (b[i] ?? Number.NaN));
    return apart > most || Number.isNaN(apart) ? apart : most;
  }, 0);
}

/** The map of features that both networks have, and how its cells lie in each. */
interface Shared {
  readonly name: string;
  readonly axes: readonly {
    /** Pixels between the classifier's cells, and what they see. */
    readonly stride: number;
    readonly offset: number;
    readonly size: number;
    /** Pixels between the dense network's cells, and between crops. */
    readonly fine: number;
    readonly crop: number;
    readonly length: number;
  }[];
}

function sharedFeatures(source: Model, dense: Dense): Shared | null {
  const { features: name, size, field } = dense;
  if (name === null || !source.graph.nodes.some(({ outputs }) => outputs.includes(name)))
    return null;
  const fieldsIn = (model: Model) => {
    const b = loadModel(model);
    const found = b.values.has(name) && receptiveFields(b, b.value(dense.input)).get(name);
    return Array.isArray(found) ? found : null;
  };
  const [coarse, fine] = [fieldsIn(source), fieldsIn(dense.model)];
  if (!coarse || !fine) return null;
  const axes = coarse.map(({ stride, offset, size: seen }, i) => ({
    ...{ stride, offset, size: seen },
    fine: fine[i]?.stride ?? stride,
    crop: field[i]?.stride ?? stride,
    length: size[i] ?? 0,
  }));
  return { name, axes };
}

/** Compares the cells that see no padding on a crop. */
function interior(
  { axes }: Shared,
  place: Place,
  n: number,
  wanted: Tensor | undefined,
  whole: Tensor | undefined,
): { largest: number; cells: number } {
  if (!wanted || !whole) return { largest: 0, cells: 0 };
  const inside = axes.map(({ stride, offset, size, length }, i) =>
    Array.from({ length: wanted.dims[i + 2] ?? 0 }, (_, at) => at).filter(
      (at) => offset + at * stride >= 0 && offset + at * stride + size <= length,
    ),
  );
  let [largest, cells] = [0, 0];
  for (const row of inside[0] ?? [])
    for (const column of inside[1] ?? []) {
      const [i = 0, j = 0] = axes.map(({ stride, fine, crop }, axis) => {
        const at = axis === 0 ? row : column;
        return ((place[axis] ?? 0) * crop + at * stride) / fine;
      });
      const [ours, theirs] = [cellOf(whole, [i, j]), cellOf(wanted, [row, column], n)];
      largest = Math.max(largest, difference(ours, theirs));
      cells++;
    }
  return { largest, cells };
}

/** The model with one more output. */
function withOutput(model: Model, name: string | undefined): Model {
  const { graph } = model;
  if (name === undefined || graph.outputs.some((output) => output.name === name)) return model;
  const more: ValueInfo = { name, dtype: 'float32', shape: null };
  return { ...model, graph: { ...graph, outputs: [...graph.outputs, more] } };
}
