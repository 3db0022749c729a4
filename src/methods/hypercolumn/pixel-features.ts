/** What the layers say of an image, made once and read at the pixels that have labels. */
import { columnsAt } from '../../dense/hypercolumn-columns.js';
import { tapsModel } from '../../dense/hypercolumn-models.js';
import type { HypercolumnTap } from '../../dense/hypercolumn-taps.js';
import { ModelError } from '../../errors.js';
import type { Model } from '../../graph/graph.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import { hasDType, type Tensor } from '../../tensor/tensor.js';

/** The layers of one image. */
export interface PixelFeatures {
  /** Of the image in pixels. */
  readonly height: number;
  readonly width: number;
  /** One a tap, float32 (1, channels, height, width), or (1, channels) of units. */
  readonly maps: readonly Tensor<'float32'>[];
}

/** Gives the layers of an image, float32 (1, channels, height, width). */
export type FeatureReader = (image: Tensor) => Promise<PixelFeatures>;

/**
 * Loads the network up to the taps.
 * @param source a network of any image size, as `convolutionalize` gives it
 * @throws ModelError where the runtime refuses it.
 */
export async function featureReader(
  runtime: Runtime,
  source: Model,
  taps: readonly HypercolumnTap[],
  session: SessionOptions = {},
): Promise<FeatureReader> {
  const network = await runtime.load(tapsModel(source, taps), session);
  return async (image) => {
    const values = await network.run({ [taps[0]?.image ?? '']: image });
    const [, , height = 0, width = 0] = image.dims;
    const maps = taps.map(({ name, value }) => {
      const map = values[value];
      if (map && hasDType(map, 'float32')) return map;
      throw new ModelError(`"${name}" is ${map?.dtype ?? 'not there'}, not float32`, {
        actual: map?.dtype,
      });
    });
    return { height, width, maps };
  };
}

/**
 * The hypercolumns of some pixels.
 * @param points rows and columns, alternating
 * @returns float32 (points, channels)
 * @throws ShapeError as `columnsAt`.
 */
export function featuresAt(
  taps: readonly HypercolumnTap[],
  { maps }: PixelFeatures,
  points: ArrayLike<number>,
  out?: Float32Array,
): Float32Array {
  const grids = taps.map((tap) => tap.grids);
  return columnsAt(maps, grids, points, out ? { out } : {});
}
