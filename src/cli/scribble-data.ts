/** Images with strokes: files by twos, or two folders. */
import { basename, extname, join, relative, resolve } from 'node:path';
import { listImages } from '../data/list-images.js';
import { readBytes } from '../data/read-bytes.js';
import { type ColourTable, parseColours } from '../data/segmentation/colours.js';
import { sizesDiffer } from '../data/segmentation/encoded-scenes.js';
import { colourCoding, decodeMask, indexCoding } from '../data/segmentation/mask.js';
import { paletteOf } from '../data/segmentation/palette.js';
import { type Mask, type Rgb, voidId } from '../data/segmentation/scenes.js';
import { DataError, UsageError } from '../errors.js';
import { presentClasses } from '../methods/hypercolumn/pixel-fit.js';
import type { Context } from './command.js';
import type { HypercolumnOptions } from './hypercolumn-options.js';
import { counted } from './text-table.js';

/** An image and its strokes. */
export interface Scribble {
  /** As the user named it. */
  readonly name: string;
  /** What its pictures are called. */
  readonly stem: string;
  /** Paths. */
  readonly image: string;
  readonly labels: string;
  readonly mask: Mask;
}

export interface Scribbles {
  readonly all: readonly Scribble[];
  readonly classes: readonly string[];
  readonly palette: readonly Rgb[];
  /** Labelled pixels of each class. */
  readonly counts: readonly number[];
}

/**
 * Finds the pairs and reads the strokes.
 * @throws UsageError where images and strokes do not go together; DataError where strokes cannot be read, or are none or of
 *   one class only.
 */
export async function openScribbles(
  given: HypercolumnOptions,
  context: Context,
): Promise<Scribbles> {
  const pairs = await pairsOf(given, context);
  const { cwd } = context;
  const table = given.maskColours === undefined ? null : await tableOf(given, cwd);
  const coding = table
    ? colourCoding(table)
    : indexCoding(given.classes?.length ?? voidId, { reduceZeroLabel: given.reduceZeroLabel });
  const stems = new Map<string, number>();
  const all: Scribble[] = [];
  for (const { image, labels } of pairs) {
    const path = resolve(cwd, labels);
    const mask = decodeMask(await readBytes(path), coding, labels);
    const own = basename(image, extname(image));
    const before = stems.get(own) ?? 0;
    stems.set(own, before + 1);
    const stem = before === 0 ? own : `${own}-${before + 1}`;
    all.push({ name: image, stem, image: resolve(cwd, image), labels: path, mask });
  }
  const counts = new Array<number>(voidId).fill(0);
  for (const { mask } of all)
    for (const id of mask.ids) if (id !== voidId) counts[id] = (counts[id] ?? 0) + 1;
  const largest = counts.findLastIndex((count) => count > 0);
  const classes =
    given.classes ?? table?.classes ?? Array.from({ length: largest + 1 }, (_, id) => String(id));
  const seen = [...counts.keys()].filter((id) => (counts[id] ?? 0) > 0);
  const present = presentClasses(seen, classes);
  const absent = classes.filter((_, id) => !present.includes(id));
  if (absent.length > 0)
    context.note(
      `no stroke of ${absent.join(', ')}: ${absent.length === 1 ? 'it is' : 'they are'} never predicted`,
    );
  const palette = paletteOf(classes.length, table?.palette ?? []);
  return { all, classes, palette, counts: counts.slice(0, classes.length) };
}

async function tableOf({ maskColours = '', classes }: HypercolumnOptions, cwd: string) {
  const text = new TextDecoder().decode(await readBytes(resolve(cwd, maskColours)));
  const table: ColourTable = parseColours(text, maskColours, classes ?? null);
  return table;
}

interface Pair {
  readonly image: string;
  readonly labels: string;
}

async function pairsOf(given: HypercolumnOptions, context: Context): Promise<readonly Pair[]> {
  const { image = [], images, labels = [] } = given;
  if (images !== undefined) {
    const [folder, ...more] = labels;
    if (folder === undefined || more.length > 0 || image.length > 0)
      throw new UsageError(
        `--images takes one folder, and --labels then the folder of the strokes, got ${counted(labels.length, 'value')} of --labels and ${image.length} of --image`,
        { actual: labels },
      );
    return pairsOfFolders(images, folder, context);
  }
  if (image.length === 0 || image.length !== labels.length)
    throw new UsageError(
      `give --labels with the strokes once for each --image, got ${counted(image.length, 'image')} and ${counted(labels.length, 'file')} of labels`,
      { expected: image.length, actual: labels.length },
    );
  return image.map((one, i) => ({ image: one, labels: labels[i] ?? '' }));
}

/** Images of which there are strokes; of the others the number is told. */
async function pairsOfFolders(
  images: string,
  labels: string,
  { cwd, note }: Context,
): Promise<readonly Pair[]> {
  const list = async (folder: string) => {
    const root = resolve(cwd, folder);
    const { paths } = await listImages(root, root);
    return paths.map((path) => join(folder, relative(root, path)));
  };
  const stemOf = (path: string): string => basename(path, extname(path));
  const strokes = (await list(labels)).filter((path) => extname(path).toLowerCase() === '.png');
  const byStem = new Map(strokes.map((path) => [stemOf(path), path]));
  const found = await list(images);
  const pairs = found.flatMap((image) => {
    const own = byStem.get(stemOf(image));
    return own === undefined ? [] : [{ image, labels: own }];
  });
  if (pairs.length === 0)
    throw new DataError(
      `none of the ${counted(found.length, 'image')} in ${images} has strokes in ${labels}: a PNG of the same name but for the ending`,
      { path: labels },
    );
  if (pairs.length < found.length)
    note(`${found.length - pairs.length} of ${found.length} images have no strokes`);
  return pairs;
}

/** @throws DataError where the strokes have another size than the image. */
export function checkStrokes(
  { name, labels, mask }: Scribble,
  image: { readonly width: number; readonly height: number },
): void {
  if (mask.width !== image.width || mask.height !== image.height)
    throw sizesDiffer({ image: name, mask: labels }, image, mask);
}
