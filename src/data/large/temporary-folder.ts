/** A folder for the length of some work, removed when that ends, fails, or is ended by a signal. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `work` with a folder of its own in the system's folder for temporary files (`TMPDIR`).
 * @returns what `work` returns; the folder is gone by then
 */
export async function withTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  const removeNow = (): void => rmSync(folder, { recursive: true, force: true });
  const onSignal = (signal: NodeJS.Signals): void => {
    removeNow();
    // Where nobody else listens, the signal ends the process, as it would without us.
    if (process.listenerCount(signal) > 1) return;
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  };
  process.on('exit', removeNow);
  for (const signal of signals) process.on(signal, onSignal);
  try {
    return await work(folder);
  } finally {
    process.off('exit', removeNow);
    for (const signal of signals) process.off(signal, onSignal);
    await rm(folder, { recursive: true, force: true });
  }
}
