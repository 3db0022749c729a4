/**
 * Classifiers of boxes as one graph: images, boxes and which image each box is in go in, heat maps over the boxes come out.
 * The maps of an image are made once however many boxes it has; each is convolved where it stands, and what the grid's
 * classifiers say is read at the 50 x 50 places of each box, bilinearly, and summed (Hariharan et al. 2015,
 * read from the whole image's maps rather than those of a crop: decision 020).
 */
import type { Grid } from '../../dense/grid.js';
import { columnLength, kernelsOf, withNeighbours } from '../../dense/hypercolumn.js';
import type { HypercolumnTap } from '../../dense/hypercolumn-taps.js';
import { ShapeError } from '../../errors.js';
import { type Graph, type Model, model, type Value } from '../../graph/graph.js';
import type { Builder } from '../../ops/builder.js';
import { loadModel } from '../../ops/load.js';
import { prune } from '../../ops/rewrite/prune.js';
import { formatShape } from '../../tensor/shape.js';
import { type Tensor, tensor, zeros } from '../../tensor/tensor.js';
import { trainableWeights } from '../classifier/parameters.js';
import { checkGrid, gridWeights } from './grid.js';
import { blended } from './loss.js';

/** Classifiers of the places in a box, trained or not. */
export interface BoxHead {
  /** What is told of each place: `['figure']`, or names of parts or keypoints. */
  readonly outputs: readonly string[];
  readonly taps: readonly HypercolumnTap[];
  /** Sides of the neighbourhoods that are seen on each tap's own grid, odd: 1 for the paper's 1 x 1. */
  readonly kernels: readonly number[];
  /** K of the K x K classifiers. */
  readonly grid: number;
  /** Places along each side of a box. */
  readonly size: number;
  /** Share of a box's sides that is added at every edge. */
  readonly expansion: number;
  /** float32 (outputs * K * K, channels), channels as `columnsAt` lays them, an output's classifiers row by row. */
  readonly weights: Tensor<'float32'>;
  /** float32 (outputs * K * K). */
  readonly bias: Tensor<'float32'>;
}

/** A head whose weights are 0: each place is figure with a probability of a half. */
export function emptyHead(
  shape: Omit<BoxHead, 'weights' | 'bias' | 'kernels'> & { readonly kernels?: readonly number[] },
): BoxHead {
  const { taps, kernels = taps.map(() => 1), outputs, grid, size } = shape;
  checkGrid(grid, size);
  const rows = outputs.length * grid * grid;
  return {
    ...{ ...shape, kernels },
    weights: zeros('float32', [rows, columnLength(taps, kernels)]),
    bias: zeros('float32', [rows]),
  };
}

/** The network with heads. */
export interface BoxNetwork {
  /** One output a head, under its name: float32 (boxes, outputs, size, size). */
  readonly graph: Graph;
  /** Names of the inputs: float32 (batch, channels, height, width); float32 (boxes, 4); int64 (boxes). */
  readonly image: string;
  readonly boxes: string;
  readonly owners: string;
  /** Of each head by name: the inner value with the scores before they are squashed, and its weights' names. */
  readonly heads: ReadonlyMap<string, HeadNames>;
  /** Names of the weights of what is before the heads. */
  readonly backbone: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface HeadNames {
  readonly head: BoxHead;
  /** float32 (boxes, outputs * K * K, size, size). */
  readonly scores: string;
  /** One for each tap, float32 (outputs * K * K, channels, n, n). */
  readonly weights: readonly string[];
  readonly bias: string;
}

/** Names of the inputs that boxes go into: top, left, height, width in pixels, and the index of each box's image. */
export const boxesName = 'boxes';
export const ownersName = 'owners';
/** Name of the symbolic number of boxes. */
export const boxesDimension = 'boxes';

/**
 * Puts heads behind a network.
 * @param source as it was given to `hypercolumnTaps`
 * @throws ModelError where a tap is not in it, ShapeError where weights do not fit their taps.
 */
export function boxNetwork(source: Model, heads: Readonly<Record<string, BoxHead>>): BoxNetwork {
  const b = loadModel({ ...source, graph: { ...source.graph, outputs: [] } });
  const boxes = b.input(b.fresh(boxesName), 'float32', [boxesDimension, 4]);
  const owners = b.input(b.fresh(ownersName), 'int64', [boxesDimension]);
  const names = new Map<string, HeadNames>();
  let image = '';
  for (const [name, head] of Object.entries(heads)) {
    const added = addHead(b, name, head, boxes, owners);
    image = head.taps[0]?.image ?? image;
    names.set(name, added);
    b.output(blended(b, b.value(added.scores), gridWeights(head.grid, head.size)), name);
  }
  const graph = prune(b.build(source.graph.name));
  return {
    ...{ graph, image, boxes: boxes.name, owners: owners.name },
    heads: names,
    backbone: [...trainableWeights(source.graph).keys()].filter((name) =>
      graph.initializers.has(name),
    ),
    metadata: source.metadata,
  };
}

/** Metadata key under which a model says what its heat maps are. */
export const boxHeadsKey = 'espalier.boxes';

/**
 * The network as a model for any runtime: its inputs are images, boxes as detected (the graph expands them) and the
 * index of each box's image. Its metadata say of each output what its maps show and over how much of the box.
 */
export function boxModel({ graph, heads, metadata }: BoxNetwork): Model {
  const said = [...heads].map(([name, { head }]) => [
    name,
    { outputs: head.outputs, grid: head.grid, size: head.size, expansion: head.expansion },
  ]);
  return model(graph, { ...metadata, [boxHeadsKey]: JSON.stringify(Object.fromEntries(said)) });
}

function addHead(b: Builder, name: string, head: BoxHead, boxes: Value, owners: Value): HeadNames {
  const { taps, kernels, grid, outputs, bias, size, expansion } = head;
  checkGrid(grid, size);
  if (head.weights.dims[0] !== outputs.length * grid * grid)
    throw new ShapeError(
      `${outputs.length} outputs of ${grid} x ${grid} classifiers have ${outputs.length * grid * grid} rows of weights, got ${formatShape(head.weights.dims)}`,
      { expected: outputs.length * grid * grid, actual: head.weights.dims },
    );
  const offset = b.initializer(b.fresh(`${name}.bias`), bias);
  const weights = kernelsOf(head.weights, taps, kernels).map((part, i) =>
    b.initializer(b.fresh(`${name}.${taps[i]?.name}.weight`), part),
  );
  const parts = taps.map((tap, i) => {
    const weight = weights[i] as Value;
    const n = kernels[i] ?? 1;
    const map = b.value(tap.value);
    const x = map.shape.length === 4 ? map : b.Unsqueeze(map, [2, 3]);
    const scores = b.Conv(withNeighbours(b, x, n), weight, i === 0 ? offset : null, {
      kernel_shape: [n, n],
    });
    const own = b.Gather(scores, owners, { axis: 0 });
    if (!tap.grids) return own;
    const [rows, columns] = [0, 1].map((axis) =>
      readingWeights(b, boxes, own, axis as 0 | 1, tap.grids?.[axis] as Grid, size, expansion),
    ) as [Value, Value];
    return b.MatMul(rows, b.MatMul(own, b.Transpose(columns, { perm: [0, 1, 3, 2] })));
  });
  const scores = parts.reduce((sum, part) => b.Add(sum, part));
  // Units alone say the same everywhere.
  const spread = taps.some(({ grids }) => grids)
    ? scores
    : b.Add(scores, b.constant(zeros('float32', [1, 1, size, size])));
  return {
    head,
    scores: spread.name,
    weights: weights.map((each) => each.name),
    bias: offset.name,
  };
}

/**
 * alpha along one axis, of every box: float32 (boxes, 1, size, cells). A place of a box at distance d from the middle
 * of a cell, in cells, reads it with 1 - d where that is above 0; beyond the outermost cells it reads these alone.
 */
function readingWeights(
  b: Builder,
  boxes: Value,
  map: Value,
  axis: 0 | 1,
  { stride, offset }: Grid,
  size: number,
  expansion: number,
): Value {
  const column = (i: number): Value =>
    b.Gather(boxes, b.constant(tensor('int64', [1], [i])), { axis: 1 });
  // Pixels are counted by their centres, hence the half.
  const ramp = Array.from(
    { length: size },
    (_, i) => ((1 + 2 * expansion) * (i + 0.5)) / size - expansion,
  );
  const along = b.Mul(column(axis + 2), b.constant(tensor('float32', [1, size], ramp)));
  const place = b.Div(b.Sub(b.Add(column(axis), along), 0.5 + offset), stride);
  const cells = b.Shape(map, { start: 2 + axis, end: 3 + axis });
  const zero = b.constant(tensor('int64', [], [0]));
  const one = b.constant(tensor('int64', [], [1]));
  const count = b.Squeeze(cells, [0]);
  const numbers = b.Cast(b.Range(zero, count, one), { to: 1 });
  const last = b.Cast(b.Sub(count, one), { to: 1 });
  const inside = b.Min(b.Max(place, 0), last);
  const apart = b.Abs(b.Sub(b.Unsqueeze(inside, [1, 3]), numbers));
  return b.Relu(b.Sub(1, apart));
}
