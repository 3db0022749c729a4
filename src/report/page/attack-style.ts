/** How the sections about attacks look. */
export const attackStyle = `
.figures-of { width: auto; min-width: 44rem; margin-bottom: 0.5rem; }
#attack .charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); margin-top: 2rem; }
#attack .chart { grid-column: auto; }
.chart.map img { margin-top: 0.75rem; }
.map .note svg { vertical-align: -0.05em; margin: 0 0.35rem; }
.fooled { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 2rem 2.25rem; }
/* One a row: no pixel of a photograph is to fall out. */
.fooled.large { grid-template-columns: minmax(0, 1fr); gap: 2.75rem; }
.fooled.large img.crisp { image-rendering: auto; }
.fooled.large .thoughts { max-width: 44rem; }
.fool { margin: 0; min-width: 0; break-inside: avoid; }
.fool figcaption { display: grid; margin-bottom: 0.4rem; }
.fool .panels { gap: 0.3rem; }
.fool .panels span, .thoughts span { font-size: 0.75rem; color: var(--muted); }
.thoughts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0.3rem 1.25rem; margin-top: 0.5rem; }
@media (max-width: 44rem) {
  .fool .panels { grid-template-columns: repeat(4, minmax(0, 1fr)); }
}`;
