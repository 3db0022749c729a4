/** Images that fool a classifier beside their originals, and which pixels it took. */
import { html, type Markup } from '../markup.js';
import { picture } from '../plots/image-grid.js';
import type { ClassProbability, ReportAdversarial } from '../run-report.js';
import type { Section } from './section.js';

/** How pictures are shown: side in CSS pixels. */
export const defaults = { size: 112 };

export const adversarial: Section = {
  id: 'adversarial',
  title: 'What fools it',
  render: ({ adversarial: all = [] }) =>
    all.length === 0 ? undefined : html`<div class="scenes">${all.map(card)}</div>`,
};

function card(one: ReportAdversarial): Markup {
  const { width, height, channels, truth, predicted, pixels, queries } = one;
  const panel = (name: string, data: Uint8Array, of: 1 | 3): Markup =>
    html`<div>${picture(
      { width, height, channels: of, pixels: data, caption: `${truth}: ${name}` },
      { size: defaults.size },
    )}<span>${name}</span></div>`;
  return html`<figure class="scene"><figcaption><b>${truth}</b> becomes <b>${predicted}</b>: ${pixels} pixels, ${queries} queries. Before ${listed(one.before)}; after ${listed(one.after)}</figcaption>
<div class="panels">${panel('original', one.original, channels)}${panel('adversarial', one.adversarial, channels)}${panel('difference', differenceOf(one), channels)}${panel('touched pixels', one.touched, 1)}</div></figure>
`;
}

/** Grey where nothing changed; brighter and darker by half of the change. */
function differenceOf({ original, adversarial: changed }: ReportAdversarial): Uint8Array {
  return original.map((value, i) => 128 + Math.trunc(((changed[i] ?? 0) - value) / 2));
}

const listed = (rows: readonly ClassProbability[]): string =>
  rows
    .slice(0, 2)
    .map(({ name, value }) => `${name} ${(100 * value).toFixed(1)} %`)
    .join(', ');
