/** Finds the image files of a folder, and says why each other file is none. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { DataError } from '../errors.js';
import { imageEndings } from './decode-image.js';
import { fileReason } from './read-bytes.js';

/** A file that was not used, relative to the root with forward slashes, and why. */
export interface Skipped {
  readonly file: string;
  readonly reason: string;
}

/** The reason given for files that nobody means to be read, such as .DS_Store. */
export const hiddenReason = 'is hidden';

/** What a folder holds, by name in code-unit order, so that it is the same on every machine. */
export interface Listing {
  readonly files: readonly string[];
  readonly folders: readonly string[];
  readonly skipped: readonly Skipped[];
}

/** `path` relative to `root`, with forward slashes. */
export function relativeName(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}

/**
 * Lists a folder. Hidden entries and links to outside `root` (its real path) count as skipped.
 * @throws DataError where the folder cannot be read.
 */
export async function listFolder(folder: string, root: string): Promise<Listing> {
  const entries = await readdir(folder).catch((cause) => {
    throw new DataError(`${folder} cannot be read: ${fileReason(cause)}`, { path: folder, cause });
  });
  const files: string[] = [];
  const folders: string[] = [];
  const skipped: Skipped[] = [];
  for (const entry of entries.sort()) {
    const path = join(folder, entry);
    const skip = (reason: string) => skipped.push({ file: relativeName(root, path), reason });
    if (entry.startsWith('.')) {
      skip(hiddenReason);
      continue;
    }
    try {
      const real = await realpath(path);
      const found = await stat(real);
      if (!`${real}${sep}`.startsWith(root.endsWith(sep) ? root : root + sep))
        skip('is a link to outside the folder, which is not followed');
      else if (found.isDirectory()) folders.push(entry);
      else if (found.isFile()) files.push(entry);
      else skip('is neither a file nor a folder');
    } catch (error) {
      skip(`cannot be read: ${fileReason(error)}`);
    }
  }
  return { files, folders, skipped };
}

/**
 * The image files that lie directly in a folder, by their endings.
 * @returns absolute paths in order of name, and the rest with reasons
 * @throws DataError where the folder cannot be read.
 */
export async function listImages(
  folder: string,
  root: string,
): Promise<{ readonly paths: readonly string[]; readonly skipped: readonly Skipped[] }> {
  const { files, folders, skipped } = await listFolder(folder, root);
  const isImage = (file: string) => imageEndings.includes(extname(file).toLowerCase());
  const because = (reason: string) => (entry: string) => ({
    file: relativeName(root, join(folder, entry)),
    reason,
  });
  return {
    paths: files.filter(isImage).map((file) => join(folder, file)),
    skipped: [
      ...skipped,
      ...files
        .filter((file) => !isImage(file))
        .map(because(`is not an image file (${imageEndings.join(', ')})`)),
      ...folders.map(because('is a folder: only the images directly above it are read')),
    ],
  };
}
