/** The image files that a command line names, one by one or by folder. */
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { imageEndings } from '../data/decode-image.js';
import { hiddenReason, listFolder, type Skipped } from '../data/list-images.js';
import { DataError } from '../errors.js';

/** One file. */
export interface FoundImage {
  /** As the user named it, or below the folder that they named. */
  readonly file: string;
  /** Its folder below the one that was named; empty for a file that was named itself. */
  readonly folder: string;
}

/** Files to read, and what is not to be read there. */
export interface FoundImages {
  readonly images: readonly FoundImage[];
  readonly skipped: readonly Skipped[];
}

/** Finds images; what is not there is told when it is read, so that the others are still looked at. */
export async function findImages(words: readonly string[], cwd: string): Promise<FoundImages> {
  const images: FoundImage[] = [];
  const skipped: Skipped[] = [];
  const walk = async (word: string, shown: string, path: string, root: string): Promise<void> => {
    const listing = await listFolder(path, root);
    for (const name of listing.files) {
      const file = join(shown, name);
      if (imageEndings.includes(extname(name).toLowerCase()))
        images.push({ file, folder: relative(word, dirname(file)) });
      else skipped.push({ file, reason: 'is not an image file' });
    }
    for (const { file, reason } of listing.skipped)
      if (reason !== hiddenReason) skipped.push({ file: join(shown, basename(file)), reason });
    for (const folder of listing.folders)
      await walk(word, join(shown, folder), join(path, folder), root);
  };
  for (const word of words) {
    const path = await realpath(resolve(cwd, word)).catch(() => null);
    if (path !== null && (await stat(path)).isDirectory()) await walk(word, word, path, path);
    else images.push({ file: word, folder: '' });
  }
  return { images, skipped };
}

/** The error for a file that is skipped where nothing may be. */
export const refused = ({ file, reason }: Skipped): DataError =>
  new DataError(`${file} ${reason}: remove it, or do without --strict`, {
    path: file,
    actual: reason,
  });

/** The skipped files, a line each. */
export const describeSkipped = (skipped: readonly Skipped[]): string =>
  skipped.map(({ file, reason }) => `  ${file} ${reason}`).join('\n');

/** @throws DataError where no image was read, saying why. */
export function requireSome(
  count: number,
  words: readonly string[],
  skipped: readonly Skipped[],
): void {
  if (count > 0) return;
  throw new DataError(
    skipped.length === 0
      ? `no images in ${words.join(', ')}: give PNG, JPEG or WebP files, or folders with such`
      : `no image could be read:\n${describeSkipped(skipped)}`,
    { path: words[0] ?? '', actual: skipped },
  );
}
