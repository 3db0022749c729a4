/** The colour of a class, where its name stands. */
import type { Rgb } from '../../data/segmentation/scenes.js';
import { html, type Markup } from '../markup.js';

/** A small square of the colour; grey where there is none. */
export function swatch(colour: Rgb | undefined): Markup {
  const fill = colour ? `rgb(${colour.join(' ')})` : 'currentColor';
  return html`<svg class="swatch" width="12" height="12" aria-hidden="true"><rect x="0.5" y="0.5" width="11" height="11" rx="2" fill="${fill}"/></svg>`;
}
