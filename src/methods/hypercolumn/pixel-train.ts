/** From images with labels at some or all of their pixels to a model of every pixel, in one call. */
import type { HypercolumnTap } from '../../dense/hypercolumn-taps.js';
import type { Model } from '../../graph/graph.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { PixelConfig } from './pixel-config.js';
import { gatherPixels } from './pixel-examples.js';
import { type FeatureReader, featureReader } from './pixel-features.js';
import { fitPixels, type PixelFit } from './pixel-fit.js';
import { pixelModel } from './pixel-model.js';

/** An image to learn from. */
export interface LabelledPixels {
  /** As the network takes it: float32 (1, channels, height, width). */
  readonly image: Tensor;
  /** (height, width), row-major: a class of each pixel, 255 where it has none. */
  readonly ids: ArrayLike<number>;
}

export interface TrainPixelsOptions {
  readonly runtime: Runtime;
  readonly session?: SessionOptions;
  /** A network of any image size, as `convolutionalize` gives it. */
  readonly source: Model;
  readonly taps: readonly HypercolumnTap[];
  /** Names of the classes, two or more. */
  readonly classes: readonly string[];
  readonly images: readonly LabelledPixels[];
  readonly config: PixelConfig;
  /** In place of the network up to the taps: layers that were made before, for example. */
  readonly read?: FeatureReader;
  readonly onStep?: (steps: number, cost: number, length: number) => void;
  readonly signal?: AbortSignal;
}

/** A classifier of pixels. */
export interface TrainedPixels extends PixelFit {
  /** Pixels that were learnt from. */
  readonly pixels: number;
  /** As `pixelModel` makes it, with the source's metadata. */
  readonly model: Model;
}

/**
 * Trains a classifier of pixels. To fit anew after another stroke, keep what `featureReader` gave of the images and hand it
 * in as `read`.
 * @throws what `gatherPixels`, `fitPixels` and `pixelModel` throw.
 */
export async function trainPixels(options: TrainPixelsOptions): Promise<TrainedPixels> {
  const { runtime, session, source, taps, classes, images, config, onStep, signal } = options;
  const read = options.read ?? (await featureReader(runtime, source, taps, session));
  const examples = await gatherPixels({
    ...{ taps, points: config.points, seed: config.seed, count: images.length },
    async image(i) {
      const { image, ids } = images[i] as LabelledPixels;
      return { features: await read(image), ids };
    },
  });
  const fit = await fitPixels({ runtime, session, examples, classes, config, onStep, signal });
  return { ...fit, pixels: examples.count, model: pixelModel(source, taps, fit.head) };
}
