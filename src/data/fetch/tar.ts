/** The entries of a tar archive, plain or compressed by gzip, each judged before anything is done with it. */

import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Extract } from 'tar-stream';
import { DataError, EspalierError } from '../../errors.js';
import { fileReason } from '../read-bytes.js';

/** What an archive may hold at most. */
export interface ArchiveCaps {
  /** Of all files together, uncompressed. */
  readonly bytes: number;
  readonly entries: number;
}

/** A file of the archive; `chunks` must be read to its end. */
export interface TarFile {
  /** Relative, forward slashes, no `..`. */
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Why an entry of this name may not be written, or null where it may. */
function nameFault(name: string): string | null {
  if (name === '' || name.includes('\0')) return 'has no usable name';
  if (name.length > 1024) return 'has a name of more than 1024 characters';
  if (/^[/\\]/.test(name) || /^[a-z]:/i.test(name)) return 'has an absolute path';
  if (name.includes('\\')) return 'has a backslash in its path';
  if (name.split('/').includes('..')) return 'leads out of its folder';
  return null;
}

/**
 * Reads an archive from its beginning to its end. Folders are passed over.
 * @param stream the archive, compressed where it begins as gzip does
 * @param path for the sentences
 * @param visit called for each file in turn
 * @throws DataError where the archive is damaged, an entry is a link or a device or would be written outside
 * the folder, or there is more in it than `caps` allow; and what `visit` throws.
 */
export async function readTar(
  stream: Readable,
  path: string,
  caps: ArchiveCaps,
  visit: (file: TarFile) => Promise<void>,
): Promise<void> {
  const refuse = (what: string, actual?: unknown) =>
    new DataError(`${path} is not unpacked: ${what}`, { path, actual });
  let bytes = 0;
  let entries = 0;
  const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > caps.bytes)
        throw refuse(`it holds more than the ${caps.bytes} bytes that are expected`, bytes);
      yield chunk;
    }
  };
  const { extract } = await import('tar-stream');
  const tar = extract();
  const visitAll = async () => {
    for await (const entry of tar) {
      const { type, name: raw, size } = entry.header;
      if (++entries > caps.entries) throw refuse(`it has more than ${caps.entries} entries`);
      const name = raw.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
      if (type === 'directory' && (name === '' || name === '.')) {
        entry.resume();
        continue;
      }
      const fault = nameFault(name);
      if (fault) throw refuse(`its entry ${JSON.stringify(raw)} ${fault}`, raw);
      if (type === 'directory') entry.resume();
      else if (type !== 'file' && type !== 'contiguous-file')
        throw refuse(
          `its entry ${JSON.stringify(raw)} is a ${type}, and only files are taken`,
          type,
        );
      else if (size !== undefined && bytes + size > caps.bytes)
        throw refuse(
          `its entry ${JSON.stringify(raw)} of ${size} bytes goes beyond the ${caps.bytes} bytes that are expected`,
          size,
        );
      else await visit({ name, chunks: counted(entry as AsyncIterable<Uint8Array>) });
    }
  };
  try {
    const feeding = feed(stream, tar);
    // The first of the two to fail stops the other; its error is the one that tells.
    await Promise.all([feeding, visitAll().catch((error) => stop(stream, tar, error))]);
  } catch (cause) {
    if (cause instanceof EspalierError || (cause instanceof Error && cause.name === 'AbortError'))
      throw cause;
    throw new DataError(
      `${path} cannot be unpacked: ${fileReason(cause)}. It is truncated or damaged; fetch it again.`,
      { path, cause },
    );
  }
}

function stop(stream: Readable, tar: Extract, error: unknown): never {
  const reason = error instanceof Error ? error : new Error(String(error));
  stream.destroy(reason);
  tar.destroy(reason);
  throw reason;
}

/** Sends the archive through gzip's decompressor where it needs it. */
async function feed(stream: Readable, tar: Extract): Promise<void> {
  const iterator = stream[Symbol.asyncIterator]();
  const first = await iterator.next();
  const head: Uint8Array = first.done ? new Uint8Array(0) : first.value;
  const whole = async function* () {
    yield head;
    for (let next = await iterator.next(); !next.done; next = await iterator.next())
      yield next.value as Uint8Array;
  };
  if (head[0] === 0x1f && head[1] === 0x8b) await pipeline(whole, createGunzip(), tar);
  else await pipeline(whole, tar);
}
