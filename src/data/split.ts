/** Divides labelled images into what a method that learns from few labels is given. */
import { DataError } from '../errors.js';
import { permutation, streamKey } from '../tensor/random.js';
import { balancedDraw } from './balanced.js';
import { countByClass, type ImageSet, select, withoutLabels } from './image-set.js';

/** How many images go where. */
export interface SplitOptions {
  /** Labels to learn from, as many of each class; or all there are. */
  readonly labels: number | 'all';
  /** Images held out, at random, to choose settings with; 0 for none. */
  readonly validation: number;
  /** Decides which images are drawn. */
  readonly seed: number;
}

/** The parts. */
export interface Split {
  readonly labelled: ImageSet;
  /** Every image that is not held out, those of `labelled` included (as the ladder network's own code has it). */
  readonly unlabelled: ImageSet;
  readonly validation: ImageSet | null;
}

/**
 * Holds out the validation images, then draws the labelled ones from the others.
 * @param set with labels
 * @throws DataError where the set has no labels, too few images to hold out, or too few of a class.
 */
export function splitLabelled(set: ImageSet, { labels, validation, seed }: SplitOptions): Split {
  if (set.labels === null) throw new DataError('labels cannot be drawn: the images have none');
  if (!Number.isInteger(validation) || validation < 0 || validation >= set.count)
    throw new DataError(
      `${validation} images cannot be held out for validation: there are ${set.count} labelled images, and some must remain to learn from`,
      { expected: set.count - 1, actual: validation },
    );
  const order = permutation(set.count, streamKey(seed, 0, 'data/validation'));
  const rest = validation === 0 ? set : select(set, order.subarray(validation).sort());
  const drawn = labels === 'all' ? rest : drawLabelled(rest, labels, seed);
  requireAllClasses(drawn, validation);
  return {
    labelled: drawn,
    unlabelled: withoutLabels(rest),
    validation: validation === 0 ? null : select(set, order.subarray(0, validation).sort()),
  };
}

function drawLabelled(set: ImageSet, labels: number, seed: number): ImageSet {
  const key = streamKey(seed, 0, 'data/labelled');
  const known = set.labels ?? new Int32Array(0);
  return select(set, balancedDraw(known, set.classes.length, labels, key, set.classes));
}

function requireAllClasses(set: ImageSet, validation: number): void {
  const counts = countByClass(set.labels ?? new Int32Array(0), set.classes.length);
  const missing = counts.indexOf(0);
  if (missing >= 0)
    throw new DataError(
      `class ${set.classes[missing]} has no labelled image${validation > 0 ? ` left after ${validation} were held out for validation` : ''}: add images of it`,
      { actual: counts },
    );
}
