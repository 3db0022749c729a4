/** Names of the files that a command writes for each of its images, by a pattern. */
import { basename, extname, join, resolve } from 'node:path';
import { UsageError } from '../errors.js';
import type { FoundImage } from './find-images.js';
import { didYouMean } from './suggest.js';

const places = ['folder', 'stem', 'kind', 'index'] as const;

/** Kinds of files, and their endings. */
export type Endings = Readonly<Record<string, string>>;

/** Endings that a pattern may have, since people write them: each kind has its own. */
const anyEnding = /\.(png|jpe?g|npy|json)$/i;

/**
 * The path of each kind of file for every image.
 * @param pattern as in `{folder}/{stem}-{kind}`; the ending of the kind is added
 * @throws UsageError for an unknown place in the pattern, two images of one name, or a file that is an image itself.
 */
export function outputPaths(
  images: readonly FoundImage[],
  {
    pattern,
    endings,
    into,
    cwd,
  }: {
    readonly pattern: string;
    readonly endings: Endings;
    readonly into: string;
    readonly cwd: string;
  },
): readonly Readonly<Record<string, string>>[] {
  const unknown = [...pattern.matchAll(/\{([^}]*)\}/g)]
    .map(([, place = '']) => place)
    .find((place) => !places.some((each) => each === place));
  if (unknown !== undefined)
    throw new UsageError(
      `--name: unknown {${unknown}}.${didYouMean(unknown, places)} There are ${places.map((each) => `{${each}}`).join(', ')}`,
      { expected: places, actual: unknown },
    );
  const owners = new Map(images.map(({ file }) => [resolve(cwd, file), file]));
  const kinds = Object.entries(endings);
  if (kinds.length > 1 && !pattern.includes('{kind}'))
    throw new UsageError(
      `--name: "${pattern}" needs {kind}: ${kinds.map(([kind]) => kind).join(' and ')} of an image are two files`,
      { actual: pattern },
    );
  return images.map(({ file, folder }, index) =>
    Object.fromEntries(
      kinds.map(([kind, ending]) => {
        const stem = basename(file, extname(file));
        const values = { folder, stem, kind, index: String(index) };
        const name = pattern
          .replace(anyEnding, '')
          .replaceAll(/\{(\w+)\}/g, (_, place: keyof typeof values) => values[place]);
        const path = resolve(cwd, join(into, `./${name}${ending}`));
        const owner = owners.get(path);
        if (owner !== undefined)
          throw new UsageError(
            path === resolve(cwd, owner)
              ? `--name: ${path} is an image itself. Choose another --to folder or --name.`
              : `--name: ${file} and ${owner} would both become ${path}. Tell them apart with {folder} or {index}.`,
            { path, actual: pattern },
          );
        owners.set(path, file);
        return [kind, path];
      }),
    ),
  );
}
