/** Writes the files of an archive into a folder. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DataError, EspalierError } from '../../errors.js';
import { diskError } from './failures.js';
import { type ArchiveCaps, readTar } from './tar.js';

/**
 * Writes the files of an archive into a folder, each path without its first folder (`package/`, `cifar-10-batches-bin/`).
 * @throws DataError as `readTar`, and where the disk is full or two entries have one name.
 */
export async function unpack(archive: string, folder: string, caps: ArchiveCaps): Promise<void> {
  await readTar(createReadStream(archive), archive, caps, async ({ name, chunks }) => {
    const path = join(folder, name.replace(/^[^/]+\/(?=.)/, ''));
    try {
      await mkdir(dirname(path), { recursive: true });
      await pipeline(chunks, createWriteStream(path, { flags: 'wx' }));
    } catch (cause) {
      if (cause instanceof EspalierError) throw cause;
      const twice = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
      if (!twice) throw diskError(path, cause);
      throw new DataError(`${archive} is not unpacked: it has the file ${name} twice`, {
        path: archive,
        actual: name,
      });
    }
  });
}
