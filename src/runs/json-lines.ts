/** Files of JSON lines that are written while work goes on, and read again after it was cut short anywhere. */
import {
  appendFileSync,
  closeSync,
  createReadStream,
  fdatasyncSync,
  ftruncateSync,
  openSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { DataError, TrainingError } from '../errors.js';
import { describeFailure, errorCode } from './atomic-file.js';

/** A file to which whole lines are appended. */
export interface JsonLines {
  /**
   * Writes the value as a line: in the file when this returns, so that a killed process loses nothing of it.
   * @param flushed also on the disk, against a power cut
   * @throws TrainingError where the disk is full or fails.
   */
  append(value: unknown, flushed?: boolean): void;
  /** Writes lines that belong together at once: a killed process has left all of them or none. */
  appendAll(values: readonly unknown[], flushed?: boolean): void;
  close(): void;
}

/**
 * Opens a file for appending, and makes it where there is none. What follows the last line break, of a process that was
 * killed while it wrote, is cut off.
 * @param what begins the sentence of an error: `ledger`
 * @throws TrainingError where it cannot be written.
 */
export async function openJsonLines(path: string, what: string): Promise<JsonLines> {
  const guarded = <T>(operation: () => T): T => {
    try {
      return operation();
    } catch (cause) {
      const { reason, remedy } = describeFailure(cause, path);
      throw new TrainingError(`${what}: cannot write ${path}: ${reason}. ${remedy}`, {
        path,
        cause,
      });
    }
  };
  const whole = await wholeLength(path);
  const file = guarded(() => openSync(path, 'a'));
  guarded(() => ftruncateSync(file, whole));
  const appendAll = (values: readonly unknown[], flushed = false): void =>
    guarded(() => {
      appendFileSync(file, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
      if (flushed) fdatasyncSync(file);
    });
  return {
    append: (value, flushed) => appendAll([value], flushed),
    appendAll,
    close: () => closeSync(file),
  };
}

const chunk = 65_536;
const lineBreak = 0x0a;

/** Bytes up to the end of the last whole line; 0 where there is no file. */
async function wholeLength(path: string): Promise<number> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return 0;
  try {
    const buffer = Buffer.alloc(chunk);
    for (let end = (await file.stat()).size; end > 0; ) {
      const from = Math.max(0, end - chunk);
      const { bytesRead } = await file.read(buffer, 0, end - from, from);
      const at = buffer.subarray(0, bytesRead).lastIndexOf(lineBreak);
      if (at >= 0) return from + at + 1;
      end = from;
    }
    return 0;
  } finally {
    await file.close();
  }
}

/**
 * The whole lines of a file, one at a time; none where there is no file. A last line without its end is left out.
 * @throws DataError naming the line that the schema does not take.
 */
export async function* readJsonLines<T>(
  path: string,
  schema: z.ZodType<T>,
  what: string,
): AsyncGenerator<T> {
  const whole = await wholeLength(path).catch((cause: unknown) => {
    const { reason } = describeFailure(cause, path);
    throw new DataError(`${what}: cannot read ${path}: ${reason}.`, { path, cause });
  });
  if (whole === 0) return;
  const input = createReadStream(path, { encoding: 'utf8', end: whole - 1 });
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    let value: T;
    try {
      value = schema.parse(JSON.parse(line));
    } catch (cause) {
      const problem = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
      throw new DataError(
        `${what}: ${path}, line ${number} is not one of ours: ${problem}. Delete that line.`,
        { path, cause },
      );
    }
    yield value;
  }
}
