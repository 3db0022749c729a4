/** What the network, the disk and the system say when something fails, in words. */
import { statfs } from 'node:fs/promises';
import { DataError } from '../../errors.js';
import { fileReason } from '../read-bytes.js';

/** The error code of a failure or of what caused it: `ENOSPC`, `ECONNREFUSED`. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return codeOf(error.cause);
}

const networkWords: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its address is not known: there is no network, or no such host',
  EAI_AGAIN: 'its address could not be looked up: there may be no network',
  ECONNREFUSED: 'it refuses connections',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'it cannot be reached',
  ENETUNREACH: 'it cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'it does not answer',
  UND_ERR_BODY_TIMEOUT: 'it stopped sending',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is its own',
};

/** What a failed request says. */
export function networkReason(error: unknown): string {
  const code = codeOf(error);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return networkWords[code] ?? (cause instanceof Error ? cause.message : String(cause));
}

const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(codeOf(error));
const fileCodes = ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'EFBIG', 'ENOTDIR'];

/** Whether the disk failed and not the network. */
export const isDiskFailure = (error: unknown): boolean => fileCodes.includes(codeOf(error));

/** The error for a file that could not be written. */
export function diskError(path: string, cause: unknown): DataError {
  const what = isFull(cause)
    ? 'the disk is full. Free some space, or set ESPALIER_CACHE to a folder on another disk'
    : `${fileReason(cause)}. Set ESPALIER_CACHE to a folder that can be written to`;
  return new DataError(`${path} cannot be written: ${what}.`, { path, cause });
}

/** Free bytes for us on the disk of a folder; infinite where the system does not say. */
export async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Looks for room before anything is fetched.
 * @throws DataError where a folder's disk has less than `bytes` free.
 */
export async function requireSpace(
  folder: string,
  bytes: number,
  free: (folder: string) => Promise<number> = freeBytes,
): Promise<void> {
  const left = await free(folder);
  if (left < bytes)
    throw new DataError(
      `${folder} has ${megabytes(left)} free and ${megabytes(bytes)} are needed: free some space, or set ESPALIER_CACHE to a folder on another disk`,
      { path: folder, expected: bytes, actual: left },
    );
}

/** `170.1 MB`. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
