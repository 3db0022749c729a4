/** The sets from outside that `--out` names: data like any other, the same altered, noise, and classes held out. */
import { basename, resolve } from 'node:path';
import {
  type Alteration,
  alterations,
  alteredImages,
  type Noise,
  noiseImages,
  noises,
} from '../data/altered.js';
import { requireSameSize, spreadOver } from '../data/confident-batches.js';
import { knownSets } from '../data/fetch/known.js';
import { type ImageSource, labelsOf, subset } from '../data/image-source.js';
import { openOutsideImages } from '../data/outside-images.js';
import { UsageError } from '../errors.js';
import type { Context } from './command.js';
import { noteSkipped } from './image-data.js';
import type { ScoredModel } from './scored-model.js';
import { didYouMean } from './suggest.js';

/** Images from outside under the word that named them. */
export interface OutsideSet {
  readonly name: string;
  readonly source: ImageSource;
}

/** What `--out` takes, in the words of the help. */
export const outsideWords = `a set or a folder as --data takes them, ${noises.map((noise) => `noise:${noise}`).join(', ')}, or a changed set as in ${alterations.map((how) => `${how}:mnist`).join(', ')}`;

export interface OutsideSetOptions {
  readonly opened: Pick<ScoredModel, 'target'>;
  /** Images inside, whose size those outside must have. */
  readonly inside: ImageSource;
  /** Images of each set at most. */
  readonly most: number;
  readonly seed: number;
  readonly verify: boolean;
  /** Whether images of another size are brought to the network's. */
  readonly resize: boolean;
}

/**
 * Opens each set.
 * @throws UsageError for a word that names none; DataError where a set cannot be read, or its images are of another size
 *   than those inside, which no network would have to look at to tell them apart.
 */
export async function openOutsideSets(
  words: readonly string[],
  options: OutsideSetOptions,
  context: Context,
): Promise<OutsideSet[]> {
  const sets: OutsideSet[] = [];
  for (const name of new Set(words)) {
    const source = await openSet(name, options, context);
    if (!changesSize(name)) await requireFit(name, source, options);
    sets.push({ name: shortName(name), source: spreadOver(source, options.most) });
  }
  return sets;
}

/** Folders by their last part. */
const shortName = (word: string): string => {
  const parts = word.split(':');
  return [...parts.slice(0, -1), basename(parts.at(-1) ?? '')].join(':');
};

async function openSet(
  word: string,
  options: OutsideSetOptions,
  context: Context,
): Promise<ImageSource> {
  const at = word.indexOf(':');
  const [before, after] = [word.slice(0, at), word.slice(at + 1)];
  if (before === 'noise') {
    const kind = noises.find((each) => each === after);
    if (kind !== undefined) return noiseSet(kind, options);
    throw new UsageError(
      `--out ${word}: there is no noise "${after}".${didYouMean(after, noises)} There is ${noises.join(', ')}`,
      { expected: noises, actual: after },
    );
  }
  const how = alterations.find((each) => each === before);
  if (how !== undefined)
    return alteredImages(await openSet(after, options, context), how, options.seed);
  const isKnown = knownSets.some(({ name }) => name === word);
  const { verify } = options;
  const opened = await openOutsideImages(isKnown ? word : resolve(context.cwd, word), {
    ...{ verify, env: context.env },
  });
  noteSkipped(opened.skipped, context);
  return opened.source;
}

/** As many images as are judged inside. */
const noiseSet = (kind: Noise, { opened, inside, seed }: OutsideSetOptions): ImageSource =>
  noiseImages(kind, inside.count, opened.target, seed);

/** Those are asked for by words that change it. */
const changesSize = (word: string): boolean =>
  (['cropped', 'resized'] as const satisfies readonly Alteration[]).some((how) =>
    word.split(':').slice(0, -1).includes(how),
  );

/** Only where images inside have the very size that the network takes: else all are brought to it alike. */
async function requireFit(
  name: string,
  source: ImageSource,
  { opened: { target }, inside, resize }: OutsideSetOptions,
): Promise<void> {
  if (resize) return;
  const { height, width } = await inside.decode(0);
  if (height === target.height && width === target.width)
    await requireSameSize(inside, source, name);
}

/** The images of the held-out classes, `most` of them at most: verdicts should name none of their classes. */
export function heldOutSet(
  source: ImageSource,
  classes: readonly string[],
  held: readonly string[],
  most = Number.POSITIVE_INFINITY,
): OutsideSet {
  const positions = new Set(held.map((name) => classes.indexOf(name)));
  const labels = labelsOf(source);
  const indices = [...labels.keys()].filter((i) => positions.has(labels[i] ?? -1));
  return {
    name: `held out: ${held.join(', ')}`,
    source: spreadOver(subset(source, indices), most),
  };
}

/**
 * Checks the names of `--hold-out`.
 * @throws UsageError for a class that the data have not, or where fewer than two of the model's are left.
 */
export function checkHeldOut(
  held: readonly string[],
  classes: readonly string[],
  known: readonly string[],
): void {
  const stranger = held.find((name) => !classes.includes(name));
  if (stranger !== undefined)
    throw new UsageError(
      `--hold-out: "${stranger}" is no class of the data.${didYouMean(stranger, classes)} They are ${classes.join(', ')}`,
      { expected: classes, actual: stranger },
    );
  const left = classes.filter((name) => !held.includes(name) && known.includes(name));
  if (held.length > 0 && left.length < 2)
    throw new UsageError(
      `--hold-out leaves ${left.length === 0 ? 'no class' : `only the class ${left[0]}`} of those that the model knows (${known.join(', ')}): a classifier needs two to tell apart`,
      { expected: 2, actual: left },
    );
}
