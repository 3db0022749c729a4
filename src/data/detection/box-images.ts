/** Detections as classifiers of boxes are trained on them: images as a model takes them, boxes, and what is in these. */

import { boxOverlap, type Extent, expandBox } from '../../methods/hypercolumn/box.js';
import type { BoxExample, BoxImage, BoxImages } from '../../methods/hypercolumn/fit.js';
import {
  type BoxMap,
  figureTarget,
  keypointTargets,
  partTargets,
} from '../../methods/hypercolumn/targets.js';
import type { Preprocessing } from '../../onnx/metadata.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import type { DecodedImage } from '../image-source.js';
import { fillInput } from '../model-input.js';
import type { Detection, DetectionSource, Thing } from './detections.js';

/** What is learnt over a box. */
export const boxTasks = ['figure', 'keypoints', 'parts'] as const;
export type BoxTask = (typeof boxTasks)[number];

export interface BoxImagesOptions {
  readonly task: BoxTask;
  /** Places along each side of a box, and the share of its sides that is added at every edge. */
  readonly size: number;
  readonly expansion: number;
  /** How images go into the network, in its own layout NCHW; their size is that of each image. */
  readonly preprocessing: Preprocessing;
  /** Scenes that are used: from the first on. All unless given. */
  readonly scenes?: number;
  /** What a detection must overlap its thing to be learnt from; 0.5 unless given (ours). */
  readonly overlap?: number;
}

/** Radius around a keypoint as a share of the box's diagonal: Hariharan et al. 2015. */
const keypointRadius = 0.1;

/** What the maps of a task show, by name. */
export function outputsOf(source: DetectionSource, task: BoxTask): readonly string[] {
  if (task === 'figure') return ['figure'];
  return task === 'parts' ? source.parts : source.keypoints;
}

/** An image as a network takes it: float32 (1, channels, height, width). */
export function boxInput({ height, width, pixels }: DecodedImage, like: Preprocessing): Tensor {
  const out = new Float32Array(like.channels * height * width);
  fillInput(pixels, 1, { ...like, layout: 'NCHW', height, width }, out);
  return tensor('float32', [1, like.channels, height, width], out);
}

/**
 * Images with the boxes to learn from: of detections that have their thing's class and overlap it enough. Scenes
 * without one are left out; what is kept is held in memory as decoded, targets are made when asked for.
 * @throws what decoding throws.
 */
export async function boxImages(
  source: DetectionSource,
  options: BoxImagesOptions,
): Promise<BoxImages> {
  const { scenes = source.count, overlap = 0.5, preprocessing } = options;
  const kept: { image: DecodedImage; pairs: readonly (readonly [Detection, Thing])[] }[] = [];
  for (let i = 0; i < Math.min(scenes, source.count); i++) {
    const { image, things, detections } = await source.decode(i);
    const pairs = detections.flatMap((detection): [Detection, Thing][] => {
      const thing = thingOf(detection, things);
      const fits =
        thing?.classId === detection.classId && boxOverlap(thing.box, detection.box) >= overlap;
      return thing && fits ? [[detection, thing]] : [];
    });
    if (pairs.length > 0) kept.push({ image, pairs });
  }
  return {
    count: kept.length,
    image(i): BoxImage {
      const scene = kept[i];
      if (!scene) return { image: tensor('float32', [0], []), examples: [] };
      const { image, pairs } = scene;
      const examples = pairs.map(([detection, thing]) =>
        exampleOf(source, detection, thing, image, options),
      );
      return { image: boxInput(image, preprocessing), examples };
    },
  };
}

/** The thing of a detection: the one that it was made for, or that its box overlaps most. */
function thingOf({ thing, box }: Detection, things: readonly Thing[]): Thing | undefined {
  if (thing !== null) return things[thing];
  return things.toSorted((a, b) => boxOverlap(b.box, box) - boxOverlap(a.box, box))[0];
}

function exampleOf(
  source: DetectionSource,
  { box }: Detection,
  thing: Thing,
  image: Extent,
  { task, size, expansion }: BoxImagesOptions,
): BoxExample {
  const map: BoxMap = { box: expandBox(box, expansion), size, image };
  if (task === 'figure') return { box, targets: figureTarget(thing.pixels, map) };
  if (task === 'parts') {
    const parts = thing.parts ?? new Uint8Array(thing.pixels.length);
    return { box, targets: partTargets(thing.pixels, parts, source.parts.length, map) };
  }
  const radius = keypointRadius * Math.hypot(box.height, box.width);
  return { box, targets: keypointTargets(thing.keypoints, radius, map) };
}
