/** Reads whole files, with the operating system's codes put into words. */
import { readFile } from 'node:fs/promises';
import { DataError } from '../errors.js';

const words: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder, not a file',
  ENOTDIR: 'it, or a part of its path, is a file and not a folder',
  ELOOP: 'its links go round in a circle',
};

/** What a failed file operation says: our words for the usual codes, otherwise the system's own. */
export function fileReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return words[code] ?? (error instanceof Error ? error.message : String(error));
}

/**
 * The bytes of a file.
 * @throws DataError with the path and the reason; `details.actual` is the reason alone.
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = `cannot be read: ${fileReason(cause)}`;
    throw new DataError(`${path} ${reason}`, { path, actual: reason, cause });
  }
}
