/** Checkpoints as files of a run's folder. */
import { access, readFile } from 'node:fs/promises';
import { DataError } from '../errors.js';
import type { CheckpointStore } from '../train/events.js';
import {
  describeFailure,
  errorCode,
  type FileSystem,
  nodeFileSystem,
  writeAtomically,
} from './atomic-file.js';
import type { RunPaths } from './run-folder.js';

/**
 * Keeps `checkpoint/last.safetensors` and `checkpoint/best.safetensors`. A save is atomic: whatever happens, the
 * file is the one before or the new one, whole. It needs room for both at once.
 * @throws TrainingError from `save` where the file cannot be written; DataError from `load` where it cannot be read.
 */
export function fileCheckpointStore(
  { checkpoints }: Pick<RunPaths, 'checkpoints'>,
  files: FileSystem = nodeFileSystem,
): CheckpointStore {
  return {
    async save(kind, bytes) {
      const path = checkpoints[kind];
      const earlier = await access(path).then(
        () => 'The one before it is kept: once mended, go on from there with --resume.',
        () => 'There is no earlier one.',
      );
      await writeAtomically(path, bytes, { what: 'checkpoint', afterFailure: earlier }, files);
    },
    async load(kind) {
      const path = checkpoints[kind];
      try {
        const { buffer, byteOffset, byteLength } = await readFile(path);
        return new Uint8Array(buffer, byteOffset, byteLength);
      } catch (cause) {
        if (errorCode(cause) === 'ENOENT') return null;
        const { reason } = describeFailure(cause, path, files);
        throw new DataError(`checkpoint: cannot read ${path}: ${reason}.`, { path, cause });
      }
    },
  };
}
