/** Plain text tables: columns aligned by spaces, numbers to the right, nothing drawn. */

import { printable } from './progress-format.js';

/** How a column stands; text goes left and figures right. */
export type Align = 'left' | 'right';

/** One row of cells. */
export type Row = readonly string[];

/**
 * Rows under a heading, each line indented by two spaces; cells are two spaces apart.
 * @param align by column; left where it is not given.
 */
export function textTable(
  heading: Row,
  rows: readonly Row[],
  align: readonly Align[] = [],
): string {
  // Cells come from files, too: names of images, classes and nodes.
  const all = (heading.length === 0 ? rows : [heading, ...rows]).map((row) => row.map(printable));
  // Not as arguments of one call, of which some hundred thousand rows would be too many.
  const columns = all.reduce((most, row) => Math.max(most, row.length), 0);
  const widths = Array.from({ length: columns }, (_, i) =>
    all.reduce((widest, row) => Math.max(widest, displayWidth(row[i] ?? '')), 0),
  );
  return all
    .map((row) =>
      `  ${widths
        .map((width, i) => {
          const cell = row[i] ?? '';
          const gap = ' '.repeat(width - displayWidth(cell));
          return align[i] === 'right' ? gap + cell : cell + gap;
        })
        .join('  ')}`.trimEnd(),
    )
    .join('\n');
}

/** Characters rather than UTF-16 units; wide scripts are not told apart. */
function displayWidth(text: string): number {
  return [...text].length;
}

/** `98.94 %`; a figure over nothing is `-`. */
export function percent(share: number, digits = 2): string {
  return Number.isNaN(share) ? '-' : `${(100 * share).toFixed(digits)} %`;
}

/** `60,000`, of a whole number; without the tables of languages, which take a while to load. */
export function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 image`, `2 images`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}
