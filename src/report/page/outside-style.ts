/** How the sections about what lies outside, and about calibration, look. */
export const outsideStyle = `
.outside-table { width: 100%; }
.outside-table th[scope="row"] { color: var(--ink); white-space: nowrap; }
.outside-table td, .outside-table thead th { white-space: nowrap; }
.outside-table thead th:nth-last-child(-n+6), .outside-table td { text-align: right; }
.outside-table td.name { text-align: left; }
.outside-table small { display: block; color: var(--muted); font-size: 0.71875rem; line-height: 1.2; }
.outside-table th:last-child, .outside-table td:last-child { padding-right: 0; }
.legend i { width: 0.8rem; height: 0.8rem; margin-right: 0.5rem; border-radius: 2px; background: currentColor; opacity: 0.55; }
.legend li > span { color: var(--ink); }
.histograms { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); gap: 1rem 2.5rem; }
.histogram { display: block; overflow: visible; width: calc(100% - 46px); margin: 2rem 0 2.75rem 46px; }
.histogram .x { text-anchor: middle; }
.histogram .area { fill: currentColor; fill-opacity: 0.4; stroke: currentColor; stroke-width: 1.25; vector-effect: non-scaling-stroke; }
.histogram .threshold { stroke: var(--ink); stroke-dasharray: 4 3; }
.reliabilities { display: flex; flex-wrap: wrap; gap: 1.5rem 3rem; margin-bottom: 0.75rem; }
.reliabilities .chart { max-width: 100%; }
.reliability-diagram { display: block; max-width: 100%; height: auto; margin-top: 0.5rem; }
.reliability-diagram text { font-size: 11.5px; }
.reliability-diagram .right { fill: var(--c0); fill-opacity: 0.55; }
.reliability-diagram .over { fill: var(--c1); fill-opacity: 0.6; }
.reliability-diagram .under { fill: var(--c2); fill-opacity: 0.6; }
.reliability-diagram .count { fill: var(--muted); fill-opacity: 0.6; }
.reliability-diagram .diagonal { stroke: var(--ink); stroke-opacity: 0.55; stroke-dasharray: 4 3; }
`;
