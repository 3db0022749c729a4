/** The user's own images as a task with few labels. */
import { UsageError } from '../errors.js';
import { checkOptions, type Dataset } from './dataset.js';
import { type ImageFolder, loadImageFolder } from './image-folder.js';
import { folderLayout } from './image-layout.js';
import { concatenate } from './image-set.js';
import { splitLabelled } from './split.js';

const about = {
  name: 'folder',
  title: 'Your own images: labelled/<class>/*, unlabelled/* and, if you like, test/<class>/*',
  licence: 'yours',
  needs: `a folder of images:\n${folderLayout}`,
  accepts: ['folder', 'labels', 'validation', 'height', 'width', 'channels', 'strict'],
  labels: 'all',
} as const;

/** 32 x 32 RGB unless asked otherwise (ours: the size of CIFAR-10's images); all labels are learnt from. */
export const folder: Dataset = {
  ...about,
  async load(options = {}) {
    checkOptions(about, options);
    const { labels = about.labels, validation = 0, seed = 0, strict = false, onProgress } = options;
    const { height = options.width ?? 32, width = height, channels = 3 } = options;
    if (options.folder === undefined)
      throw new UsageError(`data set folder needs the option folder: ${about.needs}`);
    for (const side of [height, width])
      if (!Number.isInteger(side) || side < 1)
        throw new UsageError(`images cannot be ${height} x ${width}: give whole numbers above 0`, {
          actual: side,
        });
    if (channels !== 1 && channels !== 3)
      throw new UsageError(`images cannot have ${channels} channels: give 1 (grey) or 3 (RGB)`);
    const found = await loadImageFolder(options.folder, {
      ...{ height, width, channels, strict },
      ...(onProgress && { onProgress }),
    });
    const parts = splitLabelled(found.labelled, { labels, validation, seed });
    return {
      ...parts,
      unlabelled: concatenate(parts.unlabelled, found.unlabelled),
      test: found.test,
      classes: found.labelled.classes,
      shape: found.labelled.shape,
      notes: describe(found),
      skipped: found.skipped,
    };
  },
};

/** The counts in sentences. */
function describe({ found, labelled, skipped }: ImageFolder): string[] {
  const byClass = labelled.classes.map((name, i) => `${name} ${found.byClass[i]}`).join(', ');
  const notes = [
    `${found.labelled} labelled images in ${labelled.classes.length} classes (${byClass}), ` +
      `${found.unlabelled} unlabelled, ${found.test} to test with`,
  ];
  if (skipped.length > 0) notes.push(`skipped files: ${skipped.length}`);
  if (found.unlabelled === 0)
    notes.push('there are no unlabelled images: only the labelled ones are learnt from');
  return notes;
}
