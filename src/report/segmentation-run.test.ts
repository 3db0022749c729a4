/** What the report says of a segmenter. */
import { expect, it } from 'vitest';
import { emptyConfusion } from '../metrics/classification.js';
import { addPixels } from '../metrics/segmentation.js';
import { renderReport } from './report.js';
import { extremes, type SegmentationRun, segmentationSections } from './segmentation-run.js';

const [width, height] = [6, 4];
const palette = [
  [128, 0, 0],
  [0, 128, 0],
  [1, 2, 3],
  [0, 0, 128],
] as const;

/** Classes: sky, pole, train (nowhere) and <car> (predicted, never there). */
function run(): SegmentationRun {
  const confusion = emptyConfusion(4);
  const examples = [0.9, 0.2, 0.5, Number.NaN].map((iu, k) => {
    const truth = Uint8Array.from({ length: width * height }, (_, i) =>
      i % 8 === 7 ? 255 : i % 2,
    );
    const predicted = truth.map((id, i) => (id === 255 ? 0 : i < 2 * k ? 3 : id));
    addPixels(confusion, truth, predicted);
    const pixels = new Uint8Array(3 * width * height).fill(40 * k);
    return { name: `photo ${k}`, width, height, pixels, truth, predicted, iu };
  });
  return { confusion, classes: ['sky', 'pole', 'train', '<car>'], palette, examples };
}

const pageOf = (data: SegmentationRun): string =>
  renderReport({
    title: 'FCN-8s',
    subtitle: 'scenes',
    config: {},
    curves: [],
    provenance: {},
    ...segmentationSections(data),
  });

it('has the paper’s figures, and says over how many classes', () => {
  const { figures } = segmentationSections(run());
  expect(figures.map(({ name }) => name)).toEqual([
    'Mean IU',
    'Pixel accuracy',
    'Mean accuracy',
    'Frequency-weighted IU',
  ]);
  expect(figures[0]?.note).toBe('over 3 of 4 classes');
  expect(figures[2]?.note).toBe('over 2 of 4 classes');
  // 12 of 84 pixels are wrong.
  expect(figures[1]?.value).toBe((72 / 84).toFixed(3));
});

it('names the classes that are not there, and escapes their names', () => {
  const page = pageOf(run());
  expect(page).toContain('left out of every mean: train.');
  expect(page).toContain('with an IU of 0 that counts: &lt;car&gt;.');
  expect(page.match(/<tr class="absent">/g)).toHaveLength(2);
  expect(page).not.toContain('NaN');
});

it('shows boundary IU where it was measured', () => {
  expect(pageOf(run())).not.toContain('boundary IU');
  const page = pageOf({ ...run(), boundaryIu: [0.25, 0.75, Number.NaN, 0] });
  expect(page).toContain('<th scope="col">boundary IU</th>');
  expect(page).toContain('<td>0.250</td>');
  expect(page).toContain('<td>0.333</td>');
});

it('shows the worst first, the best of the others first, and four panels of each', () => {
  const page = pageOf(run());
  const order = [...page.matchAll(/<figcaption><b>(photo \d)<\/b>/g)].map(([, name]) => name);
  expect(order).toEqual(['photo 1', 'photo 2', 'photo 0']);
  for (const panel of ['image', 'truth', 'prediction', 'wrong: 9.5 %'])
    expect(page).toContain(`alt="photo 1: ${panel}"`);
  expect(page).toContain('void pixels have no colour');
  // The legend has no class that no picture shows.
  const legend = page.slice(page.indexOf('<ul class="legend"'), page.indexOf('</ul>'));
  expect(legend).toContain('pole');
  expect(legend).not.toContain('train');
});

it('gives shares and not counts of pixels in the confusion', () => {
  const page = pageOf(run());
  expect(page).toContain('Numbers: per cent of the row.');
  expect(page).toMatch(/sky taken for &lt;car&gt;: [\d.]+ % of sky/);
  expect(page).toMatch(/sky recognised: [\d.]+ %</);
});

it('leaves the examples out where there are none', () => {
  const page = pageOf({ ...run(), examples: [] });
  expect(page).not.toContain('id="examples"');
  expect(page).toContain('<section id="classes"');
});

it('extremes are the lowest, then the highest', () => {
  expect(extremes([0.5, 0.1, 0.9, Number.NaN, 0.3, 0.7], 2)).toEqual([1, 4, 5, 2]);
  expect(extremes([0.5, 0.1], 2)).toEqual([1, 0]);
  expect(extremes([])).toEqual([]);
});
