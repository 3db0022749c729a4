/** A run's folder on disk: what lies where, and who may write into it. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '../errors.js';
import {
  describeFailure,
  errorCode,
  type FileSystem,
  nodeFileSystem,
  temporaryName,
  temporaryPath,
} from './atomic-file.js';

/** Absolute paths of a run's files; which of them exist depends on how far the run is. */
export interface RunPaths {
  readonly path: string;
  /** The configuration as resolved. */
  readonly config: string;
  /** One event a line; its presence makes a folder a run's. */
  readonly metrics: string;
  readonly checkpoints: { readonly last: string; readonly best: string };
  readonly model: string;
  readonly report: string;
  /** Folder of the same model as transformers.js loads it. */
  readonly huggingFace: string;
}

/** A run's folder, ready to be written. */
export interface RunFolder extends RunPaths {
  /** Whether it goes on with a run that was there. */
  readonly resumed: boolean;
}

/** What may happen to a run that is there already. */
export interface OpenRunOptions {
  /** Delete its files. Other files in the folder stay. */
  readonly overwrite?: boolean;
  /** Go on with it; where there is none yet, begin. */
  readonly resume?: boolean;
  /**
   * For a report alone, which does not replace what was trained: `check` makes the folder and sees that it can be
   * written, and leaves what is there until `write`, when the work is done.
   */
  readonly report?: 'check' | 'write';
}

const checkpointFolder = 'checkpoint';

/** Where the files of the run in the folder `path` lie. Touches nothing, so it serves readers. */
export function runPaths(path: string): RunPaths {
  const root = resolve(path);
  return {
    path: root,
    config: join(root, 'config.yaml'),
    metrics: join(root, 'metrics.jsonl'),
    checkpoints: {
      last: join(root, checkpointFolder, 'last.safetensors'),
      best: join(root, checkpointFolder, 'best.safetensors'),
    },
    model: join(root, 'model.onnx'),
    report: join(root, 'report.html'),
    huggingFace: join(root, 'huggingface'),
  };
}

/**
 * Makes the folder of a run ready for writing, and removes temporary files that a killed process left there. One
 * process at a time may have a run open.
 * @throws UsageError where the folder cannot be made or written, holds something that is not a run, or holds a
 *   run and `options` do not say what to do with it.
 */
export async function openRunFolder(
  path: string,
  { overwrite = false, resume = false, report }: OpenRunOptions = {},
  files: FileSystem = nodeFileSystem,
): Promise<RunFolder> {
  if (overwrite && resume)
    throw new UsageError(
      'run folder: --overwrite and --resume exclude each other. Give one of them.',
      { path },
    );
  const paths = runPaths(path);
  try {
    await removeTemporaryFiles(paths);
    const state = await stateOf(paths);
    if (state === 'foreign') throw notARun(path);
    // Reports have no events.
    if (state === 'run' && report && (await stat(paths.metrics)).size > 0)
      throw holdsTraining(path);
    if (state === 'run' && !overwrite && !resume) throw alreadyThere(path, report);
    if (state === 'run' && overwrite && report !== 'check') await removeRun(paths);
    await makeFolder(join(paths.path, checkpointFolder));
    await checkWritable(paths, files);
    if (report !== 'check') await (await files.open(paths.metrics, 'a')).close();
    return { ...paths, resumed: state === 'run' && resume };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const { reason, remedy } = describeFailure(cause, paths.path, files);
    throw new UsageError(`run folder: cannot write into ${path}: ${reason}. ${remedy}`, {
      path: paths.path,
      cause,
    });
  }
}

function alreadyThere(path: string, report: OpenRunOptions['report']): UsageError {
  const remedy = report ? '' : '--resume to go on with it, ';
  return new UsageError(
    `run folder: ${path} already holds a run. Add ${remedy}--overwrite to replace it, or choose another folder.`,
    { path },
  );
}

function holdsTraining(path: string): UsageError {
  return new UsageError(
    `run folder: ${path} holds what a training made, which no report replaces. Choose another folder.`,
    { path },
  );
}

function notARun(path: string): UsageError {
  return new UsageError(
    `run folder: ${path} holds files that are not a run's, and nothing there is touched. Choose an empty or a new folder.`,
    { path },
  );
}

/**
 * Makes a folder and those above it. Node's own recursive mkdir never returns where a file system answers ENOENT
 * to a folder whose parent exists, as /proc does, and hides EROFS.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  try {
    await mkdir(path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST' || !(await isFolder(path))) throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.isDirectory() ?? false;
}

/** Names in a folder, none where there is no folder. */
async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
}

/** The metrics file alone marks a run: a `config.yaml` or a `model.onnx` may be the user's own. */
async function stateOf(paths: RunPaths): Promise<'empty' | 'run' | 'foreign'> {
  const found = await stat(paths.path).catch(() => null);
  if (found?.isDirectory() === false)
    throw new UsageError(`run folder: ${paths.path} is a file. Choose another folder.`, {
      path: paths.path,
    });
  const names = await namesIn(paths.path);
  if (names.includes('metrics.jsonl')) return 'run';
  const onlyOurs = names.every((name) => name === checkpointFolder);
  const inner =
    names.length > 0 && onlyOurs ? await namesIn(join(paths.path, checkpointFolder)) : [];
  return onlyOurs && inner.length === 0 ? 'empty' : 'foreign';
}

async function removeTemporaryFiles(paths: RunPaths): Promise<void> {
  const ours = new Set(runFiles(paths));
  for (const folder of [paths.path, join(paths.path, checkpointFolder)]) {
    const names = await namesIn(folder).catch(() => []);
    for (const name of names) {
      const [, target] = temporaryName.exec(name) ?? [];
      if (target !== undefined && ours.has(join(folder, target)))
        await rm(join(folder, name), { force: true });
    }
  }
}

/** The mark of a run goes last, so that a removal cut short is still known for a run's folder. */
async function removeRun(paths: RunPaths): Promise<void> {
  for (const file of runFiles(paths)) await rm(file, { force: true });
}

function runFiles(paths: RunPaths): string[] {
  const { checkpoints, config, model, report, metrics, huggingFace } = paths;
  const exported = ['config.json', 'preprocessor_config.json', 'README.md', 'onnx/model.onnx'];
  return [
    checkpoints.last,
    checkpoints.best,
    config,
    model,
    report,
    ...exported.map((name) => join(huggingFace, name)),
    metrics,
  ];
}

/** Writes as a checkpoint will be written, so that hours of training do not end in "permission denied". */
async function checkWritable(paths: RunPaths, files: FileSystem): Promise<void> {
  const probe = temporaryPath(paths.checkpoints.last);
  await (await files.open(probe, 'w')).close();
  await files.rm(probe, { force: true });
}
