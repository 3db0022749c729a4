/** The parts of `espalier start`, in their order, one line each. */
import { attackLeg } from './attack-leg.js';
import { ladderLeg } from './ladder-leg.js';
import type { Leg } from './leg.js';
import { outsideLeg } from './outside-leg.js';
import { segmentationLeg } from './segmentation-leg.js';

export const legs: readonly Leg[] = [ladderLeg, attackLeg, outsideLeg, segmentationLeg];
