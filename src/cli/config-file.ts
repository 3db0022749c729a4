/** Options from a file. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileReason } from '../data/read-bytes.js';
import { UsageError } from '../errors.js';
import type { Command } from './command.js';
import type { Given } from './option.js';
import { didYouMean } from './suggest.js';

/**
 * The options in a YAML or JSON file (JSON is YAML), by key. A key without a value counts as not given, and so does what
 * a run says of its arguments: these are words of the command line.
 * @param file as the user wrote it, relative to `cwd`.
 * @throws UsageError where the file cannot be read, is not YAML, or has a key that the command does not know.
 */
export async function readConfigFile(
  file: string,
  cwd: string,
  command: Pick<Command, 'options' | 'arguments'>,
): Promise<Map<string, Given>> {
  const path = resolve(cwd, file);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`--config: cannot read ${file}: ${fileReason(cause)}`, { path, cause });
  });
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem)
    throw new UsageError(`--config: ${file} is not YAML or JSON: ${problem.message.trim()}`, {
      path,
      cause: problem,
    });
  const content: unknown = document.toJS() ?? {};
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new UsageError(
      `--config: ${file} must hold options as keys and values, such as "epochs: 10"`,
      { path },
    );
  const known = new Set(command.options.map(({ key }) => key));
  const given = new Map<string, Given>();
  for (const [key, value] of Object.entries(content)) {
    if (command.arguments.some(({ name }) => name === key)) continue;
    if (!known.has(key))
      throw new UsageError(
        `unknown key "${key}" in ${file}.${didYouMean(key, known)} The keys are ${[...known].join(', ')}`,
        { path, expected: [...known], actual: key },
      );
    if (value !== null) given.set(key, { value, place: `${key} in ${file}` });
  }
  return given;
}
