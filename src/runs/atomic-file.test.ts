import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TrainingError } from '../errors.js';
import {
  describeFailure,
  type FileSystem,
  formatBytes,
  nodeFileSystem,
  writeAtomically,
} from './atomic-file.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'atomic-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Operation = 'open' | 'writeFile' | 'sync' | 'close' | 'rename';

/** Node's file operations, of which one fails; a failed write leaves half a file. */
function failing(operation: Operation, code: string): FileSystem {
  const fail = () => Promise.reject(Object.assign(new Error(`${code}: made up`), { code }));
  return {
    ...nodeFileSystem,
    statfs: () => ({ blocks: 100, bavail: 3, bsize: 4115 }),
    rename: operation === 'rename' ? fail : nodeFileSystem.rename,
    async open(path, flags) {
      if (operation === 'open') return fail();
      const file = await nodeFileSystem.open(path, flags);
      return {
        async writeFile(content) {
          await file.writeFile(operation === 'writeFile' ? 'ha' : content);
          if (operation === 'writeFile') await fail();
        },
        sync: operation === 'sync' ? fail : () => file.sync(),
        async close() {
          await file.close();
          if (operation === 'close') await fail();
        },
      };
    },
  };
}

describe('writeAtomically', () => {
  it('writes a new file and replaces an old one', async () => {
    const path = join(folder, 'a.txt');
    await writeAtomically(path, 'first, longer', { what: 'note' });
    await writeAtomically(path, Uint8Array.of(104, 105), { what: 'note' });
    expect(readFileSync(path, 'utf8')).toBe('hi');
    expect(readdirSync(folder)).toEqual(['a.txt']);
  });

  it('flushes the file before the rename, and the folder after it', async () => {
    const calls: string[] = [];
    const path = join(folder, 'a.txt');
    await writeAtomically(
      path,
      'x',
      { what: 'note' },
      {
        ...nodeFileSystem,
        async open(at, flags) {
          const file = await nodeFileSystem.open(at, flags);
          const name = at === folder ? 'folder' : 'file';
          return {
            writeFile: (content) => file.writeFile(content),
            close: () => file.close(),
            async sync() {
              calls.push(`flush ${name}`);
              await file.sync();
            },
          };
        },
        async rename(from, to) {
          calls.push('rename');
          await nodeFileSystem.rename(from, to);
        },
      },
    );
    expect(calls).toEqual(['flush file', 'rename', 'flush folder']);
  });

  it.each(['open', 'writeFile', 'sync', 'close', 'rename'] as const)(
    'keeps the old file and leaves nothing behind where %s fails',
    async (operation) => {
      const path = join(folder, 'a.txt');
      writeFileSync(path, 'old');
      const files = failing(operation, 'ENOSPC');
      const write = writeAtomically(
        path,
        'new!',
        { what: 'note', afterFailure: 'So what.' },
        files,
      );
      await expect(write).rejects.toThrow(TrainingError);
      await expect(write).rejects.toThrow(
        `note: cannot write ${path} (4 B): no space left on the device (ENOSPC), 12.3 kB free there. So what. Free some space, or choose a folder on another disk.`,
      );
      expect(readFileSync(path, 'utf8')).toBe('old');
      expect(readdirSync(folder)).toEqual(['a.txt']);
    },
  );

  it('says what failed even where the room cannot be asked', async () => {
    const files = {
      ...failing('writeFile', 'EIO'),
      statfs: () => {
        throw new Error('no');
      },
    };
    await expect(writeAtomically(join(folder, 'a'), 'x', { what: 'note' }, files)).rejects.toThrow(
      /\(1 B\): the device failed \(EIO\)\. Check the disk/,
    );
  });

  it('is content with a file system that cannot flush a folder', async () => {
    const files = {
      ...nodeFileSystem,
      async open(at: string, flags: string) {
        const file = await nodeFileSystem.open(at, flags);
        if (at !== folder) return file;
        return {
          writeFile: (content: Uint8Array | string) => file.writeFile(content),
          close: () => file.close(),
          sync: () => Promise.reject(Object.assign(new Error('EINVAL'), { code: 'EINVAL' })),
        };
      },
    };
    await writeAtomically(join(folder, 'a'), 'x', { what: 'note' }, files);
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('x');
  });
});

describe('describeFailure', () => {
  it('measures the room at the nearest folder that exists', () => {
    const error = Object.assign(new Error('x'), { code: 'ENOENT' });
    const { reason } = describeFailure(error, join(folder, 'no', 'such', 'place'));
    expect(reason).toMatch(/^a part of the path does not exist.* \(ENOENT\), [\d.]+ [kMGT]?B free/);
  });

  it('takes over the words of an error that it does not know', () => {
    expect(describeFailure(new Error('odd'), folder).reason).toMatch(/^odd, /);
    const error = Object.assign(new Error('too many'), { code: 'EMFILE' });
    expect(describeFailure(error, folder).reason).toMatch(/^too many \(EMFILE\), /);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [12_345, '12.3 kB'],
    [99_960, '100 kB'],
    [999_600, '1.00 MB'],
    [37_654_321, '37.7 MB'],
    [5e15, '5000 TB'],
  ])('%d is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
