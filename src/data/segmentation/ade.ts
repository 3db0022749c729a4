/**
 * ADE20K as the scene parsing benchmark has it (Zhou et al. 2017): `images/training/x.jpg` with
 * `annotations/training/x.png`, 150 classes numbered from 1; 0 is none of them, and so void.
 * @see http://sceneparsing.csail.mit.edu/
 */
import type { Files } from '../formats/files.js';
import { classNamesOf, type SceneFormat } from './format.js';
import { pairFolders } from './pairs.js';

const tableName = 'objectInfo150.txt';
const imagePattern = /^images\/(training|validation)\/ADE_[^/]+\.jpg$/;
const classCount = 150;

/** The names of the published table (index, ratio, train, val, name: parted by tabs), or the numbers from 1 on. */
async function adeClasses(files: Files): Promise<readonly string[]> {
  const numbers = Array.from({ length: classCount }, (_, id) => String(id + 1));
  if (!files.names.includes(tableName)) return numbers;
  const rows = new TextDecoder().decode(await files.read(tableName)).split(/\r?\n/);
  const names = new Map(
    rows.flatMap((row) => {
      const cells = row.split('\t');
      // Of several names for one thing the first is the usual one.
      const name = cells.at(-1)?.split(/[,;]/)[0]?.trim();
      return /^\d+$/.test(cells[0] ?? '') && name ? [[cells[0] ?? '', name] as const] : [];
    }),
  );
  return numbers.map((number) => names.get(number) ?? number);
}

/** Pairs of folders whose numbers are shifted by one. */
export const ade: SceneFormat = {
  name: 'ADE20K',
  files:
    'images/training/ADE_*.jpg, annotations/training/ADE_*.png, validation/; objectInfo150.txt',
  recognizes: ({ names }) => names.some((name) => imagePattern.test(name)),
  async read(files, options) {
    const classes = (await classNamesOf(files, options)) ?? (await adeClasses(files));
    return pairFolders.read(files, { reduceZeroLabel: true, ...definedOnly(options), classes });
  },
};

/** Without what is there but undefined, so that defaults are not written over. */
function definedOnly<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as T;
}
