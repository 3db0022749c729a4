import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { parseIdxImages, parseIdxLabels, readIdxPair } from './idx.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'idx-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function idx(magic: number, dims: readonly number[], data: readonly number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.writeUInt32BE(magic, 0);
  dims.forEach((dim, axis) => {
    header.writeUInt32BE(dim, 4 + 4 * axis);
  });
  return Buffer.concat([header, Buffer.from(data)]);
}
const pixels = Array.from({ length: 12 }, (_, i) => 20 * i);
const images = idx(0x803, [2, 2, 3], pixels);
const labels = idx(0x801, [2], [1, 0]);

/** Writes a file and returns its path. */
function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}
/** The DataError that a reading ends with. */
async function failure(work: Promise<unknown>): Promise<DataError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}

describe('readIdxPair', () => {
  it.each(['plain', 'gzip'])('reads %s files', async (form) => {
    const pack = (bytes: Uint8Array) => (form === 'gzip' ? gzipSync(bytes) : bytes);
    const imagesPath = file(`images-${form}`, pack(images));
    const { set, sha256 } = await readIdxPair(imagesPath, file('labels', pack(labels)), ['a', 'b']);
    expect(set).toEqual({
      images: Uint8Array.from(pixels),
      count: 2,
      shape: [1, 2, 3],
      labels: Int32Array.of(1, 0),
      classes: ['a', 'b'],
      names: null,
    });
    expect(sha256.labels).toBe('5c66aba3a762e749fce01733b324ea216dc02bd55e9854993e97fdb137383831');
  });

  it('refuses images and labels of different length', async () => {
    const path = file('three', idx(0x801, [3], [0, 1, 0]));
    const error = await failure(readIdxPair(file('i', images), path, ['a', 'b']));
    expect(error.message).toMatch(/i holds 2 images and .*three 3 labels/);
    expect(error.details).toMatchObject({ path, expected: 2, actual: 3 });
  });

  it('refuses a label that is no class, with the file', async () => {
    const path = file('label-7', idx(0x801, [2], [0, 7]));
    const error = await failure(readIdxPair(file('i', images), path, ['a', 'b']));
    expect(error.message).toContain(`label 7 of image 1 in ${path}`);
  });

  it('refuses files without images', async () => {
    const none = file('none', idx(0x803, [0, 28, 28], []));
    const error = await failure(readIdxPair(none, file('l', idx(0x801, [0], [])), ['a']));
    expect(error.message).toContain('holds no images');
  });

  it('says which file is missing', async () => {
    const error = await failure(readIdxPair(join(folder, 'absent'), file('l', labels), ['a']));
    expect(error.message).toMatch(/absent cannot be read: no such file/);
    expect(error.exitCode).toBe(3);
  });

  it('refuses a gzip file that ends too early', async () => {
    const path = file('half.gz', gzipSync(images).subarray(0, 30));
    const error = await failure(readIdxPair(path, file('l', labels), ['a', 'b']));
    expect(error.message).toMatch(/half\.gz cannot be decompressed: unexpected end of file/);
  });
});

describe('parsing', () => {
  it('tells labels in the place of images by their magic number', () => {
    expect(() => parseIdxImages(labels, 'l')).toThrow(
      /^l starts with magic number 0x00000801, labels .*; 0x00000803, images .*swapped/,
    );
    expect(() => parseIdxLabels(images, 'i')).toThrow(/0x00000803.*0x00000801/);
  });

  it('refuses a file that is no idx file', () => {
    expect(() => parseIdxImages(Buffer.from('<html><body>'), 'page')).toThrow(
      /^page starts with magic number 0x3c68746d; 0x00000803.*not such an idx file/,
    );
  });

  it.each([0, 3, 4, 15, 16, 27])('refuses a file of %d of its 28 bytes', (length) => {
    const expected = length < 16 ? 16 : 28;
    expect(() => parseIdxImages(images.subarray(0, length), 'i')).toThrow(
      new RegExp(`^i is truncated: ${expected} bytes expected for .*, ${length} found`),
    );
  });

  it('refuses a header that promises more than any file holds', () => {
    const huge = idx(0x803, [0xffffffff, 0xffffffff, 0xffffffff], []);
    expect(() => parseIdxImages(huge, 'i')).toThrow(/truncated/);
  });

  it('refuses bytes after the end', () => {
    expect(() => parseIdxLabels(Buffer.concat([labels, Buffer.of(0, 0)]), 'l')).toThrow(
      /^l goes on for 2 bytes after its 2 elements: 10 bytes expected, 12 found/,
    );
  });

  it('reads bytes that lie at an odd place in their buffer', () => {
    const shifted = Buffer.concat([Buffer.of(9), images]).subarray(1);
    expect(parseIdxImages(shifted, 'i').pixels).toEqual(Uint8Array.from(pixels));
  });
});
