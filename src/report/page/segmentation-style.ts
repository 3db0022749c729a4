/** How the sections of segmenters look. */
export const segmentationStyle = `
.swatch { vertical-align: -0.1em; margin-right: 0.5rem; flex: none; }
.swatch rect { stroke: var(--ink); stroke-opacity: 0.25; }
.wide { overflow-x: auto; }
.per-class { width: 100%; margin: 0; }
.per-class th[scope="row"] { color: var(--ink); white-space: nowrap; }
.per-class th, .per-class td { padding: 0.3rem 1.25rem 0.3rem 0; vertical-align: middle; white-space: nowrap; }
.per-class td, .per-class thead th:not(:first-child) { text-align: right; }
.per-class th:last-child, .per-class td:last-child { padding-right: 0; }
.per-class .bar { width: 26%; min-width: 7rem; padding-right: 0.75rem; }
.per-class .bar svg { display: block; }
.per-class .track { fill: var(--raised); }
.per-class .iu { fill: var(--accent); }
.per-class .absent th, .per-class .absent td { color: var(--muted); }
.per-class .absent .track { fill: none; }
.per-class tfoot th, .per-class tfoot td { border-bottom: 0; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 1.25rem; margin: 0 0 1.5rem; padding: 0; list-style: none; font-size: 0.8125rem; }
.legend li { display: flex; align-items: center; }
.half { margin: 1.75rem 0 0.75rem; }
.scenes { display: grid; gap: 1.5rem; }
.scene { margin: 0; break-inside: avoid; }
.scene figcaption { margin-bottom: 0.4rem; font-size: 0.875rem; overflow-wrap: anywhere; }
.scene figcaption span, .panels span { color: var(--muted); }
.scene figcaption span { margin-left: 0.5rem; }
.panels { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 0.5rem; }
.panels img { width: 100%; height: auto; border-radius: 2px; }
.panels span { display: block; margin-top: 0.2rem; font-size: 0.78125rem; }
.panels span.wrong { color: var(--wrong); }
@media (max-width: 44rem) {
  .panels { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}`;
