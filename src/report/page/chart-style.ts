/** How plots look: thin axes, quiet grids, texts that can be read on any of them. */
import { categoryCount, rampCount } from '../plots/palette.js';

const charts = `
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 2.25rem 2.5rem; }
/* An odd chart out would leave a hole at the end: the first one takes the whole row. */
.chart:first-child:nth-last-child(odd) { grid-column: 1 / -1; }
.chart { position: relative; margin: 0; min-width: 0; break-inside: avoid; }
.chart figcaption { display: flex; justify-content: space-between; align-items: center; min-height: 1.75rem; }
.chart .note { margin-top: 0.5rem; }
.scales { display: inline-flex; }
.scales button { border-radius: 0; padding: 0 0.5rem; }
.scales button:first-child { border-radius: 4px 0 0 4px; }
.scales button:last-child { border-radius: 0 4px 4px 0; border-left: 0; }
.scales [aria-pressed="true"] { color: var(--paper); background: var(--muted); border-color: var(--muted); }
svg text { font-size: 12px; fill: var(--muted); }
.line-chart { display: block; overflow: visible; margin: 2rem 0 2rem 46px; touch-action: pan-y; }
.line-chart.margin-small { width: calc(100% - 46px - 72px); }
.line-chart.margin-medium { width: calc(100% - 46px - 104px); }
.line-chart.margin-large { width: calc(100% - 46px - 142px); }
.line-chart:focus-visible { outline: none; }
.frame { display: flow-root; }
.frame:has(:focus-visible) { outline: 2px solid var(--accent); outline-offset: 1px; border-radius: 4px; }
.axis text { font-size: 11.5px; }
.axis .y, text.end { text-anchor: end; }
.axis .x, text.middle { text-anchor: middle; }
text.start { text-anchor: start; }
.grid { stroke: var(--grid); }
.base, .tick { stroke: var(--muted); stroke-opacity: 0.7; }
.plot { overflow: visible; }
.line { fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.line.dashed { stroke-dasharray: 5 4; }
.band { fill: currentColor; fill-opacity: 0.16; }
.ends circle, .cursor circle { fill: currentColor; }
.ends text { fill: var(--ink); }
.ends path.lead { fill: none; stroke: var(--muted); stroke-opacity: 0.5; }
.ends line.lead { stroke: var(--muted); stroke-opacity: 0.4; stroke-dasharray: 1 3; }
.cursor { pointer-events: none; }
.cursor line { stroke: var(--ink); stroke-opacity: 0.45; }
.cursor circle { stroke: var(--paper); stroke-width: 1.5; }
.readout { display: grid; grid-template-columns: 0.6rem auto auto auto; gap: 0 0.5rem; position: absolute; z-index: 1; pointer-events: none; padding: 0.4rem 0.6rem; border: 1px solid var(--rule); border-radius: 5px; background: var(--paper); box-shadow: 0 2px 10px rgb(0 0 0 / 0.12); font-size: 0.78125rem; line-height: 1.45; white-space: nowrap; }
.readout p { grid-column: 1 / -1; color: var(--muted); }
.readout div { display: contents; }
.readout i { align-self: center; height: 3px; border-radius: 2px; background: currentColor; }
.readout b { text-align: right; padding-left: 0.5rem; }
.readout small { align-self: center; color: var(--muted); }`;

const matrices = `
.matrix { overflow-x: auto; }
.matrix .note { margin-top: 0.5rem; }
.confusion-matrix { display: block; max-width: 100%; height: auto; }
/* Long names would become unreadable on a telephone: there it scrolls. */
.confusion-matrix.large { min-width: 32.5rem; }
.confusion-matrix rect { fill: var(--raised); }
.confusion-matrix text { font-size: 13px; }
.confusion-matrix .axis-label { font-size: 12px; }
.confusion-matrix .name { fill: var(--ink); }
.confusion-matrix .error { text-anchor: end; }
.cell text { text-anchor: middle; pointer-events: none; fill: var(--ink); }
.confusion-matrix .long { font-size: 11.5px; }
.cell.right rect { fill: var(--grid); }
.cell.right text { fill: var(--muted); }
.cell rect.shade { fill: var(--shade); }
.cell.deep text { fill: var(--on-wrong); font-weight: 600; }
.cell[role="button"] { cursor: pointer; }
.cell[role="button"]:hover .shade, .cell.chosen .shade { stroke: var(--ink); stroke-width: 1.5; }
.cell:focus-visible { outline: none; }
.cell:focus-visible .shade { stroke: var(--ink); stroke-width: 2.5; }
.probability-bars { display: block; }
.probability-bars text { font-size: 11.5px; }
.probability-bars .value { text-anchor: end; }
.probability-bars .track { fill: var(--raised); }
.probability-bars .predicted { fill: var(--wrong); }
.probability-bars .truth { fill: var(--right); }
.probability-bars .other { fill: var(--muted); fill-opacity: 0.6; }
@media (forced-colors: active) {
  .probability-bars rect, .cell rect { forced-color-adjust: none; }
}`;

function classes(prefix: string, count: number): string {
  const one = (_: unknown, i: number) => `.${prefix}${i} { color: var(--${prefix}${i}); }`;
  return Array.from({ length: count }, one).join('\n');
}

/** The part of the style sheet that plots need. */
export const chartStyle = `${charts}${matrices}
${classes('c', categoryCount)}
${classes('r', rampCount)}
`;
