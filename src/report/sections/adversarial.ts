/** Images that fool a classifier beside their originals: which pixels it took, and what the classifier thought. */
import { changesAsHeat } from '../heat.js';
import { html, type Markup } from '../markup.js';
import { picture } from '../plots/image-grid.js';
import { probabilityBars } from '../plots/probability-bars.js';
import type { ReportAdversarial } from '../run-report.js';
import type { Section } from './section.js';

/** How pictures are shown. */
export const defaults = {
  /** Longest side in the file, in pixels: at their own size single pixels can be seen. */
  stored: 256,
  /** Images wider than this get larger cards. */
  small: 64,
};

export const adversarial: Section = {
  id: 'adversarial',
  title: 'What fools it',
  render: ({ adversarial: all = [], attack }) => {
    if (all.length === 0) return undefined;
    const large = all.some(({ width }) => width > defaults.small);
    const of =
      attack &&
      attack.fooled > all.length &&
      ` The first ${all.length} of ${attack.fooled} images.`;
    return html`<p class="lead">Each image as it was and as it fools the classifier, 8-bit values both. Difference: grey where nothing changed, brighter and darker by half the change. Changes: the changed pixels on the original, the brighter the more.${of}</p>
<div class="fooled${large && ' large'}">${all.map((one) => card(one, large))}</div>`;
  },
};

function card(one: ReportAdversarial, large: boolean): Markup {
  const { width, height, channels, truth, predicted, pixels, queries } = one;
  const image = { width, height, channels, pixels: one.original };
  const panel = (name: string, data: Uint8Array, of: 1 | 3): Markup =>
    html`<div>${picture(
      { width, height, channels: of, pixels: data, caption: `${truth}: ${name}` },
      { size: defaults.stored, stored: defaults.stored },
    )}<span>${name}</span></div>`;
  const bars = (name: string, rows: ReportAdversarial['before']): Markup =>
    html`<div><span>${name}</span>${probabilityBars({ probabilities: rows, truth, predicted }, large ? {} : { end: 64, labelLength: 8 })}</div>`;
  return html`<figure class="fool"><figcaption><span class="verdict"><b class="truth">${truth}</b> taken for <b class="predicted">${predicted}</b></span><span class="note">${counted(pixels, 'pixel')}, ${counted(queries, 'query', 'queries')}</span></figcaption>
<div class="panels">${panel('original', one.original, channels)}${panel('adversarial', one.adversarial, channels)}${panel('difference', differenceOf(one), channels)}${panel('changes', changesAsHeat(image, one.adversarial), 3)}</div>
<div class="thoughts">${bars('before', one.before)}${bars('after', one.after)}</div></figure>
`;
}

/** Grey where nothing changed; brighter and darker by half of the change. */
function differenceOf({ original, adversarial: changed }: ReportAdversarial): Uint8Array {
  return original.map((value, i) => 128 + Math.trunc(((changed[i] ?? 0) - value) / 2));
}

const counted = (count: number, one: string, more = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : more}`;
