/**
 * Writes a file so that whoever reads it finds the old content or the new, whole, whenever the process or the
 * machine stops: a temporary file beside it, flushed, then renamed over it.
 */
import { statfsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TrainingError } from '../errors.js';

/** An open file, as far as writing one needs it. */
export interface OpenFile {
  writeFile(content: Uint8Array | string): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The file operations behind a write: Node's own, or a test's that fail. */
export interface FileSystem {
  open(path: string, flags: string): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: boolean }): Promise<void>;
  statfs(path: string): { blocks: number; bavail: number; bsize: number };
}

/** Node's file operations. */
export const nodeFileSystem: FileSystem = { open, rename, rm, statfs: statfsSync };

/** What a failed write says beyond the failure itself. */
export interface WriteOptions {
  /** What is written, for the error's sentence: `checkpoint`. */
  readonly what: string;
  /** A sentence added to the error's, such as one on what survives. */
  readonly afterFailure?: string;
}

/** Matches the name of a temporary file and captures the name of the file that it was to become. */
export const temporaryName = /^(.+)\.tmp-\d+$/;

/** The temporary file beside `path`: it carries the process, so that two never share one. */
export function temporaryPath(path: string): string {
  return `${path}.tmp-${process.pid}`;
}

/**
 * Replaces the file at `path` by `content` at once. Where anything fails before the rename, the file stays as it
 * was and the temporary one is removed.
 * @throws TrainingError saying what could not be written, where, why, how much room there is, and what to do.
 */
export async function writeAtomically(
  path: string,
  content: Uint8Array | string,
  { what, afterFailure }: WriteOptions,
  files: FileSystem = nodeFileSystem,
): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await writeAndFlush(temporary, content, files);
    await files.rename(temporary, path);
    await flushFolder(dirname(path), files);
  } catch (cause) {
    await files.rm(temporary, { force: true }).catch(() => undefined);
    const failure = describeFailure(cause, path, files);
    const size = formatBytes(
      typeof content === 'string' ? Buffer.byteLength(content) : content.byteLength,
    );
    throw new TrainingError(
      [`${what}: cannot write ${path} (${size}): ${failure.reason}.`, afterFailure, failure.remedy]
        .filter((sentence) => sentence !== undefined)
        .join(' '),
      { path, cause },
    );
  }
}

/** Why a file operation failed and what to do about it, for the sentence of an error. */
export interface Failure {
  /** Without its full stop: `no space left on the device (ENOSPC), 4.1 kB free there`. */
  readonly reason: string;
  readonly remedy: string;
}

/** Explains the error of a file operation on `path`, with the room that its file system has left. */
export function describeFailure(
  cause: unknown,
  path: string,
  files: FileSystem = nodeFileSystem,
): Failure {
  const code = errorCode(cause);
  const [reason, remedy] = failures[code ?? ''] ?? [
    cause instanceof Error ? cause.message : String(cause),
    'Mend that, or choose another folder.',
  ];
  const free = freeBytes(path, files);
  const room = free === null ? '' : `, ${formatBytes(free)} free there`;
  return { reason: `${reason}${code === undefined ? '' : ` (${code})`}${room}`, remedy };
}

/** The code of a system error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** `4.10 kB`: three digits, decimal units. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

const choose = 'Choose another folder, or make this one writable.';
const failures: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: ['no space left on the device', 'Free some space, or choose a folder on another disk.'],
  EDQUOT: ['the disk quota is used up', 'Free some space, or choose a folder on another disk.'],
  EACCES: ['permission denied', choose],
  EPERM: ['operation not permitted', choose],
  EROFS: ['the file system is read-only', choose],
  ENOTDIR: ['a part of the path is a file, not a folder', 'Choose another folder.'],
  EEXIST: ['a file of that name is in the way', 'Move it away, or choose another folder.'],
  ENOENT: ['a part of the path does not exist and cannot be made', 'Choose another folder.'],
  EIO: ['the device failed', 'Check the disk, or choose a folder on another one.'],
};

async function writeAndFlush(
  path: string,
  content: Uint8Array | string,
  files: FileSystem,
): Promise<void> {
  const file = await files.open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the rename itself survive a power cut. Windows cannot open a folder, and needs no such thing. */
async function flushFolder(path: string, files: FileSystem): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await files.open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Some network file systems know no flush of folders; they order their operations themselves.
    if (!['EINVAL', 'ENOTSUP'].includes(errorCode(error) ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

/** Free bytes where `path` is, or would be; null where nobody can say, as for /proc. */
function freeBytes(path: string, files: FileSystem): number | null {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { blocks, bavail, bsize } = files.statfs(at);
      return blocks > 0 ? bavail * bsize : null;
    } catch {
      if (at === dirname(at)) return null;
    }
  }
}
