/** Counts of truth against prediction. The diagonal is only grey, so that the eye goes to the mistakes. */
import { html, type Markup } from '../markup.js';
import { cut, percent } from './label.js';

/** What may be changed, and what it is unless changed. */
export const defaults = {
  /** Side of a cell, in CSS pixels, up to 12 classes; more classes get smaller cells. */
  cell: 36,
  /** Room that the cells share where there are many classes. */
  room: 560,
  /** Cells smaller than this show no number. */
  smallestText: 22,
  /** Characters that a class name is cut to. */
  labelLength: 12,
};

/** What is drawn. */
export interface ConfusionMatrixData {
  readonly classes: readonly string[];
  /** Counts, `matrix[truth][predicted]`. */
  readonly matrix: readonly (readonly number[])[];
  /** Of pixels, which are millions, cells show per cent of their row. Images where left out. */
  readonly unit?: 'images' | 'pixels';
  /** Whether cells with mistakes are buttons, for a script that shows their images. */
  readonly buttons?: boolean;
}

interface Layout {
  readonly cell: number;
  readonly left: number;
  readonly top: number;
  readonly names: readonly string[];
  readonly slanted: boolean;
}

/** Largest share of its row that a kind of mistake has, 0..1: where the shade is deepest. */
export function worstShare(matrix: ConfusionMatrixData['matrix']): number {
  let worst = 0;
  matrix.forEach((row, truth) => {
    row.forEach((count, predicted) => {
      if (predicted !== truth) worst = Math.max(worst, count / total(row));
    });
  });
  return worst;
}

function total(row: readonly number[]): number {
  return row.reduce((sum, count) => sum + count, 0) || 1;
}

/** The matrix as one `<svg>`: rows truth, columns prediction, the error of each class at the right. */
export function confusionMatrix(
  data: ConfusionMatrixData,
  options: Partial<typeof defaults> = {},
): Markup {
  const settings = { ...defaults, ...options };
  const layout = layOut(data.classes, settings);
  const { cell, left, top } = layout;
  const side = cell * data.classes.length;
  const [width, height] = [left + side + 56, top + side + 4];
  const worst = worstShare(data.matrix);
  return html`<svg class="confusion-matrix${width > 520 && ' large'}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="group" aria-label="Confusion matrix: rows are the truth, columns the prediction">
<text class="axis-label" x="0" y="11">truth ↓</text><text class="axis-label" x="${left}" y="11">predicted →</text>
<text class="axis-label end" x="${width}" y="${top - 8}">error</text>
${columnNames(layout)}
${data.matrix.map((row, truth) => matrixRow(data, row, truth, worst, layout, settings))}
</svg>`;
}

function layOut(classes: readonly string[], settings: typeof defaults): Layout {
  const names = classes.map((name) => cut(name, settings.labelLength));
  const longest = Math.max(1, ...names.map((name) => Array.from(name).length));
  const cell = Math.max(5, Math.min(settings.cell, Math.floor(settings.room / classes.length)));
  const slanted = longest * 7 > cell - 4;
  return {
    cell,
    left: Math.max(46, longest * 7.6 + 14),
    top: slanted ? 26 + Math.round(longest * 5.4) + 8 : 42,
    names,
    slanted,
  };
}

function columnNames({ names, cell, left, top, slanted }: Layout): Markup[] {
  return names.map((name, i) => {
    const x = left + (i + 0.5) * cell;
    const turn = slanted && html` transform="rotate(-45 ${x} ${top - 8})"`;
    return html`<text class="name ${slanted ? 'start' : 'middle'}" x="${x}" y="${top - 8}"${turn}>${name}</text>`;
  });
}

function matrixRow(
  data: ConfusionMatrixData,
  row: readonly number[],
  truth: number,
  worst: number,
  layout: Layout,
  settings: typeof defaults,
): Markup {
  const { cell, left, top, names } = layout;
  const y = top + truth * cell;
  const middle = y + cell / 2;
  const right = left + cell * names.length;
  const seen = row.some((count) => count > 0);
  const error = seen ? percent(1 - (row[truth] ?? 0) / total(row)) : '–';
  return html`<text class="name end" x="${left - 8}" y="${middle}" dy=".32em">${names[truth]}</text>
${row.map((count, predicted) => {
  const share = count / total(row);
  const shown = data.unit === 'pixels' ? Math.round(100 * share) : count;
  const kind = truth === predicted && seen ? 'right' : shown === 0 ? 'none' : 'wrong';
  const depth = worst === 0 ? 0 : share / worst;
  const [truthName = '', predictedName = ''] = [data.classes[truth], data.classes[predicted]];
  const amount =
    data.unit === 'pixels'
      ? `${percent(share)} of ${truthName}`
      : `${count} (${percent(share)} of ${truthName})`;
  const says = `${truthName} taken for ${predictedName}: ${amount}`;
  const button =
    kind === 'wrong' &&
    data.buttons === true &&
    html` role="button" tabindex="-1" aria-label="${says}" data-truth="${truthName}" data-predicted="${predictedName}" data-count="${count}"`;
  return html`<g class="cell ${kind}${kind === 'wrong' && depth > 0.8 ? ' deep' : ''}" data-row="${truth}" data-column="${predicted}"${button}>${
    kind !== 'none' &&
    html`<title>${kind === 'right' ? recognised(truthName, count, share, data.unit) : says}</title>`
  }<rect x="${left + predicted * cell}" y="${y}" width="${cell - 1}" height="${cell - 1}"/>${
    kind === 'wrong' &&
    html`<rect class="shade" x="${left + predicted * cell}" y="${y}" width="${cell - 1}" height="${cell - 1}" fill-opacity="${Math.round(100 * (0.1 + 0.9 * depth)) / 100}"/>`
  }${
    kind !== 'none' &&
    cell >= settings.smallestText &&
    html`<text x="${left + (predicted + 0.5) * cell - 0.5}" y="${middle}" dy=".34em"${shown > 999 && html` class="long"`}>${shown}</text>`
  }</g>`;
})}
<text class="error" x="${right + 52}" y="${middle}" dy=".32em">${cell >= 10 && error}</text>`;
}

function recognised(
  name: string,
  count: number,
  share: number,
  unit: ConfusionMatrixData['unit'],
): string {
  const amount = unit === 'pixels' ? percent(share) : `${count} (${percent(share)})`;
  return `${name} recognised: ${amount}`;
}
