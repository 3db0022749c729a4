import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../../../test/cli.js';
import { DataError } from '../../errors.js';
import { readTar } from './tar.js';
import { unpack } from './unpack.js';

let folder: Folder;
beforeEach(() => {
  folder = makeFolder();
  mkdirSync(join(folder.path, 'to'));
});
afterEach(() => folder.remove());

/** An archive of entries; one of `size` without content is said to be so long and is not. */
async function tar(
  entries: readonly (readonly [Partial<Header> & { readonly name: string }, string?])[],
): Promise<Buffer> {
  const stream = pack();
  for (const [header, content = ''] of entries) stream.entry(header, content);
  stream.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
const caps = { bytes: 100_000, entries: 20 };

/** Unpacks into `to/`; gives the error, or null. */
async function unpacked(archive: Uint8Array, limits = caps): Promise<DataError | null> {
  const path = join(folder.path, 'a.tgz');
  writeFileSync(path, archive);
  const error: unknown = await unpack(path, join(folder.path, 'to'), limits).catch((e) => e);
  if (error !== undefined) expect(error).toBeInstanceOf(DataError);
  return error === undefined ? null : (error as DataError);
}
const written = () => readdirSync(join(folder.path, 'to'), { recursive: true }).map(String).sort();

describe('unpack', () => {
  it.each(['plain', 'gzip'])(
    'writes the files of a %s archive without their first folder',
    async (form) => {
      const archive = await tar([
        [{ name: 'set/', type: 'directory' }],
        [{ name: './set/a.txt' }, 'A'],
        [{ name: 'set/deep/b.txt', mode: 0o4777 }, 'BB'],
        [{ name: 'top.txt' }, 'T'],
      ]);
      expect(await unpacked(form === 'gzip' ? gzipSync(archive) : archive)).toBeNull();
      expect(written()).toEqual(['a.txt', 'deep', 'deep/b.txt', 'top.txt']);
      expect(readFileSync(join(folder.path, 'to/deep/b.txt'), 'utf8')).toBe('BB');
    },
  );

  it.each([
    ['../evil.txt', /leads out of its folder/],
    ['set/../../evil.txt', /leads out of its folder/],
    ['set/..', /leads out of its folder/],
    ['/evil.txt', /has an absolute path/],
    ['C:/evil.txt', /has an absolute path/],
    ['set\\..\\..\\evil.txt', /has a backslash/],
    [`set/${'x'.repeat(1100)}`, /more than 1024 characters/],
  ])('refuses the entry %s', async (name, sentence) => {
    const error = await unpacked(await tar([[{ name }, 'x']]));
    expect(error?.message).toMatch(sentence);
    expect(error?.exitCode).toBe(3);
    expect(written()).toEqual([]);
    expect(existsSync(join(folder.path, 'evil.txt'))).toBe(false);
  });

  it.each(['symlink', 'link', 'character-device', 'fifo'] as const)(
    'refuses a %s',
    async (type) => {
      const error = await unpacked(await tar([[{ name: 'set/x', type, linkname: '../../evil' }]]));
      expect(error?.message).toMatch(new RegExp(`"set/x" is a ${type}, and only files are taken`));
      expect(written()).toEqual([]);
    },
  );

  it('refuses more bytes than are expected, however well they were compressed', async () => {
    const bomb = gzipSync(await tar([[{ name: 'set/zeros' }, '\0'.repeat(3_000_000)]]));
    expect(bomb.length).toBeLessThan(10_000);
    expect((await unpacked(bomb))?.message).toMatch(
      /of 3000000 bytes goes beyond the 100000 bytes/,
    );
    const many = Array.from(
      { length: 5 },
      (_, i) => [{ name: `set/${i}` }, 'x'.repeat(30_000)] as const,
    );
    expect((await unpacked(await tar(many)))?.message).toMatch(/beyond the 100000 bytes/);
  });

  it('refuses more entries than are expected, and one name twice', async () => {
    const many = Array.from({ length: 30 }, (_, i) => [{ name: `set/${i}` }, 'x'] as const);
    expect((await unpacked(await tar(many)))?.message).toMatch(/more than 20 entries/);
    folder.remove();
    folder = makeFolder();
    mkdirSync(join(folder.path, 'to'));
    const twice = await tar([
      [{ name: 'set/a' }, 'x'],
      [{ name: 'other/a' }, 'y'],
    ]);
    expect((await unpacked(twice))?.message).toMatch(/has the file other\/a twice/);
  });

  it('tells a damaged archive wherever it is cut off', async () => {
    const whole = gzipSync(await tar([[{ name: 'set/a' }, 'x'.repeat(5000)]]));
    for (const length of [5, 11, whole.length >> 1, whole.length - 9, whole.length - 1])
      expect((await unpacked(whole.subarray(0, length)))?.message).toMatch(
        /cannot be unpacked: .*truncated or damaged/,
      );
    expect((await unpacked(Buffer.from('<html>not found</html>'.repeat(40))))?.message).toMatch(
      /cannot be unpacked/,
    );
  });
});

it('readTar ends with what a visitor throws', async () => {
  const archive = await tar([
    [{ name: 'a' }, 'x'.repeat(100_000)],
    [{ name: 'b' }, 'y'],
  ]);
  const work = readTar(Readable.from([archive]), 'x.tar', { bytes: 1e6, entries: 5 }, async () => {
    throw new DataError('mine');
  });
  await expect(work).rejects.toThrow(/^mine$/);
});
