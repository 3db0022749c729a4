/** A segmenter over an image of any size, from a file to files, in memory that does not grow with the image. */
import { uncertaintyOf } from '../../dense/tile-uncertainty.js';
import {
  classesOf,
  type ForEachTileOptions,
  forEachTile,
  keptOf,
  type Region,
  type TilePlan,
} from '../../dense/tiles.js';
import { UsageError } from '../../errors.js';
import type { Preprocessing } from '../../onnx/metadata.js';
import type { Session } from '../../runtime/runtime.js';
import type { Tensor } from '../../tensor/tensor.js';
import { fillInput, inputDims } from '../model-input.js';
import type { Regions } from './regions.js';

/** Where the result goes; at least one of them. Nobody else finishes or abandons them. */
export interface TiledSink {
  /** Takes rows of class ids, (rows, width) of the output's positions, from the top: uint16 of more than 256 classes. */
  readonly classes?: { write(rows: Uint8Array | Uint16Array): Promise<void> };
  /** Takes rows as `classes` does: how unsure the output is of each position, see `uncertaintyOf`. */
  readonly uncertainty?: { write(rows: Uint8Array): Promise<void> };
  /** Takes parts of the output, float32 (channels, height, width), in any order. */
  readonly scores?: {
    write(
      values: Float32Array,
      place: {
        readonly top: number;
        readonly left: number;
        readonly height: number;
        readonly width: number;
      },
    ): Promise<void>;
  };
}

export interface PredictTiledOptions extends ForEachTileOptions {
  /** How pixels become numbers; its height and width do not count. */
  readonly preprocessing: Preprocessing;
}

/** How many positions of the output fell to each class; empty where no classes were asked for. */
export interface TiledResult {
  readonly counts: readonly number[];
}

/**
 * Reads, runs and writes tile by tile. What is held is one tile's input and output, and what is told of one row of
 * tiles.
 * @param plan of the session's model, for the size of the image
 * @throws UsageError where plan, image and preprocessing do not belong together, or classes are more than 65,536;
 * InterruptedError once the signal is aborted; DataError and what the sinks throw.
 */
export async function predictTiled(
  session: Session,
  regions: Regions,
  sink: TiledSink,
  plan: TilePlan,
  options: PredictTiledOptions,
): Promise<TiledResult> {
  const { preprocessing } = options;
  check(regions, sink, plan, preprocessing);
  const [, width] = plan.positions;
  const { classes, scores, uncertainty } = sink;
  const counts = new Array<number>(classes ? plan.channels : 0).fill(0);
  const Ids = plan.channels > 256 ? Uint16Array : Uint8Array;
  let band: Uint8Array | Uint16Array = new Ids(0);
  let unsure = new Uint8Array(0);
  await forEachTile(
    session,
    plan,
    inputReader(regions, preprocessing),
    async (output) => {
      const { row, column, endsRow } = output.tile;
      if (scores) {
        const { data, dims } = keptOf(output);
        const [, height = 0, columns = 0] = dims;
        const place = { top: row.output.start, left: column.output.start, height, width: columns };
        await scores.write(data, place);
      }
      const size = (row.output.end - row.output.start) * width;
      if (uncertainty) {
        if (unsure.length < size) unsure = new Uint8Array(size);
        const rows = unsure.subarray(0, size);
        uncertaintyOf(output, rows, width);
        if (endsRow) await uncertainty.write(rows);
      }
      if (!classes) return;
      if (band.length < size) band = new Ids(size);
      const rows = band.subarray(0, size);
      classesOf(output, rows, width);
      if (!endsRow) return;
      for (const id of rows) counts[id] = (counts[id] ?? 0) + 1;
      await classes.write(rows);
    },
    options,
  );
  return { counts };
}

/** Numbers of 16 bits. */
const mostClasses = 65_536;

function check(
  { width, height, channels }: Regions,
  { classes, scores, uncertainty }: TiledSink,
  { size, channels: ofOutput }: TilePlan,
  preprocessing: Preprocessing,
): void {
  if (!classes && !scores && !uncertainty)
    throw new UsageError('predictTiled: nothing is asked for');
  if (size[0] !== height || size[1] !== width)
    throw new UsageError(
      `predictTiled: the plan is for ${size[1]} x ${size[0]} pixels, the image has ${width} x ${height}. Plan for the image's own size.`,
      { expected: size, actual: [height, width] },
    );
  if (classes && ofOutput > mostClasses)
    throw new UsageError(
      `predictTiled: ${ofOutput} classes do not fit a map of ids, which has ${mostClasses} at most. Ask for the scores.`,
      { actual: ofOutput },
    );
  if (preprocessing.layout === 'flat')
    throw new UsageError('predictTiled: a model that takes rows of numbers has no map');
  if (channels !== preprocessing.channels)
    throw new UsageError(
      `predictTiled: the image was opened with ${channels} channels, the model takes ${preprocessing.channels}. Open it with these.`,
      { expected: preprocessing.channels, actual: channels },
    );
}

/** Regions of the image as the model takes them; what lies beyond the image is 0. */
function inputReader(regions: Regions, preprocessing: Preprocessing) {
  let input: Tensor<'float32'> | null = null;
  return async ({ rows, columns }: Region): Promise<Tensor> => {
    const height = rows.end - rows.start;
    const width = columns.end - columns.start;
    const seen = {
      height: Math.min(regions.height, rows.end) - rows.start,
      width: Math.min(regions.width, columns.end) - columns.start,
    };
    const pixels = await regions.read(rows.start, columns.start, seen.height, seen.width);
    const inside = { ...preprocessing, ...seen };
    const dims = inputDims(1, { ...preprocessing, height, width });
    const count = dims.reduce((product, n) => product * n, 1);
    if (input?.data.length !== count)
      input = { dtype: 'float32', dims, data: new Float32Array(count) };
    const whole = { ...input, dims };
    if (seen.height === height && seen.width === width) fillInput(pixels, 1, inside, whole.data);
    else padded(pixels, inside, { height, width }, whole.data);
    return whole;
  };
}

interface Sides {
  readonly height: number;
  readonly width: number;
}

/** A smaller image at the top left of zeros. */
function padded(
  pixels: Uint8Array,
  inside: Preprocessing,
  { height, width }: Sides,
  out: Float32Array,
): void {
  const small = new Float32Array(pixels.length);
  fillInput(pixels, 1, inside, small);
  out.fill(0);
  // Lines that lie next to each other: of a channel, or of all channels.
  const isLast = inside.layout === 'NHWC';
  const [planes, step] = isLast ? [1, inside.channels] : [inside.channels, 1];
  const line = inside.width * step;
  for (let plane = 0; plane < planes; plane++)
    for (let y = 0; y < inside.height; y++) {
      const from = (plane * inside.height + y) * line;
      out.set(small.subarray(from, from + line), (plane * height + y) * width * step);
    }
}
