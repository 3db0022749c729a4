/** What every reader of a data format says of itself, and what it gives. */
import { DataError } from '../../errors.js';
import type { ClassificationData } from '../image-source.js';
import type { Files } from './files.js';

/** How a data set is read. */
export interface FormatOptions {
  /** CIFAR-100 and its like: the 20 coarse classes in place of the fine ones. */
  readonly coarse?: boolean;
  /** Names of the classes where the files have none. */
  readonly classes?: readonly string[];
  /** Nothing is learnt from the images: where those for training are missing there are none. */
  readonly judgedOnly?: boolean;
}

/** One line of the table of formats. */
export interface Format {
  readonly name: string;
  /** The files it is told by, as the help says it. */
  readonly files: string;
  /** Whether the files look like this format. */
  recognizes(files: Files): boolean;
  /**
   * Reads what is there; images that are files of their own are listed and not yet decoded.
   * @throws DataError where a file is missing or damaged.
   */
  read(files: Files, options: FormatOptions): Promise<ClassificationData>;
}

/**
 * Names for `count` classes: those given, or their numbers.
 * @throws DataError where fewer are given than there are labels.
 */
export function classNames(
  count: number,
  given: readonly string[] | null | undefined,
  path: string,
): readonly string[] {
  if (!given) return Array.from({ length: count }, (_, label) => String(label));
  if (given.length < count)
    throw new DataError(
      `${path} has labels up to ${count - 1}, and there are only ${given.length} names of classes`,
      { path, expected: count, actual: given.length },
    );
  return given;
}

/** The lines of a file of names, without the empty ones. */
export function namesIn(bytes: Uint8Array): string[] {
  return new TextDecoder()
    .decode(bytes)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The base name of a path with forward slashes. */
export const baseName = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/**
 * Allocates room for images.
 * @throws DataError where there is not so much memory.
 */
export function allocate(bytes: number, path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new DataError(
      `${path} needs ${(bytes / 2 ** 30).toFixed(1)} GiB of memory, which is not there`,
      { path, actual: bytes, cause },
    );
  }
}
