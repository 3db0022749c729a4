/** The folder in which fetched data sets are kept. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** File of a fetched data set that says what it is; a folder without it is not complete. */
export const receiptFile = 'espalier.json';

const receiptSchema = z.object({
  name: z.string(),
  /** Package or addresses that it came from. */
  from: z.array(z.string()),
  /** SHA-256 of what was fetched, by file. */
  fetched: z.record(z.string(), z.string()),
  /** Bytes of every file in the folder. */
  files: z.record(z.string(), z.number()),
});

/** What a data set's folder says of itself. */
export type Receipt = z.output<typeof receiptSchema>;

/** ESPALIER_CACHE, or `espalier` in XDG_CACHE_HOME, or `~/.cache/espalier`. */
export function cacheFolder(env: Environment = process.env): string {
  const { ESPALIER_CACHE: own, XDG_CACHE_HOME: xdg, HOME: home } = env;
  if (own) return resolve(own);
  return join(xdg ? resolve(xdg) : join(home ?? homedir(), '.cache'), 'espalier');
}

/** Where a data set of this name is kept. */
export function dataFolder(name: string, env?: Environment): string {
  return join(cacheFolder(env), 'data', name);
}

/** What a folder says of itself; null where it is not there, not complete, or says nothing that can be read. */
export async function readReceipt(folder: string): Promise<Receipt | null> {
  try {
    return receiptSchema.parse(JSON.parse(await readFile(join(folder, receiptFile), 'utf8')));
  } catch {
    return null;
  }
}
