import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.js';
import { nodeFileSystem } from './atomic-file.js';
import { readRunConfig, writeRunConfig } from './run-config.js';
import { openRunFolder, runPaths } from './run-folder.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('openRunFolder', () => {
  it('makes the folder and those above it, and knows where everything goes', async () => {
    const path = join(folder, 'a', 'b');
    const run = await openRunFolder(path);
    expect(run).toEqual({ ...runPaths(path), resumed: false });
    expect(run.config).toBe(join(path, 'config.yaml'));
    expect(run.checkpoints.best).toBe(join(path, 'checkpoint', 'best.safetensors'));
    expect(readdirSync(path).sort()).toEqual(['checkpoint', 'metrics.jsonl']);
    expect(readdirSync(join(path, 'checkpoint'))).toEqual([]);
  });

  it('takes an empty folder, and one that was given up before the run began', async () => {
    mkdirSync(join(folder, 'run', 'checkpoint'), { recursive: true });
    expect((await openRunFolder(join(folder, 'run'))).resumed).toBe(false);
  });

  it('asks what to do with a run that is there', async () => {
    await openRunFolder(folder);
    const again = openRunFolder(folder);
    await expect(again).rejects.toThrow(UsageError);
    await expect(again).rejects.toThrow(/already holds a run\. Add --resume .*--overwrite/);
  });

  it('goes on with a run, or begins where there is none yet', async () => {
    expect((await openRunFolder(folder, { resume: true })).resumed).toBe(false);
    writeFileSync(runPaths(folder).metrics, 'kept\n');
    expect((await openRunFolder(folder, { resume: true })).resumed).toBe(true);
    expect(readFileSync(runPaths(folder).metrics, 'utf8')).toBe('kept\n');
  });

  it('replaces the files of a run and no others', async () => {
    const run = await openRunFolder(folder);
    for (const file of [run.config, run.metrics, run.model, run.report, run.checkpoints.last])
      writeFileSync(file, 'old');
    mkdirSync(run.huggingFace);
    writeFileSync(join(run.huggingFace, 'config.json'), 'old');
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    writeFileSync(join(folder, 'checkpoint', 'kept.safetensors'), 'mine');
    const again = await openRunFolder(folder, { overwrite: true });
    expect(again.resumed).toBe(false);
    expect(readdirSync(folder).sort()).toEqual([
      'checkpoint',
      'huggingface',
      'metrics.jsonl',
      'notes.txt',
    ]);
    expect(readdirSync(run.huggingFace)).toEqual([]);
    expect(readdirSync(join(folder, 'checkpoint'))).toEqual(['kept.safetensors']);
    expect(readFileSync(run.metrics, 'utf8')).toBe('');
  });

  it.each([{}, { overwrite: true }, { resume: true }])(
    'leaves a folder alone that is no run, with %j',
    async (options) => {
      writeFileSync(join(folder, 'config.yaml'), 'mine');
      writeFileSync(join(folder, 'model.onnx'), 'mine');
      const opening = openRunFolder(folder, options);
      await expect(opening).rejects.toThrow(UsageError);
      await expect(opening).rejects.toThrow(/holds files that are not a run's/);
      expect(readdirSync(folder).sort()).toEqual(['config.yaml', 'model.onnx']);
    },
  );

  it('refuses to overwrite and resume at once', async () => {
    const opening = openRunFolder(folder, { overwrite: true, resume: true });
    await expect(opening).rejects.toThrow(/exclude each other/);
  });

  it('refuses a file', async () => {
    writeFileSync(join(folder, 'file'), 'x');
    const opening = openRunFolder(join(folder, 'file'));
    await expect(opening).rejects.toThrow(UsageError);
    await expect(opening).rejects.toThrow(/is a file\. Choose another folder/);
  });

  it('refuses a folder under a file', async () => {
    writeFileSync(join(folder, 'file'), 'x');
    const opening = openRunFolder(join(folder, 'file', 'run'));
    await expect(opening).rejects.toThrow(UsageError);
    await expect(opening).rejects.toThrow(
      /cannot write into .*run: a part of the path is a file, not a folder \(ENOTDIR\)/,
    );
  });

  it.runIf(existsSync('/proc/self'))('refuses a folder where none can be made', async () => {
    const failure = await openRunFolder('/proc/espalier-run').catch((error) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.exitCode).toBe(2);
    expect(failure.message).toBe(
      'run folder: cannot write into /proc/espalier-run: a part of the path does not exist and cannot be made (ENOENT). Choose another folder.',
    );
  });

  it('refuses a folder in which no file can be opened', async () => {
    const open = () => Promise.reject(Object.assign(new Error('no'), { code: 'EACCES' }));
    const opening = openRunFolder(join(folder, 'run'), {}, { ...nodeFileSystem, open });
    await expect(opening).rejects.toThrow(UsageError);
    await expect(opening).rejects.toThrow(/permission denied \(EACCES\).*make this one writable/);
  });
});

describe('the configuration of a run', () => {
  it('comes back as it was written', async () => {
    const config = {
      method: 'ladder',
      noise: 0.3,
      layers: [784, 10],
      seed: 1,
      best: null,
      on: true,
    };
    const run = await openRunFolder(folder);
    await writeRunConfig(run, config);
    expect(readFileSync(run.config, 'utf8')).toContain('noise: 0.3\n');
    expect(await readRunConfig(run)).toEqual(config);
  });

  it('says where it is missing or is not YAML', async () => {
    await expect(readRunConfig(runPaths(folder))).rejects.toThrow(DataError);
    await expect(readRunConfig(runPaths(folder))).rejects.toThrow(/cannot read .*config\.yaml/);
    writeFileSync(runPaths(folder).config, 'a: [1');
    await expect(readRunConfig(runPaths(folder))).rejects.toThrow(/config\.yaml is not YAML/);
  });
});
