/** What it took to fool a classifier: the paper's table, success by what was spent, and where images were changed. */
import { countsAsHeat, heatColour } from '../heat.js';
import { html, type Markup } from '../markup.js';
import { picture } from '../plots/image-grid.js';
import type { ReportAttack } from '../run-report.js';
import { chart } from './curves.js';
import type { Section } from './section.js';

/** How the map of changed pixels is shown. */
export const defaults = {
  /** Longest side, in CSS pixels. */
  size: 260,
  /** Squares of the map's scale, and their width and height. */
  steps: 24,
  step: 6,
  line: 10,
};

export const attack: Section = {
  id: 'attack',
  title: 'What it takes',
  render: ({ attack: data }) =>
    data === undefined || data.rows.length === 0
      ? undefined
      : html`<div class="wide"><table class="per-class figures-of">
<thead><tr><th scope="col"></th>${data.columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${data.rows.map(
          ({ name, values }) =>
            html`<tr><th scope="row">${name}</th>${values.map((value) => html`<td>${value}</td>`)}</tr>`,
        )}</tbody></table></div>
<p class="note">As in tables 4 to 6 of the paper: errors of all images, the others means over the images fooled; seconds and queries over all attacked.</p>
<div class="charts">${data.curves.map(chart)}${data.touched && where(data.touched, data.fooled)}</div>`,
};

/** Where the images that were fooled were changed, over all of them. */
function where(
  { width, height, counts }: NonNullable<ReportAttack['touched']>,
  fooled: number,
): Markup {
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  const image = { width, height, channels: 3 as const, pixels: countsAsHeat(counts) };
  const caption = `How often each pixel was changed in ${fooled} images`;
  const { size, steps, step, line } = defaults;
  return html`<figure class="chart map"><figcaption><h3>Where images were changed</h3></figcaption>${picture({ ...image, caption }, { size, stored: size })}
<p class="note">in no image <svg width="${steps * step}" height="${line}" aria-hidden="true">${Array.from({ length: steps }, (_, i) => html`<rect x="${i * step}" width="${step + 0.5}" height="${line}" fill="rgb(${heatColour(i / (steps - 1)).join(' ')})"/>`)}</svg> in ${most} of ${fooled}</p></figure>`;
}
