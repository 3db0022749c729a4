/** What subsets of layers know of pixels against what they cost, and what each layer knows of position. */
import { html, type Markup } from '../markup.js';
import { percent } from '../plots/label.js';
import { formatTicks, linearTicks, niceDomain } from '../plots/ticks.js';
import type { ReportProbe } from '../run-report.js';
import type { Section } from './section.js';

/** How the plot is drawn. */
export const defaults = {
  /** In units of the drawing, which is stretched to the room that there is. */
  width: 640,
  height: 300,
  margin: { left: 56, right: 20, top: 16, bottom: 40 },
  /** Ticks aimed at on each axis. */
  ticks: 5,
};

export const probe: Section = {
  id: 'probe',
  title: 'Layers and what they know',
  render: ({ probe: data }) =>
    data === undefined || data.rows.length === 0
      ? undefined
      : html`${plot(data)}<div class="wide"><table>
<thead><tr><th scope="col">layers</th><th scope="col">channels</th><th scope="col">mean IU</th><th scope="col">pixels wrong</th><th scope="col">ms</th><th scope="col">MB</th></tr></thead>
<tbody>${data.rows.map(
          (row, i) =>
            html`<tr><th scope="row">${i + 1}. ${row.taps.join(', ')}</th><td>${row.channels}</td><td>${row.meanIu.toFixed(4)}</td><td>${percent(row.error)}</td><td>${row.milliseconds.toFixed(1)}</td><td>${row.megabytes.toFixed(1)}</td></tr>`,
        )}</tbody></table></div>
<p class="note">A linear classifier on each subset, measured on ${data.scenes} held-out scenes; milliseconds of one image of ${data.height} x ${data.width}, megabytes that the layers hold of it. On the line: what no other subset beats in both.</p>
<h3>Where a pixel is, by each layer alone</h3><div class="wide"><table>
<thead><tr><th scope="col">layer</th><th scope="col">stride</th><th scope="col">row told</th><th scope="col">column told</th><th scope="col">off by</th></tr></thead>
<tbody>${data.positions.map(
          (row) =>
            html`<tr><th scope="row">${row.tap}</th><td>${row.stride ?? '–'}</td><td>${percent(row.rows)}</td><td>${percent(row.columns)}</td><td>${percent(row.distance)}</td></tr>`,
        )}</tbody></table></div>
<p class="note">Told: share of the variance of positions that a linear regression on the layer explains, on held-out scenes. Off by: mean distance between where a pixel is and where it is thought to be, in shares of height and width; 38 % if nothing is known.</p>`,
};

/** Points of which none is both quicker and better than another, from left to right. */
export function front(rows: ReportProbe['rows']): number[] {
  const order = rows.map((_, i) => i);
  const at = (i: number) => rows[i] as ReportProbe['rows'][number];
  order.sort((a, b) => at(a).milliseconds - at(b).milliseconds || at(b).meanIu - at(a).meanIu);
  let best = Number.NEGATIVE_INFINITY;
  return order.filter((i) => {
    if (!(at(i).meanIu > best)) return false;
    best = at(i).meanIu;
    return true;
  });
}

/** Mean IU over milliseconds, a numbered point a subset. */
function plot({ rows }: ReportProbe): Markup {
  const { width, height, margin, ticks } = defaults;
  const span = (values: readonly number[]) =>
    niceDomain(Math.min(...values), Math.max(...values), ticks);
  const [left, right] = span([0, ...rows.map((row) => row.milliseconds)]);
  const [low, high] = span(rows.map((row) => row.meanIu));
  const place = (value: number, from: number, to: number): number =>
    to === from ? 0.5 : (value - from) / (to - from);
  const x = (ms: number): number =>
    margin.left + place(ms, left, right) * (width - margin.left - margin.right);
  const y = (iu: number): number =>
    height - margin.bottom - place(iu, low, high) * (height - margin.top - margin.bottom);
  const across = linearTicks(left, right, ticks);
  const up = linearTicks(low, high, ticks);
  const line = front(rows).map((i) => {
    const row = rows[i] as ReportProbe['rows'][number];
    return `${x(row.milliseconds).toFixed(1)},${y(row.meanIu).toFixed(1)}`;
  });
  return html`<svg viewBox="0 0 ${width} ${height}" width="100%" role="img" aria-label="Mean IU of ${rows.length} subsets of layers over milliseconds an image">
${formatTicks(across).map((text, i) => html`<line x1="${x(across[i] ?? 0)}" x2="${x(across[i] ?? 0)}" y1="${margin.top}" y2="${height - margin.bottom}" stroke="currentColor" stroke-opacity="0.15"/><text x="${x(across[i] ?? 0)}" y="${height - margin.bottom + 16}" text-anchor="middle" font-size="11" fill="currentColor">${text}</text>`)}
${formatTicks(up).map((text, i) => html`<line x1="${margin.left}" x2="${width - margin.right}" y1="${y(up[i] ?? 0)}" y2="${y(up[i] ?? 0)}" stroke="currentColor" stroke-opacity="0.15"/><text x="${margin.left - 8}" y="${y(up[i] ?? 0) + 4}" text-anchor="end" font-size="11" fill="currentColor">${text}</text>`)}
<text x="${(margin.left + width - margin.right) / 2}" y="${height - 6}" text-anchor="middle" font-size="11" fill="currentColor">milliseconds an image</text>
<text transform="translate(14 ${(height - margin.bottom + margin.top) / 2}) rotate(-90)" text-anchor="middle" font-size="11" fill="currentColor">mean IU</text>
<polyline points="${line.join(' ')}" fill="none" stroke="currentColor" stroke-opacity="0.45" stroke-width="1.5"/>
${rows.map((row, i) => html`<g><title>${row.taps.join(', ')}: ${row.meanIu.toFixed(4)}, ${row.milliseconds.toFixed(1)} ms</title><circle cx="${x(row.milliseconds)}" cy="${y(row.meanIu)}" r="9" fill="currentColor" fill-opacity="0.12" stroke="currentColor" stroke-width="1.5"/><text x="${x(row.milliseconds)}" y="${y(row.meanIu) + 4}" text-anchor="middle" font-size="11" fill="currentColor">${i + 1}</text></g>`)}
</svg>`;
}
