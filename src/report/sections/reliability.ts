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
<p class="note">Bars: the share that was right among images of like confidence. Orange: by how much it says too much or too little. Below: how many images there are.</p>`,
};
