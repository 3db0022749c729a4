/**
 * Detections in the built-in scenes of digits: boxes exact or as a detector would give them, masks of what can be seen
 * of each digit, its thirds as parts and the extreme points of its ink as keypoints.
 */
import { type DigitSceneOptions, digitClasses, digitScenes } from '../segmentation/digits.js';
import type { SceneInstance, SceneSource } from '../segmentation/scenes.js';
import type { DetectionSource, Keypoint, Thing } from './detections.js';
import { type BoxJitter, checkedJitter, exactDetections, jitteredDetections } from './jitter.js';

/** Thirds of the height of a digit's box. */
export const digitParts: readonly string[] = ['top', 'middle', 'bottom'];
/** The outermost points of a digit's ink. */
export const digitKeypoints: readonly string[] = ['topmost', 'bottommost', 'leftmost', 'rightmost'];

export interface DigitDetectionOptions extends DigitSceneOptions {
  /** How far boxes and scores are from the truth; `exact` for boxes that are the digits' own. Our defaults otherwise. */
  readonly boxes?: BoxJitter | 'exact';
}

/** The sources of a data set by part. */
export interface DetectionData {
  readonly train: DetectionSource;
  readonly validation: DetectionSource | null;
  readonly test: DetectionSource | null;
}

/**
 * The built-in scenes with their detections.
 * @throws UsageError where an option makes no sense, DataError where MNIST is not installed.
 */
export async function digitDetections(options: DigitDetectionOptions = {}): Promise<DetectionData> {
  const { boxes = {}, ...scenes } = options;
  const jitter = boxes === 'exact' ? null : checkedJitter(boxes);
  const { train, validation, test } = await digitScenes(scenes);
  // Parts have numbers of their own, so that scenes of equal index are not jittered alike.
  const source = (part: number, from: SceneSource) =>
    sourceOf(from, jitter && { ...jitter, seed: 3 * jitter.seed + part });
  return {
    train: source(0, train),
    validation: validation && source(1, validation),
    test: test && source(2, test),
  };
}

function sourceOf(scenes: SceneSource, jitter: Required<BoxJitter> | null): DetectionSource {
  return {
    count: scenes.count,
    ...{ classes: digitClasses, parts: digitParts, keypoints: digitKeypoints },
    name: (index) => scenes.name(index),
    async decode(index) {
      const { image, instances = [] } = await scenes.decode(index);
      const things = instances
        .filter(({ visible }) => visible.length > 0)
        .map((instance) => thingOf(instance, image.width));
      const detections = jitter
        ? jitteredDetections(things, image, digitClasses.length, jitter, index)
        : exactDetections(things);
      return { image, things, detections };
    },
  };
}

/** A digit as a thing: its box and parts are those of all its ink, whatever lies in front of it. */
function thingOf({ classId, box, pixels, visible }: SceneInstance, width: number): Thing {
  const third = (at: number): number =>
    Math.min(2, Math.floor(((Math.floor(at / width) - box.top + 0.5) * 3) / box.height));
  const seen = new Set(visible);
  const keypoints = extremes(pixels, width).map((at): Keypoint | null =>
    seen.has(at) ? { y: Math.floor(at / width), x: at % width } : null,
  );
  return { classId, box, pixels: visible, parts: Uint8Array.from(visible, third), keypoints };
}

/** The outermost pixels; of several in the outermost row or column the one in the middle. */
function extremes(pixels: Uint32Array, width: number): number[] {
  const row = (at: number): number => Math.floor(at / width);
  const column = (at: number): number => at % width;
  const outermost = (
    along: (at: number) => number,
    across: (at: number) => number,
    sign: 1 | -1,
  ) => {
    const most = pixels.reduce(
      (best, at) => Math.max(best, sign * along(at)),
      Number.NEGATIVE_INFINITY,
    );
    const ends = [...pixels].filter((at) => sign * along(at) === most);
    ends.sort((a, b) => across(a) - across(b));
    return ends[Math.floor((ends.length - 1) / 2)] ?? 0;
  };
  return [
    outermost(row, column, -1),
    outermost(row, column, 1),
    outermost(column, row, -1),
    outermost(column, row, 1),
  ];
}
