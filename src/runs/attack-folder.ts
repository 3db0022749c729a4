/** The folder of an audit on disk: what lies where, and who may write into it. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UsageError } from '../errors.js';
import { describeFailure, errorCode } from './atomic-file.js';
import { makeFolder, type OpenRunOptions } from './run-folder.js';

/** Absolute paths of an audit's files. */
export interface AttackPaths {
  readonly path: string;
  /** The configuration as resolved. */
  readonly config: string;
  /** One line an image; its presence makes a folder an audit's. */
  readonly ledger: string;
  /** Answers of images that are not done; gone when all are. */
  readonly journal: string;
  /** Folders of PNG files: 8-bit images as the model took and judged them. */
  readonly originals: string;
  readonly adversarial: string;
  readonly report: string;
  /** The contact sheet with this number, from 1. */
  sheet(number: number): string;
}

/** Where the files of the audit in the folder `path` lie. Touches nothing. */
export function attackPaths(path: string): AttackPaths {
  const root = resolve(path);
  return {
    path: root,
    config: join(root, 'config.yaml'),
    ledger: join(root, 'ledger.jsonl'),
    journal: join(root, 'journal.jsonl'),
    originals: join(root, 'originals'),
    adversarial: join(root, 'adversarial'),
    report: join(root, 'report.html'),
    sheet: (number) => join(root, `contact-sheet-${number}.png`),
  };
}

/** Names of all that an audit writes at the top of its folder, temporary files of a killed process included. */
const ours =
  /^(?:config\.yaml|ledger\.jsonl|journal\.jsonl|report\.html|contact-sheet-\d+\.png|originals|adversarial)(?:\.tmp-\d+)?$/;

/** An audit's folder, ready to be written. */
export interface AttackFolder extends AttackPaths {
  /** Whether it goes on with an audit that was there. */
  readonly resumed: boolean;
}

/**
 * Makes the folder of an audit ready for writing. One process at a time may have it open.
 * @throws UsageError where the folder cannot be made or written, holds something else, or holds an audit and `options` do
 *   not say what to do with it.
 */
export async function openAttackFolder(
  path: string,
  { overwrite = false, resume = false }: OpenRunOptions = {},
): Promise<AttackFolder> {
  if (overwrite && resume)
    throw new UsageError('audit: --overwrite and --resume exclude each other. Give one of them.', {
      path,
    });
  const paths = attackPaths(path);
  try {
    const names = await namesIn(paths.path);
    const isAudit = names.includes('ledger.jsonl');
    // What is ours alone was left by a process that was killed before its first line; a journal comes after it.
    const isLeft = names.every((name) => ours.test(name)) && !names.includes('journal.jsonl');
    if (!isAudit && !isLeft)
      throw new UsageError(
        `audit: ${path} holds files that are not an audit's, and nothing there is touched. Choose an empty or a new folder.`,
        { path },
      );
    if (isAudit && !overwrite && !resume)
      throw new UsageError(
        `audit: ${path} already holds one. Add --resume to go on with it, --overwrite to replace it, or choose another folder.`,
        { path },
      );
    // The ledger, which marks an audit, goes last, so that a removal cut short is still known for what it is.
    if (overwrite)
      for (const name of names.toSorted(
        (a, b) => Number(a === 'ledger.jsonl') - Number(b === 'ledger.jsonl'),
      ))
        if (ours.test(name)) await rm(join(paths.path, name), { recursive: true, force: true });
    for (const folder of [paths.path, paths.originals, paths.adversarial]) await makeFolder(folder);
    return { ...paths, resumed: isAudit && resume };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const { reason, remedy } = describeFailure(cause, paths.path);
    throw new UsageError(`audit: cannot write into ${path}: ${reason}. ${remedy}`, {
      path: paths.path,
      cause,
    });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory() === false)
    throw new UsageError(`audit: ${folder} is a file. Choose another folder.`, { path: folder });
  return readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
}
