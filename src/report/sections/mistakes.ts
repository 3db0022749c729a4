/** Images that were taken for another class, the most confident first: those teach the most. */
import { html, type Markup } from '../markup.js';
import { picture } from '../plots/image-grid.js';
import { probabilityBars } from '../plots/probability-bars.js';
import type { ReportMistake } from '../run-report.js';
import type { Section } from './section.js';

/** How much is shown. */
export const defaults = {
  /** Shown at once; the others unfold. */
  shown: 12,
  /** Kept in the report, for its size. */
  most: 150,
};

export const mistakes: Section = {
  id: 'mistakes',
  title: 'Mistakes',
  render: ({ mistakes: all = [] }) => {
    if (all.length === 0) return undefined;
    const kept = [...all].sort((a, b) => confidence(b) - confidence(a)).slice(0, defaults.most);
    const rest = kept.slice(defaults.shown);
    const of = kept.length < all.length ? ` The report keeps ${kept.length} of ${all.length}.` : '';
    return html`<p class="lead">The most confident first.${of}</p>
<div class="cards">${kept.slice(0, defaults.shown).map(card)}</div>
${rest.length > 0 && html`<details class="more"><summary>${rest.length} more</summary><div class="cards">${rest.map(card)}</div></details>`}`;
  },
};

/** The probability that was given to the wrong answer. */
function confidence(mistake: ReportMistake): number {
  return mistake.probabilities.find((entry) => entry.name === mistake.predicted)?.value ?? 0;
}

function card(mistake: ReportMistake): Markup {
  const { truth, predicted } = mistake;
  return html`<figure class="mistake" data-truth="${truth}" data-predicted="${predicted}">${picture(mistake, { size: 84 })}<figcaption><span class="verdict"><b class="truth">${truth}</b> taken for <b class="predicted">${predicted}</b></span>${probabilityBars(mistake)}</figcaption></figure>
`;
}
