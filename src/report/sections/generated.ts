/** What a generator made as it learnt, a row for each moment (Lee et al. 2018, figure 1, for images). */
import { html } from '../markup.js';
import { picture } from '../plots/image-grid.js';
import type { Section } from './section.js';

export const generated: Section = {
  id: 'generated',
  title: 'What the generator makes',
  render: ({ generated: all = [] }) =>
    all.length === 0
      ? undefined
      : html`<p class="lead">Of 64 images of the same latents, those that the classifier is surest of, the surest first. Mean confidence is over all 64.</p>
<div class="classes named">${all.map(
          ({ epoch, confidence, images }) =>
            html`<div class="class"><h3>epoch ${Number(epoch.toFixed(2))}, mean confidence ${confidence.toFixed(2)}</h3><div class="images">${images.map((image) => picture(image))}</div></div>
`,
        )}</div>`,
};
