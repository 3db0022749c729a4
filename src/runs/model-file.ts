/** ONNX models in files, with the data that they keep in other files. Node only. */
import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { ModelError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import { readModel } from '../onnx/read.js';
import { writeModel, writeModelWithExternalData } from '../onnx/write.js';
import { writeAtomically } from './atomic-file.js';
import { makeFolder } from './run-folder.js';

/** The largest protobuf message, in bytes. */
const maximumFileBytes = 2 ** 31 - 1;

/**
 * The model in the file `path`. External data are read only from inside the folder of `path`: a location that is
 * absolute, contains `..`, or leads outside through a symbolic link is refused.
 * @throws ModelError with `path` in its details: no such file, not an ONNX model (see `readModel`), or external
 * data that are missing, too short, or outside the folder.
 */
export async function readModelFile(path: string): Promise<Model> {
  const bytes = await readWhole(path);
  const data = new ExternalFolder(dirname(resolve(path)));
  try {
    return readModel(bytes, { external: (...range) => data.read(...range) });
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    throw new ModelError(`${path}: ${error.message}`, { path, ...error.details, cause: error });
  } finally {
    data.close();
  }
}

/** How a model is stored. */
export interface WriteModelFileOptions {
  /**
   * Whether large tensors go into a second file in the same folder: `true` for `<name>.data`, or a name and the
   * size in bytes from which on tensors are moved there (1024). Needed beyond 2 GB.
   */
  readonly externalData?: boolean | { readonly location?: string; readonly minimumBytes?: number };
}

/**
 * Writes `model` to `path`, whose folder is made where there is none. Each file is replaced atomically, the data before
 * the model that points into them; give a new `location` where a reader may come between the two.
 * @throws ModelError where the model does not fit into 2 GB; TrainingError where a file cannot be written.
 */
export async function writeModelFile(
  path: string,
  model: Model,
  options: WriteModelFileOptions = {},
): Promise<void> {
  const { externalData = false } = options;
  // Where it cannot be made, the writing says why.
  await makeFolder(dirname(path)).catch(() => undefined);
  if (externalData === false) {
    await writeAtomically(path, writeModel(model), { what: 'model' });
    return;
  }
  const { location = `${basename(path)}.data`, minimumBytes } =
    externalData === true ? {} : externalData;
  const { bytes, data } = writeModelWithExternalData(model, location, minimumBytes);
  await writeAtomically(resolve(dirname(path), location), data, { what: 'model data' });
  await writeAtomically(path, bytes, { what: 'model' });
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > maximumFileBytes)
      throw new ModelError(
        `${path}: not an ONNX model, which is at most 2 GB, got ${(size / 1e9).toFixed(2)} GB. Large models keep their data in a second file: give the .onnx file.`,
        { path },
      );
    return await readFile(path);
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(`cannot read the model ${path}: ${reasonOf(error)}`, {
      path,
      cause: error,
    });
  }
}

/** Reads ranges of the files of one folder; each file is opened once. */
class ExternalFolder {
  readonly #folder: string;
  readonly #files = new Map<string, { readonly handle: number; readonly size: number }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(location: string, offset: number, length: number | undefined): Uint8Array {
    const { handle, size } = this.#files.get(location) ?? this.#open(location);
    const wanted = length ?? Math.max(size - offset, 0);
    if (offset + wanted > size)
      throw new ModelError(
        `external data "${location}" are too short: bytes ${offset} to ${offset + wanted} are asked for, the file has ${size}. Fetch it again.`,
        { path: location, expected: offset + wanted, actual: size },
      );
    const bytes = new Uint8Array(wanted);
    for (let done = 0; done < wanted; ) {
      const count = readSync(handle, bytes, done, Math.min(wanted - done, 2 ** 30), offset + done);
      if (count === 0) throw new ModelError(`external data "${location}" ended while being read`);
      done += count;
    }
    return bytes;
  }

  close(): void {
    for (const { handle } of this.#files.values()) closeSync(handle);
    this.#files.clear();
  }

  #open(location: string): { readonly handle: number; readonly size: number } {
    assertRelative(location);
    try {
      const path = this.#realPath(location);
      // Asked before it is opened: to open a pipe would wait for a writer.
      if (!statSync(path).isFile()) throw refusal(location, 'it is not an ordinary file.');
      const handle = openSync(path, 'r');
      const file = { handle, size: fstatSync(handle).size };
      this.#files.set(location, file);
      return file;
    } catch (error) {
      if (error instanceof ModelError) throw error;
      throw new ModelError(`external data "${location}" cannot be read: ${reasonOf(error)}`, {
        path: location,
        cause: error,
      });
    }
  }

  /** Where `location` is once all symbolic links are followed. */
  #realPath(location: string): string {
    const folder = realpathSync(this.#folder);
    const real = realpathSync(resolve(folder, location));
    const inside = relative(folder, real);
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))
      throw refusal(
        location,
        'a symbolic link leads out of the folder of the model. Put the file itself beside the model.',
      );
    return real;
  }
}

function assertRelative(location: string): void {
  const steps = location.split(/[/\\]/);
  if (isAbsolute(location) || /^[a-z]:/i.test(location) || steps[0] === '')
    throw refusal(location, 'its path is absolute. Only the folder of the model is read.');
  if (steps.includes('..') || location.includes('\0'))
    throw refusal(location, 'its path leaves the folder of the model.');
}

function refusal(location: string, reason: string): ModelError {
  return new ModelError(`external data "${location}" are refused: ${reason}`, { path: location });
}

/** Why a file cannot be read, with what to do. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file. Check the path.';
  if (code === 'EISDIR') return 'it is a folder. Give the path of a file.';
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied. Change its permissions.';
  return error instanceof Error ? error.message : String(error);
}
