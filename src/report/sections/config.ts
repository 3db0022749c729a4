/** The resolved configuration, folded: who wants to repeat the run needs all of it, others none. */
import { html, type Markup } from '../markup.js';
import type { Section } from './section.js';

export const config: Section = {
  id: 'config',
  title: 'Configuration',
  render: (data) => {
    const rows = flatten(data.config, '');
    return rows.length === 0
      ? undefined
      : html`<details><summary>${rows.length} ${rows.length === 1 ? 'setting' : 'settings'}</summary><table>${rows.map(row)}</table></details>`;
  },
};

type Row = readonly [key: string, value: string];

function row([key, value]: Row): Markup {
  return html`<tr><th scope="row">${key}</th><td>${value}</td></tr>`;
}

/** `{ optimizer: { name: 'adam' } }` becomes `optimizer.name`. */
function flatten(settings: Readonly<Record<string, unknown>>, prefix: string): Row[] {
  return Object.entries(settings).flatMap(([key, value]): Row[] => {
    if (value === undefined) return [];
    if (isPlainObject(value) && Object.keys(value).length > 0)
      return flatten(value, `${prefix}${key}.`);
    return [[`${prefix}${key}`, write(value)]];
  });
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function write(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(write).join(', ');
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  return String(value);
}
