/**
 * Folders of images by class: `train/<class>/*`, `val/<class>/*` and `test/<class>/*` (the ImageFolder convention),
 * `<class>/*` alone, or the layout with few labels (`labelled/<class>/*`), whose unlabelled images are not used here.
 */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../../errors.js';
import { encodedSource } from '../encoded-source.js';
import { type Candidate, type ClassFolders, findPart, listClasses } from '../image-layout.js';
import { listFolder, relativeName, type Skipped } from '../list-images.js';
import type { Format } from './format.js';

/** The layout, as the error sentences show it. */
export const classFolderLayout = `  train/
    cat/         images of this class (PNG, JPEG or WebP)
    dog/         and of this one: two classes at least
  val/           optional, classes as above: to choose settings with
  test/          optional, classes as above: to measure with
or the class folders alone, without train/ around them.`;

const sourceFrom = (root: string, candidates: readonly Candidate[]) =>
  encodedSource(
    candidates.map(({ path, label }) => ({ name: relativeName(root, path), label, content: path })),
  );

/** Class folders, under `train/` or by themselves. */
export const classFolders: Format = {
  name: 'folders',
  files: 'train/<class>/*, val/<class>/*, test/<class>/*; or <class>/*',
  recognizes: (files) => files.folder !== null,
  async read({ folder, where }) {
    if (folder === null)
      throw new DataError(`${where} is an archive: unpack it first`, { path: where });
    const root = await realpath(folder);
    const top = await listFolder(root, root);
    const part = (...names: string[]) => findPart(where, top, classFolderLayout, ...names);
    const parts = {
      train: part('train', 'training', 'labelled', 'labeled'),
      validation: part('val', 'valid', 'validation'),
      test: part('test', 'testing'),
      unlabelled: part('unlabelled', 'unlabeled'),
    };
    const hasParts = parts.train !== null;
    const train = await listClasses(join(root, parts.train ?? ''), root, null);
    if (train.classes.length < 2) throw tooFew(join(where, parts.train ?? ''), train);
    const others = async (name: string | null) =>
      hasParts && name !== null ? listClasses(join(root, name), root, train.classes) : null;
    const validation = await others(parts.validation);
    const test = await others(parts.test);
    const used: readonly (string | null)[] = Object.values(parts);
    const outside: Skipped[] = hasParts
      ? [...top.files, ...top.folders.filter((name) => !used.includes(name))].map((file) => ({
          file,
          reason: 'is not part of the layout',
        }))
      : [];
    return {
      classes: train.classes,
      train: sourceFrom(root, train.candidates),
      validation: validation && sourceFrom(root, validation.candidates),
      test: test && sourceFrom(root, test.candidates),
      notes:
        parts.unlabelled === null ? [] : [`${parts.unlabelled}/ is not used: it has no labels`],
      skipped: [
        ...(hasParts ? top.skipped : []),
        ...outside,
        ...[train, validation, test].flatMap((found) => found?.skipped ?? []),
      ],
    };
  },
};

function tooFew(path: string, { classes }: ClassFolders): DataError {
  const has = classes.length === 0 ? 'holds no class folder' : `holds only the class ${classes[0]}`;
  return new DataError(
    `${path} ${has}, where a classifier needs two. A folder of images looks like this:\n${classFolderLayout}`,
    { path, actual: classes },
  );
}
