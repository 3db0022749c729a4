/** The images with masks that commands take by `--data`: one set of options, and one way to open them. */
import { resolve } from 'node:path';
import { z } from 'zod';
import type { OpenedScenes } from '../data/segmentation/open-scenes.js';
import type { Context } from './command.js';
import { noteSkipped } from './image-data.js';
import type { Bar } from './progress.js';
import { defined } from './training-run.js';

/** Options that only say how masks are to be read. */
export const maskOptions = {
  maskColours: z
    .string()
    .optional()
    .meta({ placeholder: 'file' })
    .describe('lines of red green blue name: masks are of colours'),
  reduceZeroLabel: z
    .boolean()
    .default(false)
    .describe('number 0 in the masks is void, and class i has the number i + 1'),
};

/** Options of every command that learns from images with masks. */
export const sceneDataOptions = {
  data: z
    .string()
    .meta({ placeholder: 'name or folder' })
    .describe('images with masks: digits, which is built in, or a folder in any known layout'),
  validation: z
    .number()
    .nonnegative()
    .optional()
    .describe('training scenes held out for validation: how many, or below 1 what share'),
  verify: z
    .boolean()
    .default(true)
    .describe('do not look at all masks first: one that is wrong ends the run'),
  ...maskOptions,
};

/** What of a command's options is about scenes. */
export interface SceneDataOptions {
  readonly data: string;
  readonly validation?: number | undefined;
  readonly verify: boolean;
  readonly maskColours?: string | undefined;
  readonly reduceZeroLabel: boolean;
  /** Names of the classes in place of the data's. */
  readonly classes?: readonly string[] | undefined;
  /** Decides which are held out. */
  readonly seed: number;
}

/** The word that stands for the scenes that are built in. */
export const builtInScenes = 'digits';

/**
 * Opens the scenes, with a bar while masks are looked at, and says what was found and left out.
 * @throws DataError as `openScenes`.
 */
export async function openSceneData(
  given: SceneDataOptions,
  context: Context,
): Promise<OpenedScenes> {
  const bars: { reading?: Bar } = {};
  const where = given.data === builtInScenes ? given.data : resolve(context.cwd, given.data);
  const { validation, classes, reduceZeroLabel, verify, seed } = given;
  // With all layouts, which strokes do without.
  const { openScenes } = await import('../data/segmentation/open-scenes.js');
  const data = await openScenes(where, {
    ...defined({ validation, classes }),
    ...{ reduceZeroLabel, verify, seed },
    ...(given.maskColours !== undefined && {
      maskColours: resolve(context.cwd, given.maskColours),
    }),
    onProgress({ done, total }) {
      bars.reading ??= context.bar('looking at scenes', total);
      bars.reading.update(done);
    },
  }).finally(() => bars.reading?.end());
  for (const note of data.notes) context.note(note);
  noteSkipped(data.skipped, context);
  return data;
}
