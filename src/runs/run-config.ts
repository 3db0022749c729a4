/** The configuration that a run was made with, kept beside what it made. */
import { readFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { DataError } from '../errors.js';
import { type FileSystem, nodeFileSystem, writeAtomically } from './atomic-file.js';
import type { RunPaths } from './run-folder.js';

/**
 * Writes `config.yaml`.
 * @param config plain data: objects, lists, text, numbers, booleans, null
 * @throws TrainingError where the file cannot be written.
 */
export async function writeRunConfig(
  paths: Pick<RunPaths, 'config'>,
  config: unknown,
  files: FileSystem = nodeFileSystem,
): Promise<void> {
  await writeAtomically(paths.config, stringify(config), { what: 'configuration' }, files);
}

/**
 * Reads `config.yaml` as plain data, for the caller to check.
 * @throws DataError where there is none, or it is not YAML.
 */
export async function readRunConfig({ config: path }: Pick<RunPaths, 'config'>): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new DataError(`configuration: cannot read ${path} (${String(cause)}). Is it a run?`, {
      path,
      cause,
    });
  });
  try {
    return parse(text) as unknown;
  } catch (cause) {
    throw new DataError(`configuration: ${path} is not YAML (${String(cause)}). Mend it.`, {
      path,
      cause,
    });
  }
}
