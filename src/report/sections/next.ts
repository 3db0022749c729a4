/** What to type next. */
import { html } from '../markup.js';
import type { Section } from './section.js';

export const next: Section = {
  id: 'next',
  title: 'Next',
  render: ({ next: commands = [] }) =>
    commands.length === 0
      ? undefined
      : html`<ul class="commands">${commands.map(
          (command) =>
            html`<li><code>${command}</code><button type="button" class="copy" aria-label="Copy: ${command}" hidden>Copy</button></li>`,
        )}</ul>`,
};
