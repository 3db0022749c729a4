/** Images with the strokes that a classifier of pixels was taught with, what it sees, and where it is unsure. */
import { voidId } from '../../metrics/segmentation.js';
import { html, type Markup } from '../markup.js';
import { overlay, type Pixels } from '../overlay.js';
import { picture } from '../plots/image-grid.js';
import { swatch } from '../plots/swatch.js';
import type { ReportScribbles } from '../run-report.js';
import type { Section } from './section.js';

/** How pictures are shown. */
export const defaults = {
  /** Longest side on the page and in the file, in pixels. */
  size: 240,
  /** Images that are shown. */
  most: 12,
};

export const strokes: Section = {
  id: 'strokes',
  title: 'Strokes and what was made of them',
  render: ({ scribbles }) => {
    if (!scribbles || scribbles.images.length === 0) return undefined;
    const { classes, palette, images } = scribbles;
    const shown = images.slice(0, defaults.most);
    const cut = shown.length < images.length;
    return html`<ul class="legend" aria-label="Colours of the classes">${classes.map(
      (name, k) => html`<li>${swatch(palette[k])}${name}</li>`,
    )}<li class="note">uncertainty is the entropy of the probabilities, white where all classes are alike</li></ul>
${cut && html`<p class="lead">The first ${shown.length} of ${images.length} images.</p>`}
<div class="scenes">${shown.map((one) => scene(one, palette))}</div>`;
  },
};

function scene(
  one: ReportScribbles,
  palette: readonly (readonly [number, number, number])[],
): Markup {
  const image: Pixels = { ...one, channels: 3 };
  const panel = (name: string, pixels: Uint8Array, channels: 1 | 3 = 3): Markup =>
    html`<div>${picture(
      { width: one.width, height: one.height, channels, pixels, caption: `${one.name}: ${name}` },
      { size: defaults.size, stored: defaults.size },
    )}<span>${name}</span></div>`;
  const drawn = overlay(image, one.strokes, palette, { opacity: 1, ignore: voidId });
  return html`<figure class="scene"><figcaption><b>${one.name}</b></figcaption>
<div class="panels">${panel('strokes', drawn)}${panel('prediction', one.predicted)}${panel('uncertainty', one.unsure, 1)}</div></figure>
`;
}
