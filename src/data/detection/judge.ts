/** Judges heat maps over detected boxes: AP^r of figures, AP^r_part of parts, APK of keypoints. */
import { expandBox } from '../../methods/hypercolumn/box.js';
import { figureMask, keypointsOf, partsOf } from '../../methods/hypercolumn/heat.js';
import type { BoxNetwork } from '../../methods/hypercolumn/network.js';
import { type BoxPredictor, heatOf } from '../../methods/hypercolumn/predict.js';
import type { BoxMap } from '../../methods/hypercolumn/targets.js';
import {
  averagePrecisionOfKeypoints,
  type KeypointDetection,
  type KeypointFigures,
  type KeypointTruth,
} from '../../metrics/detection-keypoints.js';
import {
  averagePrecisionOfRegions,
  type RegionDetection,
  type RegionFigures,
  type RegionTruth,
} from '../../metrics/detection-regions.js';
import type { Preprocessing } from '../../onnx/metadata.js';
import { boxInput } from './box-images.js';
import type { DetectionSource } from './detections.js';

export interface JudgeOptions {
  readonly source: DetectionSource;
  /** Has heads `figure`, `keypoints`, `parts` or some of them; parts need `figure`. */
  readonly network: BoxNetwork;
  readonly predict: BoxPredictor;
  readonly preprocessing: Preprocessing;
  /** Scenes that are judged: from the first on. All unless given. */
  readonly scenes?: number;
}

/** What the network has heads for; null for the rest. */
export interface BoxFigures {
  /** AP^r at overlaps of 0.5 and 0.7. */
  readonly figure: { readonly at50: RegionFigures; readonly at70: RegionFigures } | null;
  /** AP^r_part at 0.5. */
  readonly parts: RegionFigures | null;
  /** APK at 0.2 of the true box's larger side. */
  readonly keypoints: KeypointFigures | null;
}

/** All that is found and all that is there. */
class Tally {
  readonly regions: RegionDetection[] = [];
  readonly things: RegionTruth[] = [];
  readonly found: KeypointDetection[] = [];
  readonly points: KeypointTruth[] = [];
}

/**
 * Runs a network over the detections of scenes and judges what it says.
 * @throws what decoding, predicting and the metrics throw.
 */
export async function judgeBoxes(options: JudgeOptions): Promise<BoxFigures> {
  const { source, network, scenes = source.count } = options;
  const tally = new Tally();
  for (let i = 0; i < Math.min(scenes, source.count); i++) await judgeScene(options, i, tally);
  const { regions, things, found, points } = tally;
  const hasParts = network.heads.has('figure') && network.heads.has('parts');
  return {
    figure: network.heads.has('figure')
      ? {
          at50: averagePrecisionOfRegions(regions, things, { threshold: 0.5 }),
          at70: averagePrecisionOfRegions(regions, things, { threshold: 0.7 }),
        }
      : null,
    parts: hasParts
      ? averagePrecisionOfRegions(regions, things, { threshold: 0.5, parts: true })
      : null,
    keypoints: network.heads.has('keypoints') ? averagePrecisionOfKeypoints(found, points) : null,
  };
}

async function judgeScene(
  { source, network, predict, preprocessing }: JudgeOptions,
  i: number,
  tally: Tally,
): Promise<void> {
  const { image, things, detections } = await source.decode(i);
  for (const { classId, box, pixels, parts, keypoints } of things) {
    tally.things.push({ image: i, classId, pixels, ...(parts && { parts }) });
    keypoints.forEach((point, kind) => {
      const scale = Math.max(box.height, box.width);
      if (point) tally.points.push({ image: i, kind, y: point.y, x: point.x, scale });
    });
  }
  const heats = await predict(
    boxInput(image, preprocessing),
    detections.map(({ box }) => box),
  );
  detections.forEach(({ classId, score, box }, n) => {
    const heat = (name: string): { heat: Float32Array; map: BoxMap } | null => {
      const maps = heats.get(name);
      const head = network.heads.get(name)?.head;
      if (!maps || !head) return null;
      const map = { box: expandBox(box, head.expansion), size: head.size, image };
      return { heat: heatOf(maps, n), map };
    };
    const [figure, parts, points] = [heat('figure'), heat('parts'), heat('keypoints')];
    if (figure) {
      const pixels = figureMask(figure.heat, figure.map);
      const labels = parts && partsOf(parts.heat, pixels, parts.map);
      tally.regions.push({ image: i, classId, score, pixels, ...(labels && { parts: labels }) });
    }
    if (points)
      keypointsOf(points.heat, points.map).forEach((point, kind) => {
        const { y, x } = point;
        tally.found.push({ image: i, kind, y, x, score: score * point.heat });
      });
  });
}
