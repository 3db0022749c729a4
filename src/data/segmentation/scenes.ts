/** Images with a class for every pixel, one at a time: what segmenters are trained and measured with. */
import { voidId } from '../../metrics/segmentation.js';
import { drawHeldOut, indicesWithin } from '../held-out.js';
import type { DecodedImage } from '../image-source.js';
import type { Skipped } from '../list-images.js';

/** The id of pixels of which nothing is known: never learnt from, never counted. */
export { voidId };

/** The class of each pixel of an image. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  /** (height, width), row-major: index into the classes, `voidId` for void; not to be written to. */
  readonly ids: Uint8Array;
}

/** One thing in a scene whose parts are known. */
export interface SceneInstance {
  /** Index into the classes. */
  readonly classId: number;
  /** Which image of its source it is, for example of MNIST's training images. */
  readonly sourceIndex: number;
  /** Where the frame of its image lies in the scene: upper left corner and side, in pixels; frames are square. */
  readonly frame: { readonly top: number; readonly left: number; readonly side: number };
  /** The smallest box around `pixels`, in whole pixels. */
  readonly box: Box;
  /** All its pixels, row * width + column in rising order, whether something lies in front of them or not. */
  readonly pixels: Uint32Array;
  /** Those of `pixels` that show it. */
  readonly visible: Uint32Array;
}

/** A rectangle of whole pixels. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** An image and its mask, of one size. */
export interface Scene {
  readonly image: DecodedImage;
  readonly mask: Mask;
  /** From back to front, where they are known. */
  readonly instances?: readonly SceneInstance[];
}

/** Scenes by index from 0 on. */
export interface SceneSource {
  readonly count: number;
  /** What the scene is called in sentences. */
  name(index: number): string;
  /** @throws DataError where the image or the mask cannot be used. */
  decode(index: number): Promise<Scene>;
}

/** A colour, 0 to 255 each. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** What a segmenter is trained and measured with. */
export interface SegmentationData {
  /** The word or folder that it was opened by. */
  readonly name: string;
  readonly classes: readonly string[];
  /** The colour of each class in pictures. */
  readonly palette: readonly Rgb[];
  readonly train: SceneSource;
  /** To choose settings with; null where nothing is held out. */
  readonly validation: SceneSource | null;
  readonly test: SceneSource | null;
  /** What was found, in sentences for the user. */
  readonly notes: readonly string[];
  /** Files that were not used, with reasons. */
  readonly skipped: readonly Skipped[];
}

/**
 * The scenes at `indices`, in that order.
 * @throws DataError where an index is outside [0, count).
 */
export function subsetScenes(source: SceneSource, indices: ArrayLike<number>): SceneSource {
  const chosen = indicesWithin(indices, source.count, 'scenes');
  const of = (index: number) => chosen[index] ?? source.count;
  return {
    count: chosen.length,
    name: (index) => source.name(of(index)),
    decode: (index) => source.decode(of(index)),
  };
}

/**
 * Takes scenes out of a source at random, to choose settings with.
 * @param amount how many, or below 1 what share of them
 * @returns the rest and what was taken, each in the order of the source; the same for the same seed
 * @throws DataError where none would be taken, or none left.
 */
export function holdOutScenes(
  source: SceneSource,
  amount: number,
  seed: number,
): { readonly rest: SceneSource; readonly held: SceneSource } {
  const { rest, held } = drawHeldOut(source.count, amount, seed, 'scenes');
  return { rest: subsetScenes(source, rest), held: subsetScenes(source, held) };
}
