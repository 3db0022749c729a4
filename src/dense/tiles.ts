/**
 * Exact tiling: a network over an image of any size, piece by piece, with the very output that one pass over the
 * whole image has. Each piece holds all pixels that the positions kept of it see, and starts where the network's
 * strided windows fall as they do in the whole image. Why so: decision 016.
 */
import { DataError, InterruptedError, internal, ModelError, ShapeError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import type { Session } from '../runtime/runtime.js';
import { hasDType, type Tensor } from '../tensor/tensor.js';
import { type AxisTile, planAxis, type Span } from './tile-axis.js';
import { type AxisGeometry, geometryOf, liveBytes, type Size, sized } from './tile-geometry.js';

export interface TilingOptions {
  /** The output; the model's first where left out. */
  readonly output?: string;
  /** Bytes that the values of a run may take, weights not counted: 200 MB where left out. */
  readonly memory?: number;
  /** Pixels along the side of the square regions that tiles read, in place of `memory`. */
  readonly tile?: number;
}

/** How an image of one size goes through a network. */
export interface TilePlan {
  readonly input: string;
  readonly output: string;
  /** The image's own. */
  readonly size: Size;
  /** What goes through the network: larger than the image only where that has fewer pixels than a position sees. */
  readonly padded: Size;
  /** Channels of the output. */
  readonly channels: number;
  /** Positions of the whole output. */
  readonly positions: Size;
  readonly rows: readonly AxisTile[];
  readonly columns: readonly AxisTile[];
  /** Sentences for whoever asked. */
  readonly notes: readonly string[];
}

/** A rectangle of an image; it may end beyond it, where the image was padded. */
export interface Region {
  readonly rows: Span;
  readonly columns: Span;
}

/** One piece. */
export interface Tile {
  readonly row: AxisTile;
  readonly column: AxisTile;
  /** Its number, row after row, from 0 on. */
  readonly index: number;
  /** Whether it is the last of its row: with it all output rows of `row.output` are there. */
  readonly endsRow: boolean;
}

/** Ours: with weights, buffers and the program itself a run stays near half a gigabyte. */
export const tileMemory = 200_000_000;

/**
 * Plans the tiles of one image. All regions have one size, so that a runtime plans its memory once; an image that
 * fits `memory` is one tile, and then any network will do.
 * @throws ModelError naming the node where a network looks at the whole image, or has positions unlike the image's;
 * ShapeError where no image of this kind goes through.
 */
export function planTiles(model: Model, size: Size, options: TilingOptions = {}): TilePlan {
  const { memory = tileMemory, tile } = options;
  const { net, padded, notes } = fitting(model, size, options.output);
  const [, channels = 0, height = 0, width = 0] = net.output.shape.map(Number);
  const area = padded[0] * padded[1];
  const side = tile ?? Math.floor(Math.sqrt((memory / liveBytes(net)) * area));
  const isWhole =
    tile === undefined ? side * side >= area : padded.every((pixels) => pixels <= side);
  const geometry = isWhole ? null : geometryOf(model, padded, options.output);
  const axis = (i: 0 | 1): AxisTile[] =>
    tilesAlong(padded[i], [height, width][i] ?? 0, geometry?.[i], side);
  // What was padded is cut away again where each pixel has its position.
  const isImage = (i: 0 | 1): boolean => [height, width][i] === padded[i];
  const kept = (i: 0 | 1): number => (isImage(i) ? size[i] : ([height, width][i] ?? 0));
  const cut = (tiles: readonly AxisTile[], kept: number): AxisTile[] =>
    tiles.flatMap((each) => {
      const { start, end } = each.output;
      return start < kept ? [{ ...each, output: { start, end: Math.min(end, kept) } }] : [];
    });
  return {
    input: net.image.name,
    output: net.output.name,
    size,
    padded,
    channels,
    positions: [kept(0), kept(1)],
    rows: cut(axis(0), kept(0)),
    columns: cut(axis(1), kept(1)),
    notes,
  };
}

function tilesAlong(
  pixels: number,
  positions: number,
  geometry: AxisGeometry | undefined,
  longest: number,
): AxisTile[] {
  if (geometry && pixels > longest) return planAxis({ pixels, positions, ...geometry }, longest);
  const [input, output] = [
    { start: 0, end: pixels },
    { start: 0, end: positions },
  ];
  return [{ input, output, skip: 0 }];
}

/** The network for the image, or for a larger one where it has no position on that. */
function fitting(model: Model, size: Size, name?: string) {
  try {
    const net = sized(model, size, name);
    if (net.output.shape.every((dim) => Number(dim) > 0)) return { net, padded: size, notes: [] };
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
  }
  const needs = geometryOf(model, size, name).map(({ field }) =>
    Math.ceil(field.size + Math.max(0, field.offset)),
  );
  const padded = [Math.max(size[0], needs[0] ?? 0), Math.max(size[1], needs[1] ?? 0)] as const;
  const note = `the image has ${size[1]} x ${size[0]} pixels and one position of the network sees ${needs[1]} x ${needs[0]}: zeros were added below and on the right`;
  return { net: sized(model, padded, name), padded, notes: [note] };
}

/** All tiles of a plan, row after row. */
export function* tilesOf({ rows, columns }: TilePlan): Generator<Tile> {
  let index = 0;
  for (const row of rows)
    for (const [i, column] of columns.entries())
      yield { row, column, index: index++, endsRow: i === columns.length - 1 };
}

/** What a tile's run gave. */
export interface TileOutput {
  /** float32 (1, channels, height, width) of the region; written over by the next tile. */
  readonly map: Tensor<'float32'>;
  readonly tile: Tile;
}

export interface ForEachTileOptions {
  /** Told after each tile. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a plan.
 * @param read the model's input for a region: float32 (1, channels, height, width) or the layout that it takes
 * @param write what becomes of a tile's output, awaited before the next one
 * @throws InterruptedError between two tiles once the signal is aborted; what `read`, `write` and the runtime throw.
 */
export async function forEachTile(
  session: Session,
  plan: TilePlan,
  read: (region: Region) => Promise<Tensor>,
  write: (output: TileOutput) => Promise<void>,
  { onProgress, signal }: ForEachTileOptions = {},
): Promise<void> {
  const total = plan.rows.length * plan.columns.length;
  let last: Tensor | undefined;
  for (const tile of tilesOf(plan)) {
    if (signal?.aborted)
      throw new InterruptedError(`interrupted after ${tile.index} of ${total} tiles.`);
    const input = await read({ rows: tile.row.input, columns: tile.column.input });
    // All regions have one size, so the last output can be written over.
    const feeds = { [plan.input]: input };
    const results = await session.run(feeds, last && { [plan.output]: last });
    const map = results[plan.output] ?? internal(`no output ${plan.output}`);
    last = map;
    checkMap(map, plan, tile);
    await write({ map, tile });
    onProgress?.(tile.index + 1, total);
  }
}

function checkMap(
  map: Tensor,
  { channels, output }: TilePlan,
  tile: Tile,
): asserts map is Tensor<'float32'> {
  const [, ofMap = 0, height = 0, width = 0] = map.dims;
  const reaches = (size: number, { skip, output: { start, end } }: AxisTile): boolean =>
    skip >= 0 && skip + end - start <= size;
  const fits = ofMap === channels && reaches(height, tile.row) && reaches(width, tile.column);
  if (!hasDType(map, 'float32') || !fits)
    throw new ModelError(
      `tiles: output "${output}" of a tile is ${map.dtype} [${map.dims.join(', ')}], which does not hold what the plan says. Plan with the model that is run.`,
      { actual: map.dims },
    );
}

/**
 * The part of a tile's output that belongs to the whole.
 * @returns float32 (channels, rows, columns) of `tile.row.output` and `tile.column.output`
 */
export function keptOf({ map, tile: { row, column } }: TileOutput): Tensor<'float32'> {
  const [, channels = 0, height = 0, width = 0] = map.dims;
  const rows = row.output.end - row.output.start;
  const columns = column.output.end - column.output.start;
  const data = new Float32Array(channels * rows * columns);
  for (let line = 0; line < channels * rows; line++) {
    const channel = Math.floor(line / rows);
    const from = (channel * height + row.skip + (line % rows)) * width + column.skip;
    data.set(map.data.subarray(from, from + columns), line * columns);
  }
  return { dtype: 'float32', dims: [channels, rows, columns], data };
}

/**
 * The channel with the largest number at each position that belongs to the whole; the first of equals.
 * @param out (rows, `stride`) class ids, into which the tile's columns are written from `tile.column.output.start` on
 * @throws DataError where a number is NaN.
 */
export function classesOf(
  { map, tile: { row, column } }: TileOutput,
  out: Uint8Array | Uint16Array,
  stride: number,
): void {
  const [, channels = 0, height = 0, width = 0] = map.dims;
  const { data } = map;
  const columns = column.output.end - column.output.start;
  const best = new Float32Array(columns);
  for (let y = 0; y < row.output.end - row.output.start; y++) {
    const to = y * stride + column.output.start;
    best.fill(Number.NEGATIVE_INFINITY);
    out.fill(0, to, to + columns);
    for (let channel = 0; channel < channels; channel++) {
      const from = (channel * height + row.skip + y) * width + column.skip;
      for (let x = 0; x < columns; x++) {
        const value = data[from + x] ?? 0;
        if (value > (best[x] ?? 0)) {
          best[x] = value;
          out[to + x] = channel;
        } else if (Number.isNaN(value))
          throw new DataError(
            `the score of class ${channel} at row ${row.output.start + y}, column ${column.output.start + x} is not a number. The model has diverged, or its input has NaN.`,
          );
      }
    }
  }
}
