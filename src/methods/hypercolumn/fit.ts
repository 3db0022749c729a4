/**
 * The paper's first training (Hariharan et al. 2015): every classifier of the grid by itself, a logistic
 * regression on the hypercolumns of the places in its cell, of all boxes; interpolation between cells only when the head
 * is used. The network before it stays as it is.
 */
import { columnsAt } from '../../dense/hypercolumn-columns.js';
import { tapsModel } from '../../dense/hypercolumn-models.js';
import type { HypercolumnTap } from '../../dense/hypercolumn-taps.js';
import { DataError } from '../../errors.js';
import type { Model } from '../../graph/graph.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import { fillUniform, streamKey } from '../../tensor/random.js';
import type { Tensor } from '../../tensor/tensor.js';
import { type Box, checkBox, expandBox, mapPoints } from './box.js';
import { type CellsConfig, checkCells } from './config.js';
import { cellsOfAxis } from './grid.js';
import { fitLogistic } from './logistic.js';
import { type BoxHead, emptyHead } from './network.js';

/** A box to learn from. */
export interface BoxExample {
  /** As detected. */
  readonly box: Box;
  /** (outputs, size, size) over the box as expanded, 0 or 1. */
  readonly targets: Uint8Array;
}

/** An image with boxes to learn from. */
export interface BoxImage {
  /** As the network takes it: float32 (1, channels, height, width). */
  readonly image: Tensor;
  readonly examples: readonly BoxExample[];
}

/** Images in an order that stays. */
export interface BoxImages {
  readonly count: number;
  image(i: number): Promise<BoxImage> | BoxImage;
}

export interface FitCellsOptions {
  readonly runtime: Runtime;
  readonly session?: SessionOptions;
  readonly source: Model;
  readonly taps: readonly HypercolumnTap[];
  /** What is told of each place, by name. */
  readonly outputs: readonly string[];
  readonly config: CellsConfig;
  readonly data: BoxImages;
  /** Told how many images have gone in, and then how many classifiers are fitted. */
  readonly onProgress?: (what: 'images' | 'classifiers', done: number, all: number) => void;
}

/**
 * Fits a head.
 * @throws UsageError for a config that makes no sense, DataError where there is no box, or one is outside its image or
 *   of no area, or its targets are not those of the map.
 */
export async function fitCells(options: FitCellsOptions): Promise<BoxHead> {
  const { taps, outputs, config, onProgress } = options;
  checkCells(config, taps.length);
  const { grid, size, expansion, kernels } = config;
  const head = emptyHead({ outputs, taps, ...(kernels && { kernels }), grid, size, expansion });
  const [rows = 0, features = 0] = head.weights.dims;
  const cells = await gather(options, head, features);
  const own = grid * grid;
  cells.forEach((cell, k) => {
    outputs.forEach((_, o) => {
      const { weights, bias } = fitLogistic(
        { count: cell.count, features, data: cell.data, labels: cell.labels[o] as Uint8Array },
        config,
      );
      const row = o * own + k;
      head.weights.data.set(weights, row * features);
      head.bias.data[row] = bias;
      onProgress?.('classifiers', k * outputs.length + o + 1, rows);
    });
  });
  return head;
}

/** The examples of a cell, in arrays that grow. */
class Cell {
  count = 0;
  data: Float32Array<ArrayBuffer>;
  readonly labels: Uint8Array<ArrayBuffer>[];
  readonly #features: number;

  constructor(features: number, outputs: number) {
    this.#features = features;
    this.data = new Float32Array(64 * features);
    this.labels = Array.from({ length: outputs }, () => new Uint8Array(64));
  }

  add(columns: Float32Array, targets: Uint8Array, place: number, area: number): void {
    if (this.count === this.labels[0]?.length) this.#grow();
    this.data.set(columns, this.count * this.#features);
    this.labels.forEach((labels, o) => {
      labels[this.count] = targets[o * area + place] ?? 0;
    });
    this.count++;
  }

  #grow(): void {
    const wider = new Float32Array(2 * this.data.length);
    wider.set(this.data);
    this.data = wider;
    this.labels.forEach((labels, o) => {
      const longer = new Uint8Array(2 * labels.length);
      longer.set(labels);
      this.labels[o] = longer;
    });
  }
}

/** Reads the hypercolumns of some places of every box, sorted by cell. */
async function gather(
  { runtime, session, source, taps, outputs, config, data, onProgress }: FitCellsOptions,
  { kernels, size, grid, expansion }: BoxHead,
  features: number,
): Promise<Cell[]> {
  const network = await runtime.load(tapsModel(source, taps), session);
  const cells = Array.from({ length: grid * grid }, () => new Cell(features, outputs.length));
  const places = placesByCell(size, grid);
  const each = Math.max(1, Math.round(config.places / cells.length));
  const grids = taps.map((tap) => tap.grids);
  let boxes = 0;
  for (let i = 0; i < data.count; i++) {
    const { image, examples } = await data.image(i);
    if (examples.length === 0) continue;
    const maps = await network.run({ [taps[0]?.image ?? '']: image });
    const read = taps.map(({ value }) => maps[value] as Tensor<'float32'>);
    for (const [n, example] of examples.entries()) {
      const { box, targets } = example;
      checkExample(example, { outputs, size }, image.dims, `example ${n} of image ${i}`);
      const all = mapPoints(expandBox(box, expansion), size);
      const chosen = drawn(places, each, config.seed, boxes++);
      const points = Float32Array.from(
        chosen.flatMap(({ place }) => [all[2 * place] ?? 0, all[2 * place + 1] ?? 0]),
      );
      const columns = columnsAt(read, grids, points, { kernels });
      chosen.forEach(({ cell, place }, at) => {
        const own = columns.subarray(at * features, (at + 1) * features);
        cells[cell]?.add(own, targets, place, size * size);
      });
    }
    onProgress?.('images', i + 1, data.count);
  }
  if (boxes === 0)
    throw new DataError('there is no box to learn from: none of the images has an example');
  return cells;
}

/**
 * @param dims of the image, (1, channels, height, width)
 * @throws DataError for a box outside its image or of no area, or targets that are not those of the head's map.
 */
export function checkExample(
  { box, targets }: BoxExample,
  { outputs, size }: Pick<BoxHead, 'outputs' | 'size'>,
  [, , height = 0, width = 0]: readonly number[],
  what: string,
): void {
  checkBox(box, { height, width }, what);
  const wanted = outputs.length * size * size;
  if (targets.length !== wanted)
    throw new DataError(
      `the targets of ${what} are ${targets.length} numbers, where ${outputs.length} maps of ${size} x ${size} are ${wanted}`,
      { expected: wanted, actual: targets.length },
    );
}

/** The places of a map that lie in each cell. */
function placesByCell(size: number, grid: number): number[][] {
  const cellOf = cellsOfAxis(size, grid);
  const cells = Array.from({ length: grid * grid }, (): number[] => []);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++)
      cells[(cellOf[i] ?? 0) * grid + (cellOf[j] ?? 0)]?.push(i * size + j);
  return cells;
}

/** Some places of every cell, others for every box. */
function drawn(
  places: readonly (readonly number[])[],
  each: number,
  seed: number,
  box: number,
): { readonly cell: number; readonly place: number }[] {
  const draws = new Float32Array(places.length * each);
  fillUniform(draws, streamKey(seed, box, 'hypercolumn/places'));
  return places.flatMap((own, cell) => {
    // Of equal strips one each, so that no place comes twice and all of the cell is seen.
    const count = Math.min(each, own.length);
    return Array.from({ length: count }, (_, n) => {
      const share = (n + (draws[cell * each + n] ?? 0)) / count;
      return { cell, place: own[Math.min(own.length - 1, Math.floor(share * own.length))] ?? 0 };
    });
  });
}
