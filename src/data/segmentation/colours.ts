/** Tables of colours and the classes that they stand for. */
import { DataError } from '../../errors.js';
import { type Rgb, voidId } from './scenes.js';

/** Which colour is which class. */
export interface ColourTable {
  /** Where it was read, for the sentences. */
  readonly where: string;
  /** In the order in which they first come, without void. */
  readonly classes: readonly string[];
  /** The first colour of each class. */
  readonly palette: readonly Rgb[];
  /** Class, or `voidId`, by red * 65536 + green * 256 + blue. */
  readonly ids: ReadonlyMap<number, number>;
}

/** A colour as one number. */
export const packed = ([red, green, blue]: Rgb): number => red * 65_536 + green * 256 + blue;

/** A packed colour as the sentences show it: `(64, 128, 0)`. */
export const colourText = (colour: number): string =>
  `(${colour >> 16}, ${(colour >> 8) & 255}, ${colour & 255})`;

const voidNames: ReadonlySet<string> = new Set(['void', 'unlabelled', 'unlabeled', 'ignore']);

/**
 * A table from pairs of names and colours; a name may come with several colours, void under the names void,
 * unlabelled and ignore.
 * @param classes where the order of the classes is known; otherwise that in which they come
 * @throws DataError where a colour stands for two classes, a name is not of `classes`, or nothing is there.
 */
export function colourTable(
  entries: readonly (readonly [name: string, colour: Rgb])[],
  where: string,
  classes?: readonly string[] | null,
): ColourTable {
  const names = classes ? [...classes] : [];
  const palette: Rgb[] = [];
  const ids = new Map<number, number>();
  for (const [name, colour] of entries) {
    const isVoid = !names.includes(name) && voidNames.has(name.toLowerCase());
    if (!isVoid && !names.includes(name)) {
      if (classes)
        throw new DataError(
          `${where} has a colour for ${name}, which is none of the classes ${classes.join(', ')}`,
          { path: where, expected: classes, actual: name },
        );
      names.push(name);
    }
    const id = isVoid ? voidId : names.indexOf(name);
    const before = ids.get(packed(colour));
    if (before !== undefined && before !== id)
      throw new DataError(
        `${where} gives the colour ${colourText(packed(colour))} to ${before === voidId ? 'void' : names[before]} and to ${name}: a colour stands for one class`,
        { path: where, actual: name },
      );
    ids.set(packed(colour), id);
    if (!isVoid) palette[id] ??= colour;
  }
  const without = names.findIndex((_, id) => palette[id] === undefined);
  if (names.length === 0 || without >= 0)
    throw new DataError(
      names.length === 0
        ? `${where} names no class: write one a line, name and colour, as in: road 128 64 128`
        : `${where} has no colour for the class ${names[without]}`,
      { path: where },
    );
  return { where, classes: names, palette, ids };
}

/** `name r g b`, `name,r,g,b` or `name:r,g,b:...`: the numbers are the last three before a colon. */
const nameFirst = /^(.*?)[\s,:;]+(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})\s*(?::.*)?$/;
/** `r g b name`. */
const colourFirst = /^(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})[\s,:;]+(.+)$/;

/**
 * Reads a table of colours: a line for each class, its name and red, green and blue (`road 128 64 128`), in the
 * order name-colour (class_dict.csv, CVAT's labelmap.txt) or colour-name (CamVid's label_colors.txt).
 * @throws DataError naming the line that is neither, and as `colourTable`.
 */
export function parseColours(
  text: string,
  where: string,
  classes?: readonly string[] | null,
): ColourTable {
  const entries: (readonly [string, Rgb])[] = [];
  text.split(/\r?\n/).forEach((written, at) => {
    const line = written.trim();
    const isHeader = at === 0 && !/\d/.test(line);
    if (line === '' || line.startsWith('#') || isHeader) return;
    const before = nameFirst.exec(line) ? null : colourFirst.exec(line);
    const found = before ? [before[4], ...before.slice(1, 4)] : nameFirst.exec(line)?.slice(1);
    const [red = 256, green = 256, blue = 256] = (found ?? []).slice(1, 4).map(Number);
    if (!found || Math.max(red, green, blue) > 255)
      throw new DataError(
        `line ${at + 1} of ${where} is no class and colour: "${line.slice(0, 60)}". Write name, red, green, blue: road 128 64 128`,
        { path: where, actual: line },
      );
    entries.push([(found[0] ?? '').trim(), [red, green, blue]]);
  });
  return colourTable(entries, where, classes);
}
