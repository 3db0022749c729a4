/** What the decoder makes of noise. */
import { html } from '../markup.js';
import { picture } from '../plots/image-grid.js';
import type { Section } from './section.js';

export const reconstructions: Section = {
  id: 'reconstructions',
  title: 'Reconstructions',
  render: ({ reconstructions: all = [] }) =>
    all.length === 0
      ? undefined
      : html`<p class="lead">From top to bottom: the clean image, the same with noise, and what the decoder makes of the noisy one.</p>
<div class="triples">${all.map(
          (one) =>
            html`<div class="triple">${[one.clean, one.noisy, one.reconstructed].map((image) => picture(image, { size: 84 }))}</div>`,
        )}</div>`,
};
