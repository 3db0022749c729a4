/**
 * How often a classifier is right where it is so sure: bars against the diagonal, with the gaps in two colours, and below
 * how often it is so sure.
 */
import { html, type Markup } from '../markup.js';

/** One bin of a diagram; shares in [0, 1]. */
export interface ReliabilityBar {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Mean confidence, and the share that was right. */
  readonly confidence: number;
  readonly accuracy: number;
}

/** How it is drawn, in units of the drawing. */
export const defaults = {
  /** Side of the square. */
  side: 240,
  margin: { left: 44, right: 10, top: 10, bottom: 46 },
  /** Height of the strip of counts between the square and its axis. */
  strip: 36,
};

const marks = [0, 0.25, 0.5, 0.75, 1];

/** The diagram as one `<svg>`. */
export function reliabilityDiagram(bars: readonly ReliabilityBar[]): Markup {
  const { side, margin, strip } = defaults;
  const width = margin.left + side + margin.right;
  const height = margin.top + side + strip + margin.bottom;
  const x = (value: number): number => round(margin.left + value * side);
  const y = (value: number): number => round(margin.top + (1 - value) * side);
  const floor = margin.top + side + strip;
  const filled = bars.filter(({ count }) => count > 0);
  const most = Math.max(...filled.map(({ count }) => count), 1);
  const total = filled.reduce((sum, { count }) => sum + count, 0);
  return html`<svg class="reliability-diagram" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${summary(filled)}">
${marks.map((mark) => html`<line class="grid" x1="${margin.left}" x2="${margin.left + side}" y1="${y(mark)}" y2="${y(mark)}"/><text class="end" x="${margin.left - 6}" y="${y(mark)}" dy=".32em">${mark}</text><text class="middle" x="${x(mark)}" y="${floor + 16}">${mark}</text>`)}
${filled.map((bar) => {
  const left = x(bar.from) + 0.5;
  const wide = round((bar.to - bar.from) * side - 1);
  const [low, high] = [
    Math.min(bar.accuracy, bar.confidence),
    Math.max(bar.accuracy, bar.confidence),
  ];
  const tall = round((strip - 8) * (bar.count / most));
  return html`<g><title>${percentOf(bar.accuracy)} right of ${bar.count} images at ${percentOf(bar.confidence)}</title><rect class="right" x="${left}" y="${y(low)}" width="${wide}" height="${round(low * side)}"/><rect class="${bar.accuracy < bar.confidence ? 'over' : 'under'}" x="${left}" y="${y(high)}" width="${wide}" height="${round((high - low) * side)}"/><rect class="count" x="${left}" y="${round(floor - tall)}" width="${wide}" height="${tall}"/></g>`;
})}
<line class="diagonal" x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}"/>
<line class="base" x1="${x(0)}" x2="${x(1)}" y1="${y(0)}" y2="${y(0)}"/>
<line class="base" x1="${x(0)}" x2="${x(1)}" y1="${floor}" y2="${floor}"/>
<text class="middle axis-label" x="${x(0.5)}" y="${floor + 34}">largest probability of ${total.toLocaleString('en')} images</text>
<text class="middle axis-label" transform="translate(11 ${y(0.5)}) rotate(-90)">share that is right</text>
</svg>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;
const percentOf = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** What a reader hears who does not see the drawing. */
function summary(bars: readonly ReliabilityBar[]): string {
  const parts = bars.map(
    ({ confidence, accuracy }) => `${percentOf(accuracy)} right at ${percentOf(confidence)}`,
  );
  return `Reliability diagram: ${parts.join(', ')}`;
}
