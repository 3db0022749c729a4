/** Images that are still encoded, as files or as bytes in memory: listed at once, decoded when asked for. */
import { availableParallelism } from 'node:os';
import { DataError } from '../errors.js';
import { decodeWhole } from './decode-image.js';
import { type ImageSource, subset } from './image-source.js';
import type { Skipped } from './list-images.js';
import { readBytes } from './read-bytes.js';

/** An image that is not decoded yet. */
export interface EncodedImage {
  /** Its file, or what it is called; a row of a table has no file of its own. */
  readonly name: string;
  readonly label: number;
  /** The path to read it from, or its bytes. */
  readonly content: string | Uint8Array;
}

/** Images that are decoded one by one, each time that one is asked for. */
export function encodedSource(images: readonly EncodedImage[]): ImageSource {
  const at = (index: number): EncodedImage => {
    const image = images[index];
    if (image) return image;
    throw new DataError(`index ${index} is outside the ${images.length} images`, { actual: index });
  };
  return {
    count: images.length,
    label: (index) => at(index).label,
    name: (index) => at(index).name,
    async decode(index, options) {
      const { name, content } = at(index);
      const bytes = typeof content === 'string' ? await readBytes(content) : content;
      return decodeWhole(bytes, typeof content === 'string' ? content : name, options);
    },
  };
}

/** Runs `work` on 0 to count - 1, in no order: enough at a time to keep the processor busy, few enough for large images to fit. */
export async function eachAtOnce(
  count: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    try {
      for (let index = next++; index < count; index = next++) await work(index);
    } catch (error) {
      // The others end with what they have in hand.
      next = count;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 8) }, worker));
}

/** Small enough that a JPEG is decoded at an eighth of its size; every byte of it is read all the same. */
const trialSide = 8;

/**
 * Leaves out the images that cannot be decoded, by decoding each once.
 * @param onDone called after each image
 * @returns the images that can be, in their order, and the others with reasons
 */
export async function withoutBroken(
  source: ImageSource,
  onDone: (name: string) => void = () => undefined,
): Promise<{ readonly source: ImageSource; readonly skipped: readonly Skipped[] }> {
  if (source.isDecoded) return { source, skipped: [] };
  const reasons = new Map<number, string>();
  await eachAtOnce(source.count, async (index) => {
    try {
      await source.decode(index, { shortSide: trialSide });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      reasons.set(index, String(error.details.actual ?? error.message));
    }
    onDone(source.name(index));
  });
  if (reasons.size === 0) return { source, skipped: [] };
  const all = Array.from({ length: source.count }, (_, index) => index);
  return {
    source: subset(
      source,
      all.filter((index) => !reasons.has(index)),
    ),
    skipped: all.flatMap((index) => {
      const reason = reasons.get(index);
      return reason === undefined ? [] : [{ file: source.name(index), reason }];
    }),
  };
}
