/** What made this run: enough to make it again. */
import { html } from '../markup.js';
import type { Section } from './section.js';

export const provenance: Section = {
  id: 'provenance',
  title: 'Provenance',
  render: (data) => {
    const entries = Object.entries(data.provenance);
    return entries.length === 0
      ? undefined
      : html`<dl>${entries.map(([key, value]) => html`<div><dt>${key}</dt><dd>${value}</dd></div>`)}</dl>`;
  },
};
