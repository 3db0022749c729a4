/** Files that are looked at again and again, for a command that stays while they are edited. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export interface WatchedFiles {
  /** Waits. True once a file has come, gone or changed since the last time, false once the signal is aborted. */
  changed(): Promise<boolean>;
}

/** Milliseconds from one look to the next: ours. */
const every = 50;

/**
 * Watches files, and all that lies in folders, by size and time. Looks rather than asks the system to tell: editors put new
 * files in the place of old ones, and folders on other machines tell nothing.
 * @param paths files or folders; one that is not there yet may come
 */
export async function watchFiles(
  paths: readonly string[],
  signal: AbortSignal,
): Promise<WatchedFiles> {
  let known = await stampOf(paths);
  const next = async (): Promise<string | null> => {
    await pause(every, undefined, { signal }).catch(() => undefined);
    return signal.aborted ? null : stampOf(paths);
  };
  return {
    async changed() {
      for (let stamp = await next(); stamp !== null; stamp = await next()) {
        if (stamp === known) continue;
        // What is still being written differs at the next look.
        if ((await next()) !== stamp) continue;
        known = stamp;
        return true;
      }
      return false;
    },
  };
}

async function stampOf(paths: readonly string[]): Promise<string> {
  const stamps = await Promise.all(paths.map((path) => stampOfOne(path)));
  return stamps.join('\n');
}

/** Differs where the file, or one in the folder, has changed. */
async function stampOfOne(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (!found?.isDirectory()) return `${path} ${found?.mtimeMs} ${found?.size} ${found?.ino}`;
  const names = await readdir(path).catch(() => []);
  return stampOf(names.map((name) => join(path, name)));
}
