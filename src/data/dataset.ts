/** What every data set of the table says of itself, and what it gives. */
import { UsageError } from '../errors.js';
import type { DecodeProgress } from './image-folder.js';
import type { ImageSet, ImageShape } from './image-set.js';
import type { Skipped } from './list-images.js';

/** What may be asked of a data set; it lists in `accepts` which of these it takes besides seed and progress. */
export interface DatasetOptions {
  /** Where the files are. */
  readonly folder?: string | undefined;
  /** Labels to learn from, as many of each class, or all. */
  readonly labels?: number | 'all' | undefined;
  /** Decides which labels are drawn and which images held out. 0 unless given. */
  readonly seed?: number | undefined;
  /** Labelled images held out to choose settings with. None unless given. */
  readonly validation?: number | undefined;
  /** Size and colour that images are brought to. */
  readonly height?: number | undefined;
  readonly width?: number | undefined;
  /** 1 grey, 3 red-green-blue. */
  readonly channels?: 1 | 3 | undefined;
  /** A file that cannot be used is an error. */
  readonly strict?: boolean | undefined;
  readonly onProgress?: ((progress: DecodeProgress) => void) | undefined;
}

/** Few labels, many images, and what is kept apart to choose and to measure with. */
export interface SemiSupervisedData {
  readonly labelled: ImageSet;
  /** Without labels; holds the images of `labelled` too. */
  readonly unlabelled: ImageSet;
  readonly validation: ImageSet | null;
  readonly test: ImageSet | null;
  readonly classes: readonly string[];
  readonly shape: ImageShape;
  /** What was found, in sentences for the user. */
  readonly notes: readonly string[];
  /** Files that were not used, with reasons. */
  readonly skipped: readonly Skipped[];
}

/** One line of the table. */
export interface Dataset {
  readonly name: string;
  readonly title: string;
  readonly licence: string;
  /** What must be there before it can be read. */
  readonly needs: string;
  readonly accepts: readonly (keyof DatasetOptions)[];
  /** Labels to learn from unless asked otherwise. */
  readonly labels: number | 'all';
  /**
   * Reads and divides it.
   * @throws DataError where the data cannot be used, UsageError where an option is not one of its own.
   */
  load(options?: DatasetOptions): Promise<SemiSupervisedData>;
}

/**
 * Refuses the options that a data set does not take.
 * @throws UsageError naming the option and those there are.
 */
export function checkOptions(dataset: Omit<Dataset, 'load'>, options: DatasetOptions): void {
  const known = new Set<string>([...dataset.accepts, 'seed', 'onProgress']);
  for (const [option, value] of Object.entries(options))
    if (value !== undefined && !known.has(option))
      throw new UsageError(
        `data set ${dataset.name} has no option ${option}: its options are ${[...known].join(', ')}`,
        { expected: [...known], actual: option },
      );
}
