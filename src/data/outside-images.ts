/** Opens images of which nothing is known but that they are outside: their classes, where they have any, do not matter. */
import { realpath } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { DataError } from '../errors.js';
import { imageEndings } from './decode-image.js';
import { encodedSource, withoutBroken } from './encoded-source.js';
import type { Environment } from './fetch/cache.js';
import { knownSets } from './fetch/known.js';
import { classFolders } from './formats/class-folders.js';
import { openFiles } from './formats/files.js';
import { formats } from './formats/table.js';
import type { ImageSource } from './image-source.js';
import { listFolder, relativeName, type Skipped } from './list-images.js';
import { openImages } from './open-images.js';

export interface OutsideImages {
  readonly source: ImageSource;
  readonly skipped: readonly Skipped[];
}

export interface OpenOutsideOptions {
  /** Decodes images that are files once beforehand and leaves out those that cannot be; true unless given. */
  readonly verify?: boolean | undefined;
  readonly env?: Environment | undefined;
}

/**
 * The test images of a known set or of a folder in any format; of a folder of image files, those of `test/` where there
 * is one, and else all that lie in it and below.
 * @param where a name, a folder, or a .tar.gz of CIFAR as it was downloaded
 * @throws DataError where it is not there, is damaged, or has no image.
 */
export async function openOutsideImages(
  where: string,
  { verify = true, env }: OpenOutsideOptions = {},
): Promise<OutsideImages> {
  const found = knownSets.some(({ name }) => name === where)
    ? chosen(await openImages(where, { verify, ...(env && { env }) }))
    : await openFolder(where);
  const usable = verify ? await withoutBroken(found.source) : { source: found.source, skipped: [] };
  const skipped = [...found.skipped, ...usable.skipped];
  if (usable.source.count > 0) return { source: usable.source, skipped };
  const [first] = skipped;
  throw new DataError(
    `no images in ${where}${first ? ` (${first.file} ${first.reason})` : ''}: give a known set, a folder in any known format, or one with PNG, JPEG or WebP files`,
    { path: where, actual: skipped },
  );
}

async function openFolder(where: string): Promise<OutsideImages> {
  const files = await openFiles(where);
  const format = formats.find((each) => each.recognizes(files));
  if (format && format !== classFolders)
    return chosen(await format.read(files, { judgedOnly: true }));
  const root = await realpath(where);
  const { folders } = await listFolder(root, root);
  const test = folders.find((name) => name === 'test' || name === 'testing');
  return imagesBelow(test === undefined ? root : join(root, test), root);
}

const chosen = (data: {
  readonly train: ImageSource;
  readonly test: ImageSource | null;
  readonly skipped: readonly Skipped[];
}): OutsideImages => ({ source: data.test ?? data.train, skipped: data.skipped });

async function imagesBelow(folder: string, root: string): Promise<OutsideImages> {
  const paths: string[] = [];
  const skipped: Skipped[] = [];
  const walk = async (at: string): Promise<void> => {
    const listing = await listFolder(at, root);
    skipped.push(...listing.skipped);
    for (const name of listing.files) {
      const path = join(at, name);
      if (imageEndings.includes(extname(name).toLowerCase())) paths.push(path);
      else skipped.push({ file: relativeName(root, path), reason: 'is not an image file' });
    }
    for (const name of listing.folders) await walk(join(at, name));
  };
  await walk(folder);
  const images = paths.map((path) => ({
    ...{ name: relativeName(root, path), label: -1 },
    content: path,
  }));
  return { source: encodedSource(images), skipped };
}
