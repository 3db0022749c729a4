/** The images whose labels the model saw. */
import { html } from '../markup.js';
import { imageGrid } from '../plots/image-grid.js';
import type { ReportImage } from '../run-report.js';
import type { Section } from './section.js';

/** How much is shown. */
export const defaults = {
  /** Images kept in the report, for its size, spread over the groups. */
  most: 200,
};

export const labelled: Section = {
  id: 'labelled',
  title: 'Labelled images',
  render: ({ labelled: all = [] }) => {
    if (all.length === 0) return undefined;
    const groups = groupByCaption(all);
    const each = Math.max(1, Math.floor(defaults.most / groups.size));
    const kept = [...groups].map(([caption, images]) => ({
      caption,
      count: images.length,
      images: images.slice(0, each),
    }));
    const count = all.length === 1 ? 'The only label' : `All ${all.length} labels`;
    const cut = kept.some((group) => group.images.length < group.count);
    const lead = html`<p class="lead">${count} that the model was given${cut && `; ${each} of each class are shown`}.</p>`;
    // Where each caption is another one, captions are names of images and not of classes.
    if (groups.size === all.length)
      return html`${lead}${imageGrid(all.slice(0, defaults.most), { captions: true })}`;
    const longest = Math.max(...kept.map(({ caption }) => Array.from(caption).length));
    return html`${lead}<div class="classes${longest > 3 && ' named'}">${kept.map(
      (group) => html`<div class="class"><h3>${group.caption}</h3>${imageGrid(group.images)}</div>`,
    )}</div>`;
  },
};

function groupByCaption(images: readonly ReportImage[]): Map<string, ReportImage[]> {
  const groups = new Map<string, ReportImage[]>();
  for (const image of images) {
    const group = groups.get(image.caption);
    if (group) group.push(image);
    else groups.set(image.caption, [image]);
  }
  return groups;
}
