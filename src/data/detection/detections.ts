/** Images with detections of things in them, and what is truly there: boxes, masks, parts, keypoints. */
import type { Box } from '../../methods/hypercolumn/box.js';
import type { DecodedImage } from '../image-source.js';

/** A place in an image, counted by pixels' centres: the pixel in row 2 and column 5 is at y = 2, x = 5. */
export interface Keypoint {
  readonly y: number;
  readonly x: number;
}

/** A thing in an image. */
export interface Thing {
  /** Index into the classes. */
  readonly classId: number;
  readonly box: Box;
  /** The pixels that show it, row * width + column, rising. */
  readonly pixels: Uint32Array;
  /** Index into the parts of each of `pixels`; null where parts are not known. */
  readonly parts: Uint8Array | null;
  /** By index into the keypoints; null for one that is not there or cannot be seen. */
  readonly keypoints: readonly (Keypoint | null)[];
}

/** What a detector says: that there is a thing of a class in a box. */
export interface Detection {
  readonly classId: number;
  readonly box: Box;
  /** Larger where it is surer. */
  readonly score: number;
  /** Index of the thing that it was made for, where it was made; null where it was made for none or nobody knows. */
  readonly thing: number | null;
}

/** An image with all of it. */
export interface DetectionScene {
  readonly image: DecodedImage;
  readonly things: readonly Thing[];
  readonly detections: readonly Detection[];
}

/** Scenes by index from 0 on. */
export interface DetectionSource {
  readonly count: number;
  readonly classes: readonly string[];
  /** Names of the parts of things; none where parts are not known. */
  readonly parts: readonly string[];
  readonly keypoints: readonly string[];
  /** What the scene is called in sentences. */
  name(index: number): string;
  /** @throws DataError where the image, a box or a mask cannot be used. */
  decode(index: number): Promise<DetectionScene>;
}
