/** What every reader of a layout of scenes says of itself, and what several of them need. */
import { DataError } from '../../errors.js';
import type { Files } from '../formats/files.js';
import { baseName, namesIn } from '../formats/format.js';
import type { Skipped } from '../list-images.js';
import { type ColourTable, parseColours } from './colours.js';
import { encodedScenes, type ScenePair } from './encoded-scenes.js';
import { colourCoding, indexCoding, type MaskCoding } from './mask.js';
import { paletteOf } from './palette.js';
import type { Rgb, SegmentationData } from './scenes.js';

/** How a layout is read. */
export interface SceneFormatOptions {
  /** Names of the classes, in place of those that the folder or the layout gives. */
  readonly classes?: readonly string[] | undefined;
  /** A table of colours, as a file's text: masks are of colours. */
  readonly colours?: { readonly text: string; readonly where: string } | undefined;
  /** Number 0 is void and the class `i` has the number i + 1. */
  readonly reduceZeroLabel?: boolean | undefined;
}

/** What a layout holds. */
export type FoundScenes = Omit<SegmentationData, 'name'>;

/** One line of the table of layouts. */
export interface SceneFormat {
  readonly name: string;
  /** The files it is told by, as the help says it. */
  readonly files: string;
  /** Whether the files look like this layout. */
  recognizes(files: Files): boolean;
  /**
   * Lists what is there; images and masks are not yet decoded.
   * @throws DataError where a file is missing or damaged.
   */
  read(files: Files, options: SceneFormatOptions): Promise<FoundScenes>;
}

/** Parts of a data set. */
export type PartName = 'train' | 'validation' | 'test';

const partNames: Readonly<Record<string, PartName>> = {
  ...{ train: 'train', training: 'train', val: 'validation', valid: 'validation' },
  ...{ validation: 'validation', test: 'test', testing: 'test' },
};

/** The part that a folder's name means, or null. */
export const partOf = (folder: string): PartName | null => partNames[folder.toLowerCase()] ?? null;

const nameFiles = ['classes.txt', 'labels.txt', 'class_names.txt', 'id2label.json'] as const;
const colourFiles = [
  'colours.txt',
  'colors.txt',
  'label_colors.txt',
  'class_dict.csv',
  'labelmap.txt',
] as const;

/** Names of files of names and colours, as the sentences list them. */
export const aboutClasses: ReadonlySet<string> = new Set([...nameFiles, ...colourFiles]);

/** The names in `id2label.json`, by number. */
function namesById(text: string, path: string): string[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${path} is no JSON: ${cause instanceof Error ? cause.message : cause}`, {
      path,
      cause,
    });
  }
  const entries = Object.entries(content ?? {}).filter(([id]) => id !== '255');
  const names = entries.map(
    (_, id) => Object.entries(content ?? {}).find(([key]) => Number(key) === id)?.[1],
  );
  const wrong = names.findIndex((name) => typeof name !== 'string');
  if (names.length === 0 || wrong >= 0)
    throw new DataError(
      `${path} has no name for class ${Math.max(0, wrong)}: write { "0": "first class", "1": "second class", ... }`,
      { path, actual: wrong },
    );
  return names.map(String);
}

/** The class names that the user gives, or that a file of the folder's top has; null where there are none. */
export async function classNamesOf(
  files: Files,
  options: SceneFormatOptions,
): Promise<readonly string[] | null> {
  if (options.classes) return options.classes;
  const name = nameFiles.find((each) => files.names.includes(each));
  if (name === undefined) return null;
  const bytes = await files.read(name);
  if (name.endsWith('.json')) return namesById(new TextDecoder().decode(bytes), files.path(name));
  return namesIn(bytes);
}

/** The table of colours that the user gives, or that lies at the folder's top; null where masks are of numbers. */
export async function coloursOf(
  files: Files,
  options: SceneFormatOptions,
  classes: readonly string[] | null,
): Promise<ColourTable | null> {
  if (options.colours) return parseColours(options.colours.text, options.colours.where, classes);
  const name = colourFiles.find((each) => files.names.includes(each));
  if (name === undefined) return null;
  return parseColours(new TextDecoder().decode(await files.read(name)), files.path(name), classes);
}

/** The coding by colours where there is a table of them, otherwise by numbers. */
export function codingOf(
  classes: readonly string[],
  table: ColourTable | null,
  options: SceneFormatOptions & { readonly voids?: readonly number[] },
): MaskCoding {
  if (table) return colourCoding(table);
  const { reduceZeroLabel = false, voids = [] } = options;
  return indexCoding(classes.length, { reduceZeroLabel, voids });
}

/** A scene's files by name, and the part that they belong to. */
export interface FoundPair {
  readonly image: string;
  readonly mask: string;
  readonly part: PartName;
}

/** Makes the parts of pairs of files. */
export function partsOf(
  files: Files,
  pairs: readonly FoundPair[],
  coding: MaskCoding,
): Pick<SegmentationData, PartName> {
  const of = (part: PartName) => {
    const scenes = pairs
      .filter((pair) => pair.part === part)
      .map(
        ({ image, mask }): ScenePair => ({
          name: image,
          image: files.path(image),
          mask: files.path(mask),
        }),
      );
    return scenes.length === 0 ? null : encodedScenes(scenes, coding);
  };
  return {
    train: of('train') ?? encodedScenes([], coding),
    validation: of('validation'),
    test: of('test'),
  };
}

/** What is returned, with colours for all classes. */
export function found(
  classes: readonly string[],
  colours: readonly (Rgb | undefined)[],
  parts: Pick<SegmentationData, PartName>,
  skipped: readonly Skipped[] = [],
  notes: readonly string[] = [],
): FoundScenes {
  return { classes, palette: paletteOf(classes.length, colours), ...parts, notes, skipped };
}

/** A path without the ending of its file. */
export const stemOf = (name: string): string => name.replace(/\.[^./]*$/, '');

/**
 * The error for images without masks.
 * @param expected where the mask of the first was looked for
 */
export function missingMask(
  files: Files,
  images: readonly string[],
  total: number,
  expected: string,
): DataError {
  const [first = ''] = images;
  const stem = baseName(stemOf(expected));
  const other = files.names.find(
    (name) => name !== first && baseName(stemOf(name)) === stem && !name.endsWith('.png'),
  );
  const others = images.length > 1 ? `; ${images.length} of ${total} images have none` : '';
  const hint = other === undefined ? '' : ` (${other} is no PNG)`;
  return new DataError(
    `${files.path(first)} has no mask: ${files.path(expected)} is missing${hint}${others}. Add it, or remove the image`,
    { path: files.path(expected), expected },
  );
}
