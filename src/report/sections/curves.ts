/** What was measured while the run went on. */
import { html, type Markup } from '../markup.js';
import { defaults, lineChart } from '../plots/line-chart.js';
import type { ReportCurve } from '../run-report.js';
import type { Section } from './section.js';

export const curves: Section = {
  id: 'curves',
  title: 'Learning curves',
  render: (data) => {
    const drawn = data.curves.filter((curve) =>
      curve.series.some((series) => series.points.some(([, value]) => Number.isFinite(value))),
    );
    return drawn.length === 0 ? undefined : html`<div class="charts">${drawn.map(chart)}</div>`;
  },
};

/** Both scales are drawn, and one is shown: the choice needs no drawing code in the page. */
export function chart(curve: ReportCurve): Markup {
  const values = curve.series.flatMap((series) => series.points.map(([, value]) => value));
  const finite = values.filter(Number.isFinite);
  const positive = finite.filter((value) => value > 0);
  const canLog = positive.length > 0 && (curve.log === true || positive.length === finite.length);
  const log = canLog && curve.log === true;
  return html`<figure class="chart">
<figcaption><h3>${curve.title}</h3>${canLog && scaleButtons(log)}</figcaption>
${plot(curve, false, log)}
${canLog && plot(curve, true, !log)}
${notes(curve, finite.length - positive.length, values.length - finite.length, canLog)}
</figure>`;
}

function plot(curve: ReportCurve, log: boolean, hidden: boolean): Markup {
  return html`<div class="frame"${hidden && html` hidden`}>${lineChart({ ...curve, log })}</div>`;
}

/** Shown by the script, since nothing happens without it. */
function scaleButtons(log: boolean): Markup {
  return html`<span class="scales" role="group" aria-label="Vertical scale" hidden><button type="button" data-scale="linear" aria-pressed="${String(!log)}">linear</button><button type="button" data-scale="log" aria-pressed="${String(log)}">log</button></span>`;
}

function notes(
  curve: ReportCurve,
  belowZero: number,
  notFinite: number,
  canLog: boolean,
): Markup | undefined {
  const longest = Math.max(...curve.series.map((series) => series.points.length));
  const said = [
    longest > defaults.buckets &&
      `Lines are means of about ${Math.ceil(longest / defaults.buckets)} values; bands reach from the least to the greatest.`,
    canLog &&
      belowZero > 0 &&
      `${belowZero} ${belowZero === 1 ? 'value is' : 'values are'} not above 0 and missing from the logarithmic scale.`,
    notFinite > 0 &&
      `${notFinite} ${notFinite === 1 ? 'value is' : 'values are'} not finite and not drawn.`,
  ].filter((note) => note !== false);
  return said.length === 0 ? undefined : html`<p class="note">${said.join(' ')}</p>`;
}
