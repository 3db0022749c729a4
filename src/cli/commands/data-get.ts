/** `espalier data get`: fetches a known data set into the cache. */
import { z } from 'zod';
import { type GetProgress, getData } from '../../data/fetch/get.js';
import { knownSets } from '../../data/fetch/known.js';
import { UsageError } from '../../errors.js';
import { type Context, command } from '../command.js';
import type { Bar } from '../progress.js';
import { didYouMean } from '../suggest.js';

const options = z.object({
  from: z
    .enum(['npm', 'web'])
    .optional()
    .describe("only from npm, or only from the publisher's address (one after the other)"),
  again: z.boolean().default(false).describe('fetch it even where it is there'),
});

export const dataGet = command({
  name: 'data get',
  summary: 'Fetch a data set into the cache, checked against its published checksum',
  examples: ['espalier data get cifar10', 'espalier data get fashion-mnist --json'],
  arguments: [{ name: 'name', description: 'one of "espalier data list"', required: true }],
  options,
  async run({ options: given, arguments: { name } }, context) {
    const names = knownSets.map((set) => set.name);
    const set = knownSets.find((each) => each.name === name);
    if (!set)
      throw new UsageError(
        `no data set is called "${name}".${didYouMean(name, names)} There are ${names.join(', ')}`,
        { expected: names, actual: name },
      );
    const bar = progressBar(context);
    try {
      const { folder, receipt, wasThere } = await getData(set, {
        ...{ env: context.env, cwd: context.cwd, signal: context.signal, again: given.again },
        from: given.from,
        onNote: context.note,
        onProgress: bar.show,
      });
      return {
        json: { ...receipt, folder, wasThere },
        text: `${name} ${wasThere ? 'is there already' : `came from ${receipt.from.join(', ')}`}: ${folder}`,
      };
    } finally {
      bar.end();
    }
  },
});

/** A bar in megabytes for each file in turn. */
function progressBar(context: Context) {
  let current: { readonly file: string; readonly bar: Bar } | null = null;
  return {
    show({ file, done, total }: GetProgress) {
      if (current?.file !== file) {
        current?.bar.end();
        current = { file, bar: context.bar(`${file} (MB)`, Math.ceil(total / 1e6)) };
      }
      current.bar.update(Math.floor(done / 1e6));
    },
    end() {
      current?.bar.end();
    },
  };
}
