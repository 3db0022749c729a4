/** The labelled images that commands take by `--data`: one set of options, and one way to open them. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { knownSets } from '../data/fetch/known.js';
import type { Skipped } from '../data/list-images.js';
import type { OpenedImages } from '../data/open-images.js';
import type { Context } from './command.js';
import type { Bar } from './progress.js';
import { defined } from './training-run.js';

/** Options of every command that learns from labelled images or is judged by them. */
export const imageDataOptions = {
  data: z
    .string()
    .meta({ placeholder: 'name or folder' })
    .describe(
      'images: a known set (`espalier data list`), or a folder in any format that is known',
    ),
  validation: z
    .number()
    .nonnegative()
    .optional()
    .describe('training images held out for validation: how many, or below 1 what share'),
  verify: z
    .boolean()
    .default(true)
    .describe('do not look for broken files first: one that is met ends the run'),
};

const optionsSchema = z.object(imageDataOptions);

/** What of a command's options is about the images; `seed` decides which are held out. */
export type ImageDataOptions = z.output<typeof optionsSchema> & { readonly seed: number };

/**
 * Opens the images, with a bar while files are looked at, and says what was found and left out.
 * @throws DataError as `openImages`.
 */
export async function openImageData(
  given: ImageDataOptions,
  context: Context,
): Promise<OpenedImages> {
  const bars: { reading?: Bar } = {};
  const isKnown = knownSets.some(({ name }) => name === given.data);
  // With all formats.
  const { openImages } = await import('../data/open-images.js');
  const data = await openImages(isKnown ? given.data : resolve(context.cwd, given.data), {
    ...defined({ validation: given.validation }),
    seed: given.seed,
    verify: given.verify,
    env: context.env,
    onProgress({ done, total }) {
      bars.reading ??= context.bar('looking at images', total);
      bars.reading.update(done);
    },
  }).finally(() => bars.reading?.end());
  for (const note of data.notes) context.note(note);
  noteSkipped(data.skipped, context);
  return data;
}

/** Skipped files that are named; of more, only the number is told. */
const mostNamed = 20;

/** Names the skipped files; of many, the first ones. */
export function noteSkipped(skipped: readonly Skipped[], context: Context): void {
  for (const { file, reason } of skipped.slice(0, mostNamed))
    context.note(`skipped ${file}: ${reason}`);
  if (skipped.length > mostNamed) context.note(`and ${skipped.length - mostNamed} more skipped`);
}
