/** Whether a classifier is as often right as it says. */
import { html } from '../markup.js';
import { reliabilityDiagram } from '../plots/reliability-diagram.js';
import type { Section } from './section.js';

export const reliability: Section = {
  id: 'reliability',
  title: 'Is it as often right as it says?',
  render: ({ reliability: all = [] }) =>
    all.length === 0
      ? undefined
      : html`<div class="reliabilities">${all.map(({ title, note, bins }) => html`<figure class="chart"><figcaption><h3>${title}</h3></figcaption>${reliabilityDiagram(bins)}<p class="note">${note}</p></figure>`)}</div>
<p class="note">Images of like confidence together. Orange: by how much it says more than is right; green: by how much less. Below: how many images there are.</p>`,
};
