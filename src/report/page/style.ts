/**
 * The style sheet. Light is the base and what is printed; dark is a set of other values for the same
 * variables. Colours of series: see `plots/palette.ts`.
 */
import { attackStyle } from './attack-style.js';
import { chartStyle } from './chart-style.js';
import { outsideStyle } from './outside-style.js';
import { segmentationStyle } from './segmentation-style.js';

const colours = `
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --raised: #f4f4f0; --ink: #1c1f23; --muted: #5f656e; --rule: #deded8; --grid: #e9e9e4;
  --accent: #22684a; --wrong: #c8501a; --right: #22684a; --on-wrong: #fff; --shade: #c85200;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #e69f00; --c4: #b5689a; --c5: #56b4e9; --c6: #4b4f56;
  --r0: #440154; --r1: #482576; --r2: #414487; --r3: #35608d; --r4: #2a788e; --r5: #21908c; --r6: #22a884; --r7: #43bf71; --r8: #85d04a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --raised: #1d2125; --ink: #e9e7e2; --muted: #9ba1a9; --rule: #333940; --grid: #262b30;
    --accent: #7cc8a0; --wrong: #f58a55; --right: #7cc8a0; --on-wrong: #fff; --shade: #c8501c;
    --c0: #4aa8e0; --c1: #f0803c; --c2: #2fc195; --c3: #f0b429; --c4: #d893bb; --c5: #9fd6f7; --c6: #b9bdc4;
    --r0: #7d6fd0; --r1: #6480d2; --r2: #4c92cc; --r3: #38a3c0; --r4: #2fb1ad; --r5: #3fbf8f; --r6: #6bcb6b; --r7: #a5d64a; --r8: #e6dc3c;
  }
}`;

const page = `
*, *::before, *::after { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 2.5rem) 4rem; max-width: 73rem;
  background: var(--paper); color: var(--ink);
  font: 400 0.9375rem/1.5 -apple-system, BlinkMacSystemFont, "Segoe UI", Inter, "Noto Sans", "Liberation Sans", system-ui, sans-serif;
  font-variant-numeric: tabular-nums;
}
h1, h2 { font-family: "Iowan Old Style", "Palatino Linotype", Palatino, P052, "Source Serif 4", "Liberation Serif", Georgia, serif; font-weight: 500; line-height: 1.15; letter-spacing: -0.01em; }
h1 { margin: 0; font-size: clamp(1.75rem, 1.3rem + 2vw, 2.5rem); }
h2 { margin: 0 0 1.25rem; font-size: 1.5rem; }
h3 { margin: 0; font-size: 0.9375rem; font-weight: 600; }
p { margin: 0; }
a { color: var(--accent); text-underline-offset: 0.2em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 0.5rem; }
header { display: flex; align-items: center; gap: 1rem; }
header p { color: var(--muted); font-size: 1.0625rem; }
.mark { flex: none; width: 3rem; height: 3rem; fill: none; stroke: var(--accent); stroke-width: 1.8; stroke-linecap: round; }
.mark .lattice { stroke: var(--rule); stroke-width: 1.2; }
nav { margin: 1.25rem 0 0; }
nav ol { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 0; padding: 0; list-style: none; font-size: 0.875rem; }
nav a { color: var(--muted); text-decoration: none; }
nav a:hover { color: var(--accent); text-decoration: underline; }
section { margin-top: 3rem; padding-top: 1.75rem; border-top: 1px solid var(--rule); }
.lead { margin: -0.75rem 0 1.25rem; color: var(--muted); max-width: 46rem; text-wrap: pretty; }
.note { color: var(--muted); font-size: 0.8125rem; }
button { font: inherit; font-size: 0.8125rem; color: var(--muted); background: none; border: 1px solid var(--rule); border-radius: 4px; padding: 0.1rem 0.5rem; cursor: pointer; }
button:hover { color: var(--ink); border-color: var(--muted); }
summary { cursor: pointer; color: var(--accent); width: fit-content; }
[hidden] { display: none !important; }

.figures { display: flex; flex-wrap: wrap; align-items: start; gap: 1.5rem 3.5rem; margin: 2.25rem 0 0; }
.figures dt { color: var(--muted); font-size: 0.875rem; }
.figures dd { margin: 0; }
/* Small and large numbers stand on one line. */
.figures .value { display: block; font-size: 1.75rem; font-weight: 500; line-height: 1; padding: 1.05rem 0 0.55rem; letter-spacing: -0.02em; white-space: nowrap; }
.figures > :first-child .value { font-size: 3rem; padding: 0.15rem 0 0.2rem; color: var(--accent); }
.figures .note { display: block; }

img { display: block; background: var(--raised); }
img.crisp { image-rendering: pixelated; }
.images { display: flex; flex-wrap: wrap; gap: 3px; }
.images figure { margin: 0 6px 6px 0; width: min-content; min-width: 4.5rem; }
.images figcaption { font-size: 0.75rem; color: var(--muted); overflow-wrap: anywhere; line-height: 1.3; padding-top: 3px; }
.classes { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20.5rem), 1fr)); gap: 1.25rem 1rem; }
.named .class { grid-template-columns: minmax(0, 1fr); align-content: start; gap: 0.35rem; }
.named .class h3 { max-width: none; }
.class .images { max-width: 18.5rem; }
.class { display: grid; grid-template-columns: minmax(1.25rem, auto) 1fr; gap: 0.75rem; align-items: start; break-inside: avoid; }
.class h3 { padding-top: 0.1rem; color: var(--muted); overflow-wrap: anywhere; max-width: 7rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17.5rem), 1fr)); gap: 1.25rem 2rem; }
.mistake { display: grid; grid-template-columns: 84px minmax(0, 1fr); gap: 0.875rem; align-items: start; margin: 0; break-inside: avoid; }
.mistake figcaption { display: grid; gap: 0.25rem; }
.verdict { line-height: 1.3; overflow-wrap: anywhere; }
b { font-weight: 600; }
b.truth { color: var(--right); }
b.predicted { color: var(--wrong); }
.more { margin-top: 1.25rem; }
.more .cards { margin-top: 1.25rem; }
.triples { display: flex; flex-wrap: wrap; gap: 1rem 0.75rem; }
.triple { display: grid; gap: 3px; break-inside: avoid; }

.beside { display: grid; grid-template-columns: minmax(0, max-content) minmax(min(100%, 17rem), 1fr); gap: 2rem 3.5rem; align-items: start; }
.pairs ol { margin: 0.5rem 0 0.75rem; padding: 0; list-style: none; max-width: 24rem; }
.pairs li > * { display: grid; grid-template-columns: 1fr auto; gap: 0 1rem; padding: 0.3rem 0; color: inherit; text-decoration: none; }
.pairs svg { grid-column: 1 / -1; display: block; fill: var(--shade); }
.pairs a:hover b { text-decoration: underline; text-underline-offset: 0.2em; }
.pairs .count { color: var(--muted); }
#confusion-images { margin-top: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
#confusion-images .verdict { display: none; }
.pairs a[aria-pressed="true"] { background: var(--raised); box-shadow: 0 0 0 0.3rem var(--raised); border-radius: 2px; }

.commands { margin: 0; padding: 0; list-style: none; display: grid; gap: 0.5rem; }
.commands li { display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding: 0.55rem 0.75rem; background: var(--raised); border-radius: 5px; }
code, td, dd { overflow-wrap: anywhere; }
code, #config td, #config th { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.8125rem; }
.commands code::before { content: "$ "; color: var(--muted); user-select: none; }
table { border-collapse: collapse; margin-top: 0.75rem; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 1.5rem 0.2rem 0; border-bottom: 1px solid var(--grid); }
th { font-weight: 400; color: var(--muted); }
#provenance dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: 0.75rem 2rem; margin: 0; font-size: 0.875rem; }
#provenance dt { color: var(--muted); font-size: 0.8125rem; }
#provenance dd { margin: 0; }

@media (max-width: 60rem) {
  .beside { grid-template-columns: minmax(0, 1fr); }
}
@media (min-width: 88rem) {
  body { max-width: 86rem; display: grid; grid-template-columns: 10rem minmax(0, 1fr); gap: 0 3rem; }
  header { grid-column: 2; }
  nav { grid-column: 1; grid-row: 2; position: sticky; top: 2rem; align-self: start; margin-top: 2.75rem; }
  nav ol { display: grid; gap: 0.5rem; }
  main { grid-column: 2; grid-row: 2; }
}
@media print {
  body { padding: 0; max-width: none; font-size: 9.5pt; background: none; }
  nav, button, .scales, .skip, #confusion-says, #confusion-images, details.more:not([open]) { display: none !important; }
  section { margin-top: 1.25rem; padding-top: 1rem; }
  h2, h3, .lead { break-after: avoid; }
  svg, img, rect, path { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
@media (prefers-reduced-motion: reduce) {
  html { scroll-behavior: auto; }
}`;

/** All of it, as it goes into the page. */
export const style = `${colours}${page}${chartStyle}${segmentationStyle}${attackStyle}${outsideStyle}`;
