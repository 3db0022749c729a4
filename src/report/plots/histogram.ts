/**
 * Two sets of numbers in one histogram, and a threshold. As the line chart it is stretched to the room that there is while
 * letters keep their size.
 */
import { html, type Markup } from '../markup.js';
import { formatTicks, linearTicks, niceDomain } from './ticks.js';

/** What may be changed, and what it is unless changed. */
export const defaults = {
  /** Height of the plot without its margins, in CSS pixels. */
  height: 150,
  /** Ticks aimed at on each axis. */
  ticks: 4,
};

/** Shares of a set by bin; all bins are as wide. */
export interface HistogramSeries {
  readonly name: string;
  readonly shares: readonly number[];
}

export interface HistogramData {
  readonly title: string;
  readonly xLabel: string;
  /** Where the first bin begins and the last ends. */
  readonly from: number;
  readonly to: number;
  readonly series: readonly HistogramSeries[];
  /** Drawn as a line, with its name. */
  readonly threshold?: number;
}

/** The plot as one `<svg>`. */
export function histogram(data: HistogramData, options: Partial<typeof defaults> = {}): Markup {
  const { height, ticks } = { ...defaults, ...options };
  const { from, to, series, threshold } = data;
  const most = Math.max(...series.flatMap(({ shares }) => shares), 0.01);
  const [, top] = niceDomain(0, most, ticks);
  const down = (share: number): number => round(height * (1 - share / top));
  const across = (value: number): string => `${round((100 * (value - from)) / (to - from))}%`;
  const up = linearTicks(0, top, ticks);
  const along = linearTicks(from, to, ticks);
  return html`<svg class="histogram" height="${height}" role="img" aria-label="${summary(data)}">
<g class="axis"><text class="axis-label" x="-44" y="-14">↑ share of images, %</text>
${formatTicks(up.map((tick) => 100 * tick)).map((text, i) => html`<line class="grid" x2="100%" y1="${down(up[i] ?? 0)}" y2="${down(up[i] ?? 0)}"/><text class="y" x="-8" y="${down(up[i] ?? 0)}" dy=".32em">${text}</text>`)}
${formatTicks(along).map((text, i) => html`<line class="tick" x1="${across(along[i] ?? 0)}" x2="${across(along[i] ?? 0)}" y1="${height}" y2="${height + 4}"/><text class="x" x="${across(along[i] ?? 0)}" y="${height + 18}">${text}</text>`)}
<text class="x axis-label" x="50%" y="${height + 36}">${data.xLabel}</text></g>
<svg class="plot" viewBox="0 0 1000 ${height}" preserveAspectRatio="none" width="100%" height="${height}">
${series.map(({ shares }, i) => html`<path class="area c${i}" d="${steps(shares, down, height)}"/>`)}
</svg>
<line class="base" x2="100%" y1="${height}" y2="${height}"/>
${threshold !== undefined && threshold >= from && threshold <= to && html`<line class="threshold" x1="${across(threshold)}" x2="${across(threshold)}" y1="-4" y2="${height}"/><svg x="${across(threshold)}" overflow="visible"><text class="${threshold > (from + to) / 2 ? 'end' : 'start'}" x="${threshold > (from + to) / 2 ? -5 : 5}" y="6">threshold</text></svg>`}
</svg>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** The outline of the bins, closed along the base. */
function steps(shares: readonly number[], down: (share: number) => number, height: number): string {
  const width = 1000 / shares.length;
  const tops = shares.map(
    (share, i) => `${round(i * width)},${down(share)}L${round((i + 1) * width)},${down(share)}`,
  );
  return `M0,${height}L${tops.join('L')}L1000,${height}Z`;
}

/** What a reader hears who does not see the drawing. */
function summary({ title, xLabel, from, to, series }: HistogramData): string {
  const parts = series.map(({ name, shares }) => {
    const bin = shares.indexOf(Math.max(...shares));
    const at = from + ((bin + 0.5) * (to - from)) / shares.length;
    return `${name} most often near ${Number(at.toPrecision(3))}`;
  });
  return `${title}: shares of images over ${xLabel}. ${parts.join('; ')}.`;
}
