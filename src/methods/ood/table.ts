/** The detectors, one line each. */
import type { Detector } from './detector.js';
import { knn } from './knn.js';
import { mahalanobis } from './mahalanobis.js';
import { odin } from './odin.js';
import { energy, maxLogit, maxSoftmax } from './softmax-detectors.js';

export const detectors = {
  'max-softmax': maxSoftmax,
  'max-logit': maxLogit,
  energy,
  odin,
  mahalanobis,
  knn,
} as const satisfies Readonly<Record<string, Detector>>;

/** Name of a detector of the table. */
export type DetectorName = keyof typeof detectors;

/** All names, in the order of the table. */
export const detectorNames = Object.keys(detectors) as readonly DetectorName[];
