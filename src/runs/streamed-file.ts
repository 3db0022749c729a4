/**
 * A file that is written piece by piece, over minutes perhaps, and yet is there whole or not at all: a temporary file
 * beside it, flushed, then renamed over it.
 */
import { open, rename, rm } from 'node:fs/promises';
import { TrainingError } from '../errors.js';
import { describeFailure, temporaryPath } from './atomic-file.js';

/** A file that is being written. */
export interface StreamedFile {
  /**
   * Writes bytes at a position, or after the last ones.
   * @throws TrainingError saying what could not be written, where and why; nothing of the file is left then.
   */
  write(bytes: Uint8Array, position?: number): Promise<void>;
  /** Makes it the file at its path. @throws TrainingError as `write`. */
  finish(): Promise<void>;
  /** Removes what was written; the file at the path stays as it was. Nothing after `finish`. */
  abandon(): Promise<void>;
}

/** An open file, as far as writing one needs it. */
export interface PositionedFile {
  write(
    bytes: Uint8Array,
    from: number,
    count: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a file for writing.
 * @param what for the error's sentence: `class map`
 * @param openFile Node's own, or a test's that fails
 * @throws TrainingError where it cannot be opened.
 */
export async function openStreamed(
  path: string,
  what: string,
  openFile: (path: string, flags: string) => Promise<PositionedFile> = open,
): Promise<StreamedFile> {
  const temporary = temporaryPath(path);
  let file: PositionedFile | null = null;
  let end = 0;
  const abandon = async (): Promise<void> => {
    if (!file) return;
    const opened = file;
    file = null;
    await opened.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
  };
  const guarded = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (cause) {
      await abandon();
      if (cause instanceof TrainingError) throw cause;
      const { reason, remedy } = describeFailure(cause, path);
      throw new TrainingError(`${what}: cannot write ${path}: ${reason}. ${remedy}`, {
        path,
        cause,
      });
    }
  };
  await guarded(async () => {
    file = await openFile(temporary, 'w');
  });
  const opened = (): PositionedFile => {
    if (file) return file;
    throw new TrainingError(`${what}: ${path} is finished already`, { path });
  };
  return {
    write: (bytes, position = end) =>
      guarded(async () => {
        let done = 0;
        while (done < bytes.length)
          done += (await opened().write(bytes, done, bytes.length - done, position + done))
            .bytesWritten;
        end = Math.max(end, position + bytes.length);
      }),
    finish: () =>
      guarded(async () => {
        await opened().sync();
        await opened().close();
        await rename(temporary, path);
        file = null;
      }),
    abandon,
  };
}
