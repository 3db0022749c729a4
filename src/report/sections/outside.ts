/** Images from outside: the table in the layout of Lee et al. 2018, and how scores and confidences lie. */
import { html, type Markup } from '../markup.js';
import type { ReportOutside } from '../outside-run.js';
import { type HistogramData, histogram } from '../plots/histogram.js';
import { lineChart } from '../plots/line-chart.js';
import { isSequence, seriesClass } from '../plots/palette.js';

import type { Section } from './section.js';

export const outside: Section = {
  id: 'outside',
  title: 'What lies outside',
  render: ({ outside: data }) =>
    data === undefined || data.rows.length === 0
      ? undefined
      : html`<p class="lead">${data.lead}</p>
${table(data)}
<p class="note">In %, with the 95 % interval of a bootstrap. Refused: above the threshold, which other images set.</p>
${data.histograms.length > 0 && html`<h3 class="half">Images inside and outside</h3>${legend(['inside', 'outside'])}<div class="histograms">${data.histograms.map(figure)}</div>`}
${data.roc.length > 0 && html`<h3 class="half">Kept inside over kept outside</h3>${legend(data.roc[0]?.series.map(({ name }) => name) ?? [])}<div class="charts">${data.roc.map(({ title, series }) => html`<figure class="chart"><figcaption><h3>${title}</h3></figcaption><div class="frame">${lineChart({ title, yLabel: 'inside kept, %', xLabel: 'outside kept, %', series })}</div></figure>`)}</div>`}`,
};

function table({ heading, rows }: ReportOutside): Markup {
  const isOne = rows.every(({ detector }) => detector === rows[0]?.detector);
  return html`<div class="wide"><table class="outside-table">
<thead><tr><th scope="col">out</th>${!isOne && html`<th scope="col">detector</th>`}${heading.map((name) => html`<th scope="col">${name}</th>`)}<th scope="col">refused</th></tr></thead>
<tbody>${rows.map(
    (row, i) =>
      html`<tr><th scope="row">${row.set !== rows[i - 1]?.set && row.set}</th>${!isOne && html`<td class="name">${row.detector}</td>`}${row.cells.map(({ value, low, high }) => html`<td>${value}<small>${low}–${high}</small></td>`)}<td>${row.refused}</td></tr>
`,
  )}</tbody></table></div>`;
}

const legend = (names: readonly string[]): Markup =>
  html`<ul class="legend">${names.map((name, i) => html`<li class="${seriesClass(i, names.length, isSequence(names))}"><i></i><span>${name}</span></li>`)}</ul>`;

const figure = (data: HistogramData): Markup =>
  html`<figure class="chart"><figcaption><h3>${data.title}</h3></figcaption>${histogram(data)}</figure>
`;
