/** How well each class is found. */
import { type ClassFigures, meanOf, segmentationFigures } from '../../metrics/segmentation.js';
import { html, type Markup } from '../markup.js';
import { percent } from '../plots/label.js';
import { swatch } from '../plots/swatch.js';
import type { SegmentationRun } from '../segmentation-run.js';
import type { Section } from './section.js';

export const segmentationClasses: Section = {
  id: 'classes',
  title: 'Classes',
  render: ({ segmentation: run }) => {
    if (run === undefined || run.classes.length === 0) return undefined;
    const figures = segmentationFigures(run.confusion);
    return html`${lead(run, figures.classes)}<div class="wide"><table class="per-class">
<thead><tr><th scope="col">class</th><th scope="col" colspan="2">IU</th>${run.boundaryIu && html`<th scope="col">boundary IU</th>`}<th scope="col">accuracy</th><th scope="col">precision</th><th scope="col">Dice</th><th scope="col">share of pixels</th></tr></thead>
<tbody>${figures.classes.map((one, k) => row(run, one, k))}</tbody>
<tfoot>${means(run, figures.classes)}</tfoot>
</table></div>`;
  },
};

/** The classes that are not there, by name: no figure of theirs is in a mean of accuracies. */
function lead({ classes }: SegmentationRun, figures: readonly ClassFigures[]): Markup | undefined {
  const named = (test: (one: ClassFigures) => boolean): string =>
    classes.filter((_, k) => figures[k] && test(figures[k])).join(', ');
  const nowhere = named(({ iu }) => Number.isNaN(iu));
  const invented = named(({ accuracy, iu }) => Number.isNaN(accuracy) && !Number.isNaN(iu));
  if (nowhere === '' && invented === '') return undefined;
  return html`<p class="lead">${nowhere !== '' && html`In no image, and left out of every mean: ${nowhere}. `}${
    invented !== '' &&
    html`In no image and yet predicted, so with an IU of 0 that counts: ${invented}.`
  }</p>`;
}

const write = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(3));

function row(
  { classes, palette, boundaryIu }: SegmentationRun,
  one: ClassFigures,
  k: number,
): Markup {
  const absent = Number.isNaN(one.accuracy);
  return html`<tr${absent && html` class="absent"`}><th scope="row">${swatch(palette[k])}${classes[k]}</th><td class="bar">${bar(one.iu)}</td><td>${write(one.iu)}</td>${
    boundaryIu && html`<td>${write(boundaryIu[k] ?? Number.NaN)}</td>`
  }<td>${write(one.accuracy)}</td><td>${write(one.precision)}</td><td>${write(one.dice)}</td><td>${absent ? 'none' : percent(one.share)}</td></tr>
`;
}

function bar(iu: number): Markup {
  const width = Number.isNaN(iu) ? 0 : Math.round(1000 * iu) / 10;
  return html`<svg width="100%" height="8" aria-hidden="true"><rect class="track" width="100%" height="8"/><rect class="iu" width="${width}%" height="8"/></svg>`;
}

function means({ boundaryIu }: SegmentationRun, figures: readonly ClassFigures[]): Markup {
  const mean = (name: keyof ClassFigures): string => write(meanOf(figures.map((one) => one[name])));
  return html`<tr><th scope="row">mean</th><td></td><td>${mean('iu')}</td>${
    boundaryIu && html`<td>${write(meanOf(boundaryIu))}</td>`
  }<td>${mean('accuracy')}</td><td>${mean('precision')}</td><td>${mean('dice')}</td><td></td></tr>`;
}
