import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataError, TrainingError, UsageError } from '../errors.js';
import { formatBytes, nodeFileSystem } from './atomic-file.js';
import { fileCheckpointStore } from './checkpoint-store.js';
import { openMetricsLog, readMetrics } from './metrics-log.js';
import { openRunFolder } from './run-folder.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'checkpoints-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Mounts a tiny file system on `folder`, runs `body` and takes it away; or says why it cannot. */
async function onMount(options: string, body: () => Promise<void>): Promise<string | undefined> {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    return `cannot mount a tmpfs here: ${String(error)}`;
  }
  try {
    await body();
  } finally {
    execFileSync('umount', [folder]);
  }
  return undefined;
}

describe('fileCheckpointStore', () => {
  it('has nothing at first, then what was last saved, each kind apart', async () => {
    const run = await openRunFolder(join(folder, 'run'));
    const store = fileCheckpointStore(run);
    expect(await store.load('last')).toBeNull();
    await store.save('last', Uint8Array.of(1));
    await store.save('best', Uint8Array.of(2, 2));
    await store.save('last', Uint8Array.of(3, 3, 3));
    expect(await store.load('last')).toEqual(Uint8Array.of(3, 3, 3));
    expect(await store.load('best')).toEqual(Uint8Array.of(2, 2));
    expect(readdirSync(join(run.path, 'checkpoint')).sort()).toEqual([
      'best.safetensors',
      'last.safetensors',
    ]);
  });

  it('keeps the checkpoint before where a save fails', async () => {
    const run = await openRunFolder(join(folder, 'run'));
    await fileCheckpointStore(run).save('last', Uint8Array.of(7));
    const rename = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
    const store = fileCheckpointStore(run, { ...nodeFileSystem, rename });
    await expect(store.save('last', new Uint8Array(2000))).rejects.toThrow(
      /^checkpoint: cannot write .*last\.safetensors \(2\.00 kB\): no space left on the device \(ENOSPC\), .* free there\. The one before it is kept: .*--resume\. Free some space/,
    );
    await expect(store.save('best', new Uint8Array(1))).rejects.toThrow(
      /There is no earlier one\./,
    );
    expect(await store.load('last')).toEqual(Uint8Array.of(7));
    expect(readdirSync(join(run.path, 'checkpoint'))).toEqual(['last.safetensors']);
  });

  it('survives a disk that is really full', async ({ skip }) => {
    const reason = await onMount('size=64k', async () => {
      const run = await openRunFolder(folder);
      const store = fileCheckpointStore(run);
      const good = new Uint8Array(20_000).fill(1);
      await store.save('last', good);
      const failure = await store.save('last', new Uint8Array(60_000)).catch((error) => error);
      expect(failure).toBeInstanceOf(TrainingError);
      expect(failure).toMatchObject({ exitCode: 1, details: { path: run.checkpoints.last } });
      const { bavail, bsize } = statfsSync(folder);
      expect(String(failure)).toContain(
        `(60.0 kB): no space left on the device (ENOSPC), ${formatBytes(bavail * bsize)} free`,
      );
      expect(await store.load('last')).toEqual(good);
      expect(readdirSync(join(folder, 'checkpoint'))).toEqual(['last.safetensors']);
      await store.save('last', new Uint8Array(40_000).fill(2));
      expect((await store.load('last'))?.length).toBe(40_000);
    });
    if (reason !== undefined) skip(reason);
  });

  it('says so when the disk fills up under the metrics', async ({ skip }) => {
    const reason = await onMount('size=64k', async () => {
      const run = await openRunFolder(folder);
      const log = await openMetricsLog(run, () => 0);
      log.write({ type: 'start', run: 'r', step: 0, steps: 1, resumed: false });
      const write = () => log.write({ type: 'notice', message: 'x'.repeat(30_000) });
      write();
      write();
      expect(write).toThrow(TrainingError);
      expect(write).toThrow(
        /^metrics: cannot write .*: no space left on the device \(ENOSPC\), 0 B/,
      );
      log.close();
      expect(await readMetrics(run)).toHaveLength(3);
    });
    if (reason !== undefined) skip(reason);
  });

  it('says before the run that a read-only disk cannot be written', async ({ skip }) => {
    const reason = await onMount('ro', async () => {
      const failure = await openRunFolder(join(folder, 'run')).catch((error) => error);
      expect(failure).toBeInstanceOf(UsageError);
      expect(String(failure)).toMatch(/the file system is read-only \(EROFS\)/);
    });
    if (reason !== undefined) skip(reason);
  });

  it('says where a checkpoint that is there cannot be read', async () => {
    const run = await openRunFolder(join(folder, 'run'));
    mkdirSync(run.checkpoints.best);
    const load = fileCheckpointStore(run).load('best');
    await expect(load).rejects.toThrow(DataError);
    await expect(load).rejects.toThrow(/checkpoint: cannot read .*best\.safetensors: .*EISDIR/);
  });

  it('forgets what a killed process left half written', async () => {
    const run = await openRunFolder(join(folder, 'run'));
    await fileCheckpointStore(run).save('last', Uint8Array.of(1));
    // Written as the process dies: a temporary file, never renamed.
    const script = `
      require('node:fs').writeFileSync(process.argv[1] + '.tmp-' + process.pid, 'half');
      process.kill(process.pid, 'SIGKILL');`;
    expect(() => execFileSync(process.execPath, ['-e', script, run.checkpoints.last])).toThrow();
    writeFileSync(join(run.path, 'model.onnx.tmp-12'), 'half');
    writeFileSync(join(run.path, 'notes.tmp-12'), 'mine');
    expect(readdirSync(join(run.path, 'checkpoint'))).toHaveLength(2);
    const again = await openRunFolder(run.path, { resume: true });
    expect(readdirSync(join(run.path, 'checkpoint'))).toEqual(['last.safetensors']);
    expect(readdirSync(run.path).sort()).toEqual(['checkpoint', 'metrics.jsonl', 'notes.tmp-12']);
    expect(readFileSync(again.checkpoints.last)).toEqual(Buffer.of(1));
  });
});
