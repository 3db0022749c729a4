/** Keeps two processes from writing the same files. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { DataError } from '../../errors.js';
import { diskError } from './failures.js';

/**
 * Does `work` while the file `lock` has the number of this process in it. A lock whose process is gone is taken over.
 * @param name of what is fetched, for the sentences
 * @throws DataError where another process has it, or it cannot be written.
 */
export async function locked<T>(lock: string, name: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++)
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (cause) {
      const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
      if (!isTaken || tries > 0) throw diskError(lock, cause);
      const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
      if (isAlive(owner))
        throw new DataError(
          `${name} is being fetched by another process (${owner}): wait for it, or remove ${lock} where there is none`,
          { path: lock, actual: owner },
        );
      await rm(lock, { force: true });
    }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

function isAlive(id: number): boolean {
  if (!Number.isInteger(id) || id < 1) return false;
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
