/** Checksums of files, computed as they are read. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { DataError } from '../../errors.js';
import { fileReason } from '../read-bytes.js';

/** What a file's content should be. */
export interface Expected {
  readonly bytes?: number;
  /** In hexadecimal digits. */
  readonly sha256?: string;
  readonly md5?: string;
  /** As npm states it: `sha512-` and base 64. */
  readonly integrity?: string;
}

/** What it is. */
export interface Checksums {
  readonly bytes: number;
  readonly sha256: string;
  readonly md5: string;
  readonly integrity: string;
}

/**
 * Reads a file once for all its checksums.
 * @throws DataError where it cannot be read.
 */
export async function checksumsOf(path: string): Promise<Checksums> {
  const [sha256, md5, sha512] = ['sha256', 'md5', 'sha512'].map((name) => createHash(name));
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      for (const hash of [sha256, md5, sha512]) hash?.update(chunk);
    }
  } catch (cause) {
    throw new DataError(`${path} cannot be read: ${fileReason(cause)}`, { path, cause });
  }
  return {
    bytes,
    sha256: sha256?.digest('hex') ?? '',
    md5: md5?.digest('hex') ?? '',
    integrity: `sha512-${sha512?.digest('base64') ?? ''}`,
  };
}

/** The first thing in which a file is not what it should be, in words; null where it is. */
export function difference(found: Checksums, expected: Expected): string | null {
  if (expected.bytes !== undefined && found.bytes !== expected.bytes)
    return `it has ${found.bytes} bytes, ${expected.bytes} are expected`;
  for (const kind of ['sha256', 'md5', 'integrity'] as const) {
    const wanted = expected[kind];
    if (wanted !== undefined && wanted !== found[kind])
      return `its ${kind === 'sha256' ? 'SHA-256' : kind === 'md5' ? 'MD5' : 'integrity'} is ${found[kind]}, ${wanted} is expected`;
  }
  return null;
}
