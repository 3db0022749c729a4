/** The pictures that went worst and best: what was there, what was seen, and where the two differ. */
import { voidId } from '../../metrics/segmentation.js';
import { html, type Markup } from '../markup.js';
import { differences, overlay, type Pixels } from '../overlay.js';
import { picture } from '../plots/image-grid.js';
import { percent } from '../plots/label.js';
import { swatch } from '../plots/swatch.js';
import {
  extremes,
  type SegmentationExample,
  type SegmentationRun,
  shownExamples,
} from '../segmentation-run.js';
import type { Section } from './section.js';

/** How pictures are shown. */
export const defaults = {
  /** Longest side on the page and in the file, in pixels. */
  size: 264,
  /** Opacity of the classes' colours. */
  opacity: 0.7,
};

export const segmentationExamples: Section = {
  id: 'examples',
  title: 'Worst and best images',
  render: ({ segmentation: run }) => {
    const examples = run?.examples ?? [];
    if (run === undefined || examples.length === 0) return undefined;
    const order = extremes(examples.map(({ iu }) => iu));
    const half = Math.min(shownExamples, Math.ceil(order.length / 2));
    const chosen = (places: readonly number[]): SegmentationExample[] =>
      places.flatMap((i) => examples[i] ?? []);
    const best = chosen(order.slice(half).reverse());
    return html`${legend(run, examples)}
<h3 class="half">Lowest IU</h3><div class="scenes">${chosen(order.slice(0, half)).map((one) => scene(run, one))}</div>
${best.length > 0 && html`<h3 class="half">Highest IU</h3><div class="scenes">${best.map((one) => scene(run, one))}</div>`}`;
  },
};

/** Only classes that some picture shows. */
function legend(
  { classes, palette }: SegmentationRun,
  examples: readonly SegmentationExample[],
): Markup {
  const seen = new Set<number>();
  for (const { truth, predicted } of examples)
    for (const ids of [truth, predicted]) for (const id of ids) seen.add(id);
  return html`<ul class="legend" aria-label="Colours of the classes">${classes.map(
    (name, k) => seen.has(k) && html`<li>${swatch(palette[k])}${name}</li>`,
  )}${seen.has(voidId) && html`<li class="note">void pixels have no colour and count nowhere</li>`}</ul>`;
}

function scene({ palette }: SegmentationRun, example: SegmentationExample): Markup {
  const image: Pixels = { ...example, channels: 3 };
  const { truth, predicted } = example;
  const masked = (ids: Uint8Array): Uint8Array =>
    overlay(image, ids, palette, { opacity: defaults.opacity, grey: true });
  const panel = (name: string, pixels: Uint8Array, alone = false): Markup =>
    html`<div>${picture(
      { ...image, pixels, caption: `${example.name}: ${name}` },
      { size: defaults.size, stored: defaults.size },
    )}<span${alone && html` class="wrong"`}>${name}</span></div>`;
  return html`<figure class="scene"><figcaption><b>${example.name}</b> <span>IU ${example.iu.toFixed(3)}</span></figcaption>
<div class="panels">${panel('image', example.pixels)}${panel('truth', masked(truth))}${panel('prediction', masked(predicted))}${panel(
    `wrong: ${percent(wrongShare(truth, predicted))}`,
    differences(image, truth, predicted),
    true,
  )}</div></figure>
`;
}

function wrongShare(truth: Uint8Array, predicted: Uint8Array): number {
  let [wrong, all] = [0, 0];
  truth.forEach((id, i) => {
    if (id === voidId) return;
    all++;
    if (id !== predicted[i]) wrong++;
  });
  return all === 0 ? 0 : wrong / all;
}
