/** Batches of a confident classifier: images of the data, and beside them as many from outside where such are given. */
import { DataError } from '../errors.js';
import { labelsName } from '../methods/classifier/step.js';
import type { ConfidentBatches } from '../methods/confident/train.js';
import { names } from '../methods/confident/updates.js';
import { type ImageBatches, type ImageBatchOptions, imageBatches } from './image-batches.js';
import { type ImageSource, subset } from './image-source.js';

export interface OutsideBatches extends ConfidentBatches {
  /** As in `ImageBatches`, of both sources. */
  readonly late: number;
}

/** So that both sources are mixed by streams of their own. */
const outsideSeed = 2 ** 32;

/**
 * Endless passes over both sources, each in its own order; the images from outside are changed by nothing.
 * @param outside for the method `confidence`; null for the others
 * @throws DataError where there is no image.
 */
export function confidentBatches(
  train: ImageSource,
  outside: ImageSource | null,
  options: ImageBatchOptions,
): OutsideBatches {
  const inside = imageBatches(train, options);
  const { augmentation: _, ...plain } = options;
  const other: ImageBatches | null =
    outside && imageBatches(outside, { ...plain, seed: options.seed + outsideSeed });
  const input = options.network.input.name;
  return {
    stepsPerEpoch: inside.stepsPerEpoch,
    async batch(step) {
      const { [input]: images, [labelsName]: labels } = await inside.batch(step);
      const { [input]: far } = (await other?.batch(step)) ?? {};
      return {
        ...(images && { [input]: images }),
        ...(labels && { [labelsName]: labels }),
        ...(far && { [names.outside]: far }),
      };
    },
    get late() {
      return inside.late + (other?.late ?? 0);
    },
  };
}

/**
 * Images to look at for a collapse: spread over a source, whose classes may lie one after the other.
 * @param count at most so many
 */
export function spreadOver(source: ImageSource, count: number): ImageSource {
  const taken = Math.min(count, source.count);
  const at = (i: number): number => Math.floor((i * source.count) / taken);
  return subset(
    source,
    Array.from({ length: taken }, (_, i) => at(i)),
  );
}

/**
 * Checks that images from outside are of the size that those of the data have.
 * @throws DataError naming both sizes.
 */
export async function requireSameSize(
  train: ImageSource,
  outside: ImageSource,
  name: string,
): Promise<void> {
  const [own, far] = await Promise.all([train.decode(0), outside.decode(0)]);
  const text = ({ width, height, channels }: typeof own): string =>
    `${width} x ${height} ${channels === 1 ? 'grey' : 'colour'}`;
  if (text(own) === text(far)) return;
  throw new DataError(
    `the images from outside (${name}) are ${text(far)}, those of the data ${text(own)}: of another size they would be told apart by that alone. Bring them to one size, or give --resize`,
    { expected: text(own), actual: text(far), path: name },
  );
}
