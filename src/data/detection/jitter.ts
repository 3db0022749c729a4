/**
 * Detections as a detector would give them, made from what is truly there. The model is ours: each thing is found with
 * a probability; its box is shifted and scaled at random; the score is what the box overlaps the truth, blurred; and
 * some boxes have nothing in them.
 */
import { UsageError } from '../../errors.js';
import { type Box, boxOverlap, clipBox, type Extent } from '../../methods/hypercolumn/box.js';
import { deriveKey, fillNormal, fillUniform, type Key, streamKey } from '../../tensor/random.js';
import type { Detection, Thing } from './detections.js';

/** How far detections are from the truth; all defaults are ours. */
export interface BoxJitter {
  /** Standard deviation of the middle's shift along each axis, as a share of that side; 0.06 unless given. */
  readonly shift?: number;
  /** Standard deviation of the logarithm of each side's factor; 0.1 unless given. */
  readonly scale?: number;
  /** Probability that a thing is not found; 0.03 unless given. */
  readonly missed?: number;
  /** Probability that the class is another one; 0.03 unless given. */
  readonly confused?: number;
  /** Boxes with nothing in them, on average in an image; 0.3 unless given. */
  readonly false?: number;
  /** Standard deviation of what is added to the overlap to make a score; 0.1 unless given. */
  readonly noise?: number;
  /** 0 unless given. */
  readonly seed?: number;
}

const defaults: Required<BoxJitter> = {
  ...{ shift: 0.06, scale: 0.1, missed: 0.03, confused: 0.03, false: 0.3, noise: 0.1, seed: 0 },
};

/** @throws UsageError naming the setting that makes no sense. */
export function checkedJitter(given: BoxJitter): Required<BoxJitter> {
  const jitter = { ...defaults, ...given };
  for (const name of ['shift', 'scale', 'noise', 'false'] as const)
    if (!(jitter[name] >= 0 && Number.isFinite(jitter[name])))
      throw new UsageError(`${name} of the jitter must be a number from 0 on, got ${jitter[name]}`);
  for (const name of ['missed', 'confused'] as const)
    if (!(jitter[name] >= 0 && jitter[name] <= 1))
      throw new UsageError(`${name} of the jitter must be a share in [0, 1], got ${jitter[name]}`);
  return jitter;
}

/** Detections whose boxes are the things' own, all of score 1. */
export function exactDetections(things: readonly Thing[]): Detection[] {
  return things.map(({ classId, box }, thing) => ({ classId, box, score: 1, thing }));
}

/** Things of a class from 1 on; class 0 is the background. */
const firstClass = 1;

/**
 * The detections of an image, the surest first: a pure function of the jitter's seed and `index`.
 * @param classes how many there are, the background counted
 */
export function jitteredDetections(
  things: readonly Thing[],
  image: Extent,
  classes: number,
  jitter: Required<BoxJitter>,
  index: number,
): Detection[] {
  const found = things.flatMap(({ classId, box }, thing): Detection[] => {
    const key = streamKey(jitter.seed, index, `detection/${thing}`);
    const [misses = 0, confuses = 0, other = 0] = uniform(3, key);
    if (misses < jitter.missed) return [];
    const [dy = 0, dx = 0, sy = 0, sx = 0, blur = 0] = normals(5, key);
    const moved = clipBox(
      around(
        box.top + box.height / 2 + dy * jitter.shift * box.height,
        box.left + box.width / 2 + dx * jitter.shift * box.width,
        box.height * Math.exp(jitter.scale * sy),
        box.width * Math.exp(jitter.scale * sx),
      ),
      image,
    );
    // A large shift may leave nothing of it in the image.
    if (!(moved.height > 0 && moved.width > 0)) return [];
    const score = clipShare(boxOverlap(moved, box) + jitter.noise * blur);
    const others = classes - firstClass;
    const isWrong = confuses < jitter.confused && others > 1;
    const shift = isWrong ? 1 + Math.floor(other * (others - 1)) : 0;
    const taken = firstClass + ((classId - firstClass + shift) % others);
    return [{ classId: taken, box: moved, score, thing }];
  });
  return [...found, ...falseDetections(things, image, classes, jitter, index)].sort(
    (a, b) => b.score - a.score,
  );
}

/** Boxes of the size of the image's things, anywhere, with lower scores. */
function falseDetections(
  things: readonly Thing[],
  image: Extent,
  classes: number,
  jitter: Required<BoxJitter>,
  index: number,
): Detection[] {
  const [share = 0] = uniform(1, streamKey(jitter.seed, index, 'detection/count'));
  const count = Math.floor(jitter.false) + (share < jitter.false % 1 ? 1 : 0);
  return Array.from({ length: count }, (_, n): Detection => {
    const key = streamKey(jitter.seed, index, `detection/false/${n}`);
    const [y = 0, x = 0, which = 0, ofClass = 0, score = 0] = uniform(5, key);
    const like = things[Math.floor(which * things.length)]?.box;
    const height = Math.min(image.height, like?.height ?? image.height / 3);
    const width = Math.min(image.width, like?.width ?? image.width / 3);
    return {
      classId: firstClass + Math.floor(ofClass * (classes - firstClass)),
      box: { top: y * (image.height - height), left: x * (image.width - width), height, width },
      // Seldom as sure as one that has something in it.
      score: 0.7 * score,
      thing: null,
    };
  });
}

const around = (y: number, x: number, height: number, width: number): Box => ({
  ...{ top: y - height / 2, left: x - width / 2 },
  ...{ height, width },
});

const clipShare = (value: number): number => Math.min(1, Math.max(0, value));

function uniform(count: number, key: Key): Float32Array {
  const out = new Float32Array(count);
  fillUniform(out, key);
  return out;
}

function normals(count: number, key: Key): Float32Array {
  const out = new Float32Array(count);
  fillNormal(out, deriveKey(key, 1));
  return out;
}
