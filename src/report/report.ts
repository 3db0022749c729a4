/**
 * A run as one HTML file that needs nothing else: no server, no network, no library. The policy in its head
 * allows exactly the style sheet and the script of this page, by hash, and images from inside the file.
 */
import { createHash } from 'node:crypto';
import { html, Markup } from './markup.js';
import { script } from './page/script.js';
import { style } from './page/style.js';
import type { ReportFigure, RunReport } from './run-report.js';
import { sections } from './sections/table.js';

export type * from './run-report.js';

/**
 * The page, UTF-8 text beginning with its doctype. The same data give the same text.
 * @throws DataError where an image's pixels do not fit its size
 */
export function renderReport(data: RunReport): string {
  const parts = sections.flatMap(({ id, title, render }) => {
    const body = render(data);
    return body === undefined ? [] : [{ id, title, body }];
  });
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${data.title} · ${data.subtitle}</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header>${mark}<div><h1>${data.title}</h1><p>${data.subtitle}</p></div></header>
<nav aria-label="Contents"><ol>${parts.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ol></nav>
<main id="main">
${data.figures.length > 0 && html`<dl class="figures">${data.figures.map(figure)}</dl>`}
${parts.map(
  ({ id, title, body }) =>
    html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}
</section>
`,
)}</main>
<script>${new Markup(script)}</script>
</body>
</html>
`.text;
}

function figure({ name, value, note }: ReportFigure): Markup {
  return html`<div><dt>${name}</dt><dd><span class="value">${value}</span>${note !== undefined && html`<span class="note">${note}</span>`}</dd></div>`;
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

const policy = [
  "default-src 'none'",
  `style-src ${hashOf(style)}`,
  `script-src ${hashOf(script)}`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** A tree on a lattice, which is what an espalier is. */
const mark = html`<svg class="mark" viewBox="0 0 40 40" width="40" height="40" aria-hidden="true"><path class="lattice" d="M3 9H37M3 19H37M3 29H37"/><path d="M20 38V5M20 33C20 29 16 29 12 29H6M20 33C20 29 24 29 28 29H34M20 23C20 19 16 19 13 19H9M20 23C20 19 24 19 27 19H31M20 13C20 9 18 9 16 9H13M20 13C20 9 22 9 24 9H27"/></svg>`;
