/** What a segmenter makes of scenes whose masks are known, at their full size. */
import { sceneRows } from '../data/segmentation/scene-batches.js';
import type { SceneSource } from '../data/segmentation/scenes.js';
import { type ConfusionMatrix, emptyConfusion } from '../metrics/classification.js';
import {
  addPixels,
  mergeConfusions,
  type PixelClasses,
  segmentationFigures,
} from '../metrics/segmentation.js';
import {
  addBoundaries,
  type BoundaryCounts,
  boundaryIu,
  emptyBoundaries,
} from '../metrics/segmentation-boundary.js';
import type { Preprocessing } from '../onnx/metadata.js';
import { extremes, type SegmentationExample } from '../report/segmentation-run.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Bar } from './progress.js';

/** Classes of pixels for one image, float32 (1, channels, height, width). */
export type Segment = (image: Tensor) => Promise<Uint8Array>;

export interface JudgedScenes {
  readonly scenes: number;
  /** Over all pixels that are not void. */
  readonly confusion: ConfusionMatrix;
  /** Of each class. */
  readonly boundaryIu: readonly number[];
  /** Mean IU of each scene alone, NaN where all of it is void. */
  readonly ius: readonly number[];
}

/** How scenes are judged. */
export interface JudgeOptions {
  readonly preprocessing: Preprocessing;
  readonly classes: number;
  /** The model's class of each class of the data; the same where left out. */
  readonly indices?: readonly number[];
  readonly bar?: Bar;
  /** Throws where the work is to end. */
  readonly check?: () => void;
}

/**
 * Segments every scene.
 * @throws DataError where a scene cannot be decoded or a mask does not fit; what `segment` throws.
 */
export async function judgeScenes(
  segment: Segment,
  source: SceneSource,
  options: JudgeOptions,
): Promise<JudgedScenes> {
  const { preprocessing, classes, indices, bar, check } = options;
  const rows = sceneRows(source, preprocessing);
  const boundaries: BoundaryCounts = emptyBoundaries(classes);
  let confusion = emptyConfusion(classes);
  const ius: number[] = [];
  for (let i = 0; i < source.count; i++) {
    check?.();
    const { input, labels, scene } = await rows.row(i);
    const truth = renumbered(labels.data, indices);
    const predicted = await segment(input);
    const own = emptyConfusion(classes);
    addPixels(own, truth, predicted);
    addBoundaries(boundaries, truth, predicted, scene.mask);
    confusion = mergeConfusions(confusion, own);
    ius.push(segmentationFigures(own).meanIu);
    bar?.update(i + 1);
  }
  return { scenes: source.count, confusion, boundaryIu: boundaryIu(boundaries), ius };
}

/** The classes as the model counts them; void stays. */
function renumbered(labels: Int32Array, indices: readonly number[] | undefined): PixelClasses {
  return indices ? labels.map((id) => indices[id] ?? id) : labels;
}

/** The worst and the best of the scenes, with what was seen in them. */
export async function examplesOf(
  segment: Segment,
  source: SceneSource,
  judged: JudgedScenes,
  { preprocessing, indices }: JudgeOptions,
): Promise<SegmentationExample[]> {
  const rows = sceneRows(source, preprocessing);
  const examples: SegmentationExample[] = [];
  for (const i of extremes(judged.ius)) {
    const { input, labels, scene, name } = await rows.row(i);
    const { image, mask } = scene;
    examples.push({
      name,
      ...{ width: mask.width, height: mask.height },
      pixels: interleaved(image),
      truth: Uint8Array.from(renumbered(labels.data, indices)),
      predicted: await segment(input),
      iu: judged.ius[i] ?? Number.NaN,
    });
  }
  return examples;
}

/** (channels, height, width) as (height, width, 3). */
export function interleaved(image: {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly pixels: Uint8Array;
}): Uint8Array {
  const { width, height, channels, pixels } = image;
  const area = width * height;
  const out = new Uint8Array(3 * area);
  for (let c = 0; c < 3; c++) {
    const from = channels === 1 ? 0 : c * area;
    for (let i = 0; i < area; i++) out[3 * i + c] = pixels[from + i] ?? 0;
  }
  return out;
}
