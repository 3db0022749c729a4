/** `espalier data check`: whether a folder of images is fit to train on. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { checkImages, hugePixels, type ImageReport, tinySide } from '../../data/check-images.js';
import { knownSets } from '../../data/fetch/known.js';
import type { Skipped } from '../../data/list-images.js';
import { openImages } from '../../data/open-images.js';
import { DataError, InterruptedError } from '../../errors.js';
import { command } from '../command.js';
import { counted, grouped, textTable } from '../text-table.js';
import { quoted } from '../training-run.js';

const options = z.object({
  coarse: z.boolean().default(false).describe('the coarse classes of CIFAR-100 and its like'),
  whole: z.boolean().default(false).describe('cut no list'),
});

/** Lines of a list unless it is to be whole. */
const shortList = 8;
/** Largest class over smallest from which on it is worth a word (ours). */
const lopsided = 3;

export const dataCheck = command({
  name: 'data check',
  summary: 'Check images before training: classes, sizes, duplicates, broken files',
  examples: ['espalier data check photos/', 'espalier data check cifar10 --json'],
  arguments: [
    {
      name: 'data',
      description: 'a folder in any format that is read, or a name of "espalier data list"',
      required: true,
    },
  ],
  options,
  async run({ options: { coarse, whole }, arguments: { data: where } }, context) {
    const isKnown = knownSets.some(({ name }) => name === where);
    const data = await openImages(isKnown ? where : resolve(context.cwd, where), {
      ...{ coarse, verify: false, env: context.env },
    });
    const total = data.train.count + (data.validation?.count ?? 0) + (data.test?.count ?? 0);
    const bar = context.bar('checking images', total);
    const report = await checkImages(data, (done) => {
      if (context.signal.aborted) throw new InterruptedError('interrupted before the end');
      bar.update(done);
    }).finally(() => bar.end());
    const fault = report.faults[0];
    return {
      json: { ...report, notes: data.notes },
      text: [
        describe(report, data.notes, whole),
        ...(fault === undefined
          ? [`\nnext: npx espalier train classifier --from <model.onnx> --data ${quoted(where)}`]
          : []),
      ].join('\n'),
      ...(fault !== undefined && {
        error: new DataError(`${where} cannot be trained on: ${report.faults.join('; ')}`, {
          path: data.folder,
          actual: report.faults,
        }),
      }),
    };
  },
});

function describe(report: ImageReport, notes: readonly string[], whole: boolean): string {
  const { counts, channels, sizes } = report;
  const largest = sizes[0];
  const [grey, rgb] = [channels.grey, channels.rgb];
  const colours = [grey > 0 ? `${grouped(grey)} grey` : '', rgb > 0 ? `${grouped(rgb)} RGB` : ''];
  const head = textTable(
    [],
    [
      ['folder', report.folder],
      ['format', report.format],
      ...Object.entries(counts).flatMap(([split, count]) =>
        count === null ? [] : [[split, counted(count, 'image')]],
      ),
      ['colours', colours.filter(Boolean).join(', ')],
      [
        'sizes',
        largest === undefined
          ? 'none'
          : sizes.length === 1
            ? `${largest.width} x ${largest.height}`
            : `${grouped(sizes.length)} different, ${largest.width} x ${largest.height} most often`,
      ],
    ],
  );
  return [head, classTable(report, whole), findings(report, notes), lists(report, whole)]
    .filter((part) => part !== '')
    .join('\n\n');
}

function classTable({ classes, counts }: ImageReport, whole: boolean): string {
  const parts = (['train', 'validation', 'test'] as const).filter((part) => counts[part] !== null);
  const shown = whole ? classes : classes.slice(0, 4 * shortList);
  const table = textTable(
    ['class', ...parts],
    shown.map((each) => [each.name, ...parts.map((part) => grouped(each[part] ?? 0))]),
    ['left', 'right', 'right', 'right'],
  );
  const rest = classes.length - shown.length;
  return rest > 0 ? `${table}\n  and ${rest} more (--whole)` : table;
}

/** What is amiss, in sentences; or that nothing is. */
function findings(report: ImageReport, notes: readonly string[]): string {
  const { duplicates, broken, skipped, tiny, huge, imbalance } = report;
  const sentences = [
    ...notes,
    ...report.faults,
    broken.length > 0 ? `${counted(broken.length, 'image')} cannot be decoded` : '',
    skipped.length > 0 ? `${counted(skipped.length, 'file')} of other kinds` : '',
    duplicates.surplus > 0
      ? `${counted(duplicates.surplus, 'image')} with the pixels of another one`
      : '',
    duplicates.acrossSplits > 0
      ? `${counted(duplicates.acrossSplits, 'such group')} in more than one of train, validation and test: figures will be too good`
      : '',
    duplicates.acrossClasses > 0
      ? `${counted(duplicates.acrossClasses, 'such group')} with more than one label: some are wrong`
      : '',
    tiny.length > 0 ? `${counted(tiny.length, 'image')} with a side below ${tinySide} pixels` : '',
    huge.length > 0
      ? `${counted(huge.length, 'image')} of more than ${hugePixels / 1e6} megapixels: shrink them, decoding is slow`
      : '',
    imbalance >= lopsided && Number.isFinite(imbalance)
      ? `the largest class has ${imbalance.toFixed(1)} times the images of the smallest: class weights may help`
      : '',
  ].filter((sentence) => sentence !== '');
  return sentences.length === 0
    ? 'Nothing is amiss.'
    : sentences.map((sentence) => `- ${sentence}`).join('\n');
}

function lists({ broken, skipped, duplicates, tiny, huge }: ImageReport, whole: boolean): string {
  const reasons = (files: readonly Skipped[]) =>
    files.map(({ file, reason }) => [file, reason] as const);
  const parts: readonly (readonly [string, readonly (readonly string[])[]])[] = [
    ['cannot be decoded:', reasons(broken)],
    ['of other kinds:', reasons(skipped)],
    ['the same pixels:', duplicates.examples.map((names) => [names.slice(0, 6).join(' = ')])],
    ['tiny:', tiny.map((name) => [name])],
    ['huge:', huge.map((name) => [name])],
  ];
  return parts
    .filter(([, rows]) => rows.length > 0)
    .map(([title, rows]) => {
      const shown = whole ? rows : rows.slice(0, shortList);
      const rest = rows.length - shown.length;
      return `${title}\n${textTable([], shown)}${rest > 0 ? `\n  and ${rest} more (--whole)` : ''}`;
    })
    .join('\n\n');
}
