/** Which classes are taken for which. */
import { html, type Markup } from '../markup.js';
import { confusionMatrix, worstShare } from '../plots/confusion-matrix.js';
import { percent } from '../plots/label.js';
import type { ReportConfusion } from '../run-report.js';
import type { Section } from './section.js';

/** How much is shown. */
export const defaults = {
  /** More classes than this make no readable matrix; then only the list is shown. */
  mostClasses: 60,
  /** Entries of the list. */
  pairs: 8,
};

export const confusion: Section = {
  id: 'confusion',
  title: 'Confusion',
  render: ({ confusion: data, mistakes }) => {
    if (data === undefined || data.classes.length === 0) return undefined;
    const buttons = (mistakes ?? []).length > 0;
    const readable = data.classes.length <= defaults.mostClasses;
    return html`<div class="beside">
${readable && html`<div class="matrix">${confusionMatrix({ ...data, buttons })}${key(data)}</div>`}
<div class="pairs">${pairs(data, buttons)}<div id="confusion-images" class="cards" hidden></div></div>
</div>`;
  },
};

function key(data: ReportConfusion): Markup | undefined {
  const worst = worstShare(data.matrix);
  if (worst === 0) return undefined;
  return html`<p class="note">${data.unit === 'pixels' && 'Numbers: per cent of the row. '}Shade: share of its row, deepest at ${percent(worst)}. Grey: recognised.</p>`;
}

interface Pair {
  readonly truth: string;
  readonly predicted: string;
  readonly count: number;
  /** Of the truth's row, 0..1. */
  readonly share: number;
}

function pairs({ classes, matrix, unit }: ReportConfusion, buttons: boolean): Markup {
  const pixels = unit === 'pixels';
  const all = matrix.flatMap((row, i) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.flatMap((count, j): Pair[] =>
      i === j || count === 0
        ? []
        : [{ truth: classes[i] ?? '', predicted: classes[j] ?? '', count, share: count / total }],
    );
  });
  if (all.length === 0)
    return html`<p>No ${pixels ? 'pixel' : 'image'} was taken for another class.</p>`;
  // Of pixels, the count would list the large classes alone, whatever is wrong with the others.
  const amount = (pair: Pair): number => (pixels ? pair.share : pair.count);
  const top = all.sort((a, b) => amount(b) - amount(a)).slice(0, defaults.pairs);
  const most = top[0] ? amount(top[0]) : 1;
  return html`<h3>Most often confused</h3>
<ol>${top.map((pair) => {
    const bar = html`<svg width="100%" height="4" aria-hidden="true"><rect width="${Math.round((100 * amount(pair)) / most)}%" height="4"/></svg>`;
    const words = html`<span class="pair"><b>${pair.truth}</b> taken for <b>${pair.predicted}</b></span><span class="count">${pixels ? percent(pair.share) : pair.count}</span>${bar}`;
    return html`<li>${
      buttons
        ? html`<a href="#mistakes" data-truth="${pair.truth}" data-predicted="${pair.predicted}" data-count="${pair.count}">${words}</a>`
        : html`<span>${words}</span>`
    }</li>`;
  })}</ol>
${buttons && html`<p id="confusion-says" class="note" role="status" hidden>Choose a pair, or a cell of the matrix, to see its images.</p>`}`;
}
