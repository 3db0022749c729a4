/** The files of a data set, in a folder or in the archive as it was downloaded. */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DataError } from '../../errors.js';
import { readTar } from '../fetch/tar.js';
import { fileReason, readBytes } from '../read-bytes.js';

/** Files by name. */
export interface Files {
  /** Where they are, for the sentences: the folder or the archive. */
  readonly where: string;
  /** The folder; null for an archive, which is in memory. */
  readonly folder: string | null;
  /** Names with forward slashes in code-unit order; of a folder, those of the levels that were asked for. */
  readonly names: readonly string[];
  /** @throws DataError where the file cannot be read. */
  read(name: string): Promise<Uint8Array>;
  /** The path of a file, for the sentences. */
  path(name: string): string;
}

/** An archive that is read without being unpacked may hold so much. */
const archiveCap = 1024 ** 3;

/**
 * Opens a folder, or a .tar, .tar.gz or .tgz file.
 * @param levels of folders below a folder that are looked into
 * @throws DataError where it cannot be read.
 */
export async function openFiles(where: string, levels = 1): Promise<Files> {
  const path = resolve(where);
  const found = await stat(path).catch((cause) => {
    throw new DataError(`${where} cannot be read: ${fileReason(cause)}`, { path, cause });
  });
  if (found.isDirectory()) return folderFiles(path, levels);
  if (/\.(tar|tgz|tar\.gz)$/.test(path)) return archiveFiles(path);
  throw new DataError(
    `${where} is a file: give the folder that it lies in, or a .tar.gz archive as it was downloaded`,
    { path },
  );
}

async function folderFiles(folder: string, levels: number): Promise<Files> {
  const names: string[] = [];
  const list = async (prefix: string, depth: number): Promise<void> => {
    const entries = await readdir(join(folder, prefix), { withFileTypes: true }).catch((cause) => {
      throw new DataError(`${join(folder, prefix)} cannot be read: ${fileReason(cause)}`, {
        path: join(folder, prefix),
        cause,
      });
    });
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      if (!entry.isDirectory()) names.push(prefix + entry.name);
      else if (depth > 0) await list(`${prefix}${entry.name}/`, depth - 1);
    }
  };
  await list('', levels);
  const path = (name: string) => join(folder, name);
  return {
    ...{ where: folder, folder, names: names.sort(), path },
    read: (name) => readBytes(path(name)),
  };
}

async function archiveFiles(archive: string): Promise<Files> {
  const contents = new Map<string, Uint8Array>();
  await readTar(
    createReadStream(archive),
    archive,
    { bytes: archiveCap, entries: 10_000 },
    async ({ name, chunks }) => {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      contents.set(name, Buffer.concat(parts));
    },
  );
  const path = (name: string) => `${archive}:${name}`;
  return {
    ...{ where: archive, folder: null, names: [...contents.keys()].sort(), path },
    async read(name) {
      const bytes = contents.get(name);
      if (bytes) return bytes;
      throw new DataError(`${path(name)} is missing`, { path: path(name) });
    },
  };
}
