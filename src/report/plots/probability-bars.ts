/** The few most probable classes as bars. */
import { html, type Markup } from '../markup.js';
import type { ClassProbability } from '../run-report.js';
import { cut, percent } from './label.js';

/** What may be changed, and what it is unless changed. */
export const defaults = {
  /** Classes shown, the most probable first; the truth is always one of them. */
  most: 3,
  /** Height of a bar's line, in CSS pixels. */
  line: 17,
  /** Characters that a class name is cut to. */
  labelLength: 9,
  /** Where bars of 100 % end, in percent of the width: what is left is for the numbers. */
  end: 76,
};

/** What is drawn. */
export interface ProbabilityBarsData {
  /** Each in 0..1. */
  readonly probabilities: readonly ClassProbability[];
  readonly truth: string;
  readonly predicted: string;
}

/** The bars as one `<svg>`, as wide as what holds it; empty markup where there are no probabilities. */
export function probabilityBars(
  data: ProbabilityBarsData,
  options: Partial<typeof defaults> = {},
): Markup {
  const settings = { ...defaults, ...options };
  const sorted = [...data.probabilities].sort((a, b) => b.value - a.value);
  const top = sorted.slice(0, settings.most);
  const truth = sorted.find((entry) => entry.name === data.truth);
  if (truth && !top.includes(truth)) top.splice(-1, 1, truth);
  if (top.length === 0) return html``;
  const longest = Math.max(...top.map((entry) => Array.from(entry.name).length));
  const left = longest <= 3 ? 14 : 36;
  const room = settings.end - left;
  const says = top.map((entry) => `${entry.name} ${percent(entry.value)}`).join(', ');
  return html`<svg class="probability-bars" width="100%" height="${top.length * settings.line}" role="img" aria-label="${says}">${top.map(
    (entry, i) => {
      const kind =
        entry.name === data.predicted ? 'predicted' : entry.name === data.truth ? 'truth' : 'other';
      const middle = (i + 0.5) * settings.line;
      const width = Math.round(10 * room * Math.min(1, Math.max(0, entry.value))) / 10;
      return html`<text x="0" y="${middle}" dy=".34em">${cut(entry.name, settings.labelLength)}</text><rect class="track" x="${left}%" y="${middle - 4}" width="${room}%" height="8"/><rect class="${kind}" x="${left}%" y="${middle - 4}" width="${width}%" height="8"/><text class="value" x="100%" y="${middle}" dy=".34em">${percent(entry.value)}</text>`;
    },
  )}</svg>`;
}
