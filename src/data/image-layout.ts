/** Which files of a user's image folder are what, before any is decoded. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { type Listing, listFolder, listImages, relativeName, type Skipped } from './list-images.js';
import { fileReason } from './read-bytes.js';

/** The layout, as the error sentences and the help show it. */
export const folderLayout = `  labelled/
    cat/         images of this class (PNG, JPEG or WebP)
    dog/         and of this one: two classes at least
  unlabelled/    images of which nothing is known
  test/          optional, classes as above
    cat/
    dog/`;

/** An image file with the index of its class, -1 without one. */
export interface Candidate {
  readonly path: string;
  readonly label: number;
}

/** The image files of a folder, by part. */
export interface ImageLayout {
  /** Real path of the folder. */
  readonly root: string;
  /** Names of the class folders in code-unit order. */
  readonly classes: readonly string[];
  readonly labelled: readonly Candidate[];
  readonly unlabelled: readonly Candidate[];
  /** Null where there is no test folder. */
  readonly test: readonly Candidate[] | null;
  readonly skipped: readonly Skipped[];
}

/** The images of class folders. */
export interface ClassFolders {
  readonly classes: readonly string[];
  readonly candidates: readonly Candidate[];
  readonly skipped: readonly Skipped[];
}

function layoutError(
  folder: string,
  what: string,
  cause?: unknown,
  layout = folderLayout,
): DataError {
  return new DataError(`${folder} ${what}. A folder of images looks like this:\n${layout}`, {
    path: folder,
    cause,
  });
}

/**
 * Name of the folder that holds a part, in whichever spelling it has; null where there is none.
 * @param layout shown where there is something wrong
 * @throws DataError where it is there in two spellings, or cannot be used.
 */
export function findPart(
  root: string,
  top: Listing,
  layout: string,
  ...spellings: string[]
): string | null {
  const present = spellings.filter((name) => top.folders.includes(name));
  if (present.length > 1)
    throw layoutError(root, `holds both ${present.join(' and ')}`, undefined, layout);
  const unusable = top.skipped.find(({ file }) => spellings.includes(file));
  if (unusable) throw layoutError(join(root, unusable.file), unusable.reason, undefined, layout);
  return present[0] ?? null;
}

/**
 * Lists `folder/<class>/*`; a class outside `known` is an error, null takes the folders as the classes.
 * @throws DataError where a folder cannot be read or has no image file.
 */
export async function listClasses(
  folder: string,
  root: string,
  known: readonly string[] | null,
): Promise<ClassFolders> {
  const top = await listFolder(folder, root);
  const stray = top.folders.find((name) => known && !known.includes(name));
  if (stray !== undefined)
    throw new DataError(
      `${join(folder, stray)} is of no class that was trained on: the labelled classes are ${known?.join(', ')}`,
      { path: join(folder, stray), expected: known, actual: stray },
    );
  const classes = known ?? top.folders;
  const skipped: Skipped[] = [
    ...top.skipped,
    ...top.files.map((file) => ({
      file: relativeName(root, join(folder, file)),
      reason: 'lies outside the class folders',
    })),
  ];
  const candidates: Candidate[] = [];
  for (const name of top.folders) {
    const images = await listImages(join(folder, name), root);
    const label = classes.indexOf(name);
    for (const path of images.paths) candidates.push({ path, label });
    skipped.push(...images.skipped);
    if (images.paths.length === 0) throw emptyClass(join(folder, name), name, images.skipped);
  }
  return { classes, candidates, skipped };
}

/** The error for a class folder without a usable image, with the first of its files and what is wrong with it. */
export function emptyClass(folder: string, name: string, skipped: readonly Skipped[]): DataError {
  const first = skipped[0];
  return new DataError(
    `class ${name} has no usable image in ${folder}${first ? ` (${first.file} ${first.reason})` : ''}: ` +
      'add PNG, JPEG or WebP images of it, or remove the folder',
    { path: folder, actual: skipped },
  );
}

/**
 * Lists `labelled/<class>/*`, `unlabelled/*` and `test/<class>/*` under `folder`, or `labeled` and `unlabeled`.
 * @throws DataError where the folder is missing, empty or laid out otherwise, there are fewer than two classes,
 * a class has no image file, or the test set has a class of its own.
 */
export async function listImageFolder(folder: string): Promise<ImageLayout> {
  const root = await realpath(folder).catch((cause) => {
    throw layoutError(folder, `cannot be read: ${fileReason(cause)}`, cause);
  });
  const top = await listFolder(root, root).catch((cause) => {
    throw layoutError(folder, `cannot be read: ${fileReason(cause.details?.cause)}`, cause);
  });
  const parts = {
    labelled: findPart(folder, top, folderLayout, 'labelled', 'labeled'),
    unlabelled: findPart(folder, top, folderLayout, 'unlabelled', 'unlabeled'),
    test: findPart(folder, top, folderLayout, 'test'),
  };
  if (parts.labelled === null)
    throw layoutError(
      folder,
      top.files.length + top.folders.length > 0 ? 'has no labelled/' : 'is empty',
    );
  const labelled = await listClasses(join(root, parts.labelled), root, null);
  if (labelled.classes.length < 2)
    throw layoutError(
      join(folder, parts.labelled),
      `holds ${labelled.classes.length === 0 ? 'no class folder' : `only the class ${labelled.classes[0]}`}, where a classifier needs two`,
    );
  const unlabelled =
    parts.unlabelled === null ? null : await listImages(join(root, parts.unlabelled), root);
  const test =
    parts.test === null ? null : await listClasses(join(root, parts.test), root, labelled.classes);
  const used = Object.values(parts);
  const outside = [...top.files, ...top.folders.filter((name) => !used.includes(name))];
  return {
    root,
    classes: labelled.classes,
    labelled: labelled.candidates,
    unlabelled: (unlabelled?.paths ?? []).map((path) => ({ path, label: -1 })),
    test: test?.candidates ?? null,
    skipped: [
      ...top.skipped,
      ...outside.map((file) => ({ file, reason: 'is not part of the layout' })),
      ...labelled.skipped,
      ...(unlabelled?.skipped ?? []),
      ...(test?.skipped ?? []),
    ],
  };
}
