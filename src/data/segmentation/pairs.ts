/**
 * Folders of images and of masks with the same names but for the ending: `images/x.jpg` and `masks/x.png`, with
 * `train`, `val` and `test` above or below these two where there are several parts.
 */
import { extname } from 'node:path';
import { DataError } from '../../errors.js';
import { imageEndings } from '../decode-image.js';
import { eachAtOnce } from '../encoded-source.js';
import type { Files } from '../formats/files.js';
import type { Skipped } from '../list-images.js';
import {
  aboutClasses,
  classNamesOf,
  codingOf,
  coloursOf,
  type FoundPair,
  found,
  missingMask,
  type PartName,
  partOf,
  partsOf,
  type SceneFormat,
  type SceneFormatOptions,
  stemOf,
} from './format.js';
import { decodeMask, indexCoding } from './mask.js';
import { voidId } from './scenes.js';

const imageFolders: ReadonlySet<string> = new Set(['images', 'image', 'imgs', 'img']);
const maskFolders: ReadonlySet<string> = new Set(['masks', 'mask', 'labels', 'annotations']);

/** A file of a pair. */
interface Half {
  readonly file: string;
  readonly kind: 'image' | 'mask';
  /** The path without the folder that tells the kind and without the ending: the same for both halves. */
  readonly key: string;
  readonly part: PartName | null;
  /** The path of the mask that belongs to it, if it is an image. */
  readonly expected: string;
}

function halfOf(file: string, maskFolder: string): Half | null {
  const folders = file.split('/').slice(0, -1);
  const at = folders.findIndex(
    (name) => imageFolders.has(name.toLowerCase()) || maskFolders.has(name.toLowerCase()),
  );
  if (at < 0) return null;
  const kind = imageFolders.has((folders[at] ?? '').toLowerCase()) ? 'image' : 'mask';
  const ending = extname(file).toLowerCase();
  if (kind === 'image' ? !imageEndings.includes(ending) : ending !== '.png') return null;
  const segments = file.split('/');
  return {
    ...{ file, kind, key: stemOf(segments.toSpliced(at, 1).join('/')) },
    part: folders.map(partOf).find((part) => part !== null) ?? null,
    expected: `${stemOf(segments.with(at, maskFolder).join('/'))}.png`,
  };
}

const reasonOutside = (file: string): Skipped => ({ file, reason: 'is not part of the layout' });

/** Pairs the halves up. @throws DataError where an image has no mask, or none is there. */
function pairUp(files: Files): { readonly pairs: FoundPair[]; readonly skipped: Skipped[] } {
  const maskFolder = files.names
    .flatMap((name) => name.split('/').slice(0, -1))
    .find((name) => maskFolders.has(name.toLowerCase()));
  const halves = files.names.map((name) => halfOf(name, maskFolder ?? 'masks'));
  const known = halves.filter((half) => half !== null);
  const images = known.filter(({ kind }) => kind === 'image');
  const masks = new Map(
    known.filter(({ kind }) => kind === 'mask').map((half) => [half.key, half]),
  );
  const alone = images.filter(({ key }) => !masks.has(key));
  if (images.length === 0)
    throw new DataError(
      `${files.where} holds no image (${imageEndings.join(', ')}) in images/, or in images/ of train/`,
      { path: files.where },
    );
  if (alone.length > 0)
    throw missingMask(
      files,
      alone.map(({ file }) => file),
      images.length,
      alone[0]?.expected ?? '',
    );
  const used = new Set(images.map(({ key }) => key));
  const pairs = images.map(
    ({ file, key, part }): FoundPair => ({
      image: file,
      mask: masks.get(key)?.file ?? '',
      part: part ?? 'train',
    }),
  );
  const skipped = files.names.flatMap((file, i) => {
    const half = halves[i];
    if (!half) return aboutClasses.has(file) ? [] : [reasonOutside(file)];
    return half.kind === 'mask' && !used.has(half.key)
      ? [{ file, reason: 'is the mask of no image' }]
      : [];
  });
  return { pairs, skipped };
}

/** Images and masks in folders of their own. */
export const pairFolders: SceneFormat = {
  name: 'pairs',
  files:
    'images/*.jpg and masks/*.png of the same names (with train/, val/, test/ above or below); classes.txt or id2label.json, colours.txt',
  recognizes: (files) => {
    const kinds = new Set(files.names.map((name) => halfOf(name, 'masks')?.kind));
    return kinds.has('image') && kinds.has('mask');
  },
  async read(files, options) {
    const { pairs, skipped } = pairUp(files);
    const named = await classNamesOf(files, options);
    const table = await coloursOf(files, options, named);
    const given = named ?? table?.classes ?? null;
    const classes = given ?? (await countedClasses(files, pairs, options));
    const notes = given
      ? []
      : [
          `no classes.txt or id2label.json: ${classes.length} classes by the numbers in the masks, named ${classes[0]} to ${classes.at(-1)}`,
        ];
    const parts = partsOf(files, pairs, codingOf(classes, table, options));
    return found(classes, table?.palette ?? [], parts, skipped, notes);
  },
};

/** As many classes as the masks have numbers, by reading all of them. */
async function countedClasses(
  files: Files,
  pairs: readonly FoundPair[],
  { reduceZeroLabel = false }: SceneFormatOptions,
): Promise<readonly string[]> {
  const anyNumber = indexCoding(voidId);
  let largest = 0;
  await eachAtOnce(pairs.length, async (index) => {
    const name = pairs[index]?.mask ?? '';
    const { ids } = decodeMask(await files.read(name), anyNumber, files.path(name));
    for (const id of ids) if (id !== voidId && id > largest) largest = id;
  });
  const count = largest + (reduceZeroLabel ? 0 : 1);
  if (count < 2 && largest === 0)
    throw new DataError(
      `the masks of ${files.where} have no class but 0 (255 is void): to learn 255 as a class, give --mask-colours FILE with the lines "background 0 0 0" and "object 255 255 255"`,
      { path: files.where, actual: count },
    );
  return Array.from({ length: count }, (_, id) => String(id));
}
