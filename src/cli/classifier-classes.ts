/** Whose classes a classifier tells apart: the data's, or those that the model knows already. */
import type { ImageSource } from '../data/image-source.js';
import { UsageError } from '../errors.js';

export interface ChosenClasses {
  readonly head: 'new' | 'keep';
  /** Class names in the order of the network's scores. */
  readonly classes: readonly string[];
  /** The network's class of each class of the data. */
  readonly indices: readonly number[];
}

/**
 * `keep` goes on with the model's classes, among which those of the data must be; `auto` does so where they are the
 * same ones.
 * @param known the model's class names, null where it does not say
 * @param width scores that the model gives
 * @throws UsageError where a head that is to be kept does not know the data's classes.
 */
export function chooseClasses(
  wanted: 'auto' | 'new' | 'keep',
  classes: readonly string[],
  known: readonly string[] | null,
  width: number,
): ChosenClasses {
  const own = { head: 'new', classes, indices: [...classes.keys()] } as const;
  const indices = classes.map((name) => known?.indexOf(name) ?? -1);
  const isSame = known?.length === classes.length && !indices.includes(-1);
  if (wanted === 'new' || (wanted === 'auto' && !isSame)) return own;
  if (known === null) {
    if (width === classes.length) return { ...own, head: 'keep' };
    throw new UsageError(
      `--head keep: the model tells ${width} classes apart and does not say which, the data have ${classes.length}. Name the model's with --classes`,
      { expected: width, actual: classes.length },
    );
  }
  const stranger = classes.find((_, i) => indices[i] === -1);
  if (stranger !== undefined)
    throw new UsageError(
      `--head keep: class "${stranger}" of the data is none of the model's. Give --head new`,
      { expected: known, actual: stranger },
    );
  return { head: 'keep', classes: known, indices };
}

/** The images with their labels counted as the network counts them. */
export function relabelled(source: ImageSource, indices: readonly number[]): ImageSource {
  if (indices.every((index, i) => index === i)) return source;
  return {
    count: source.count,
    isDecoded: source.isDecoded ?? false,
    label: (i) => indices[source.label(i)] ?? -1,
    name: (i) => source.name(i),
    decode: (i, options) => source.decode(i, options),
  };
}
