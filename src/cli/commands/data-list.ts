/** `espalier data list`: the data sets that can be had by name. */
import { dataFolder, readReceipt } from '../../data/fetch/cache.js';
import { type KnownSet, knownSets, type Source } from '../../data/fetch/known.js';
import { command, noOptions } from '../command.js';
import { grouped, textTable } from '../text-table.js';

export const dataList = command({
  name: 'data list',
  summary: 'List the data sets that can be fetched by name, with their licences and sizes',
  examples: ['espalier data list', 'espalier data list --json'],
  arguments: [],
  options: noOptions,
  async run(_, { env }) {
    const sets = await Promise.all(
      knownSets.map(async (set) => {
        const folder = dataFolder(set.name, env);
        return { ...set, folder: (await readReceipt(folder)) ? folder : null };
      }),
    );
    return { json: { sets }, text: describe(sets) };
  },
});

/** Bytes to fetch. */
const sizeOf = (source: Source | undefined): number =>
  source?.kind === 'npm'
    ? source.bytes
    : (source?.files.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0);

function describe(sets: readonly (KnownSet & { readonly folder: string | null })[]): string {
  const table = textTable(
    ['name', 'classes', 'train', 'test', 'to fetch', 'from', 'here'],
    sets.map(({ name, classes, images, sources, folder }) => [
      name,
      String(classes),
      grouped(images.train),
      grouped(images.test),
      `${(sizeOf(sources[0]) / 1e6).toFixed(0)} MB`,
      sources.map((source) => (source.kind === 'npm' ? 'npm' : 'web')).join(', '),
      folder === null ? '' : 'yes',
    ]),
    ['left', 'right', 'right', 'right', 'right'],
  );
  const about = textTable(
    [],
    sets.flatMap(({ name, title, licence, home }) => [
      [name, title],
      ['', `licence: ${licence}`],
      ['', home],
    ]),
  );
  return `${table}\n\n${about}\n\n"espalier data get <name>" fetches one; "web" is the publisher's own address`;
}
