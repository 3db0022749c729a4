/** Classes of the pixels of image files: what `predict` does with a segmenter. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { Skipped } from '../data/list-images.js';
import { DataError } from '../errors.js';
import { writeAtomically } from '../runs/atomic-file.js';
import { makeFolder } from '../runs/run-folder.js';
import type { Context, Output } from './command.js';
import {
  describeSkipped,
  type FoundImage,
  findImages,
  refused,
  requireSome,
} from './find-images.js';
import { type ImageSegmenter, tileOption } from './image-segmenter.js';
import { outputPaths } from './output-names.js';
import { type Segmented, segmentImage } from './segment-image.js';
import { counted, grouped, percent, textTable } from './text-table.js';

/** Options of `predict` that are about segmenters. */
export const segmentOptions = {
  to: z
    .string()
    .default('segmented')
    .meta({ placeholder: 'folder' })
    .describe('of segmenters: where the pictures go'),
  name: z
    .string()
    .default('{folder}/{stem}-{kind}')
    .meta({ placeholder: 'pattern' })
    .describe('of segmenters: names of the pictures, of {folder}, {stem}, {kind} and {index}'),
  overlay: z
    .enum(['png', 'jpeg', 'none'])
    .default('png')
    .describe('of segmenters: the image with the colours of its classes'),
  opacity: z.number().min(0).max(1).default(0.6).describe('of these colours'),
  uncertainty: z
    .boolean()
    .default(false)
    .describe('of segmenters: how unsure each pixel is, as a grey PNG: entropy, 255 is the most'),
  probabilities: z
    .boolean()
    .default(false)
    .describe('of segmenters: the output itself too, as .npy (classes, height, width)'),
  tile: tileOption,
};

const optionsSchema = z.object(segmentOptions);

export type SegmentOptions = z.output<typeof optionsSchema> & { readonly strict: boolean };

/** What became of one file. */
interface SegmentedFile extends Segmented {
  readonly file: string;
  /** What was written, by kind. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Segments all files, one after the other, and writes pictures, and `areas.json` about all of them.
 * @throws DataError where none can be read, or one cannot and `strict` is set; UsageError where names do not do;
 *   InterruptedError after a signal.
 */
export async function segmentImages(
  segmenter: ImageSegmenter,
  words: readonly string[],
  options: SegmentOptions,
  context: Context,
): Promise<Output> {
  const { images, skipped: unfit } = await findImages(words, context.cwd);
  const skipped = [...unfit];
  if (options.strict && skipped[0]) throw refused(skipped[0]);
  const endings = {
    mask: '.png',
    ...(options.overlay !== 'none' && { overlay: options.overlay === 'png' ? '.png' : '.jpg' }),
    ...(options.uncertainty && { uncertainty: '.png' }),
    ...(options.probabilities && { probabilities: '.npy' }),
  };
  const paths = outputPaths(images, {
    ...{ pattern: options.name, endings, into: options.to, cwd: context.cwd },
  });
  const segmented: SegmentedFile[] = [];
  const bar = context.bar('segmenting', images.length);
  try {
    for (const [i, { file }] of images.entries()) {
      const files = paths[i] ?? {};
      const result = await segmentOne(segmenter, file, files, options, context);
      if ('reason' in result) skipped.push(result);
      else segmented.push(result);
      bar.update(i + 1);
    }
  } finally {
    bar.end();
  }
  requireSome(segmented.length, words, skipped);
  const summary = { model: segmenter.path, images: segmented, skipped };
  const areas = resolve(context.cwd, options.to, 'areas.json');
  await makeFolder(dirname(areas)).catch(() => undefined);
  await writeAtomically(areas, `${JSON.stringify(summary, null, 2)}\n`, { what: 'areas.json' });
  return { json: { ...summary, areas }, text: describe(segmented, skipped, options.to) };
}

async function segmentOne(
  segmenter: ImageSegmenter,
  file: FoundImage['file'],
  files: Readonly<Record<string, string>>,
  options: SegmentOptions,
  context: Context,
): Promise<SegmentedFile | Skipped> {
  try {
    // Where a folder cannot be made, the writing says why.
    for (const path of Object.values(files)) await makeFolder(dirname(path)).catch(() => undefined);
    const result = await segmentImage(segmenter, file, files, options, context);
    return { file, files, ...result };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const skipped = { file, reason: String(error.details.actual ?? error.message) };
    if (options.strict) throw refused(skipped);
    return skipped;
  }
}

/** Classes that are told of an image. */
const mostClasses = 3;

function describe(
  segmented: readonly SegmentedFile[],
  skipped: readonly Skipped[],
  to: string,
): string {
  const rows = segmented.map(({ file, width, height, areas }) => [
    file,
    `${grouped(width)} x ${grouped(height)}`,
    Object.entries(areas)
      .filter(([, { pixels }]) => pixels > 0)
      .sort(([, a], [, b]) => b.pixels - a.pixels)
      .slice(0, mostClasses)
      .map(([name, { share }]) => `${name} ${percent(share, 1)}`)
      .join(', '),
  ]);
  const table = textTable(['file', 'pixels', 'mostly'], rows, ['left', 'right', 'left']);
  const where = `${counted(segmented.length, 'image')} segmented; pictures and areas.json are in ${to}`;
  if (skipped.length === 0) return `${table}\n\n${where}`;
  return `${table}\n\n${where}\n${counted(skipped.length, 'file was', 'files were')} skipped:\n${describeSkipped(skipped)}`;
}
