/** PNG and .npy written piece by piece, read back by others' readers. */

import { existsSync } from 'node:fs';
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TrainingError, UsageError } from '../errors.js';
import { npyWriter } from './npy-file.js';
import { greyPngWriter, palettePngWriter } from './png-file.js';
import { openStreamed } from './streamed-file.js';

let root = '';
let folder = '';
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'large-files-test-'));
});
beforeEach(async () => {
  folder = await mkdtemp(join(root, `${count++}-`));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const [width, height] = [303, 217];
const ids = Uint8Array.from({ length: width * height }, (_, i) => ((i * 2654435761) >>> 13) % 21);

describe('a PNG', () => {
  it('of ids has them as indices, and their colours for everybody else', async () => {
    const path = join(folder, 'ids.png');
    const palette = Array.from(
      { length: 21 },
      (_, i) => [i * 12, 255 - i, (i * 77) & 255] as const,
    );
    const writer = await palettePngWriter(path, { width, height, palette });
    for (let y = 0; y < height; y += 100)
      await writer.write(ids.subarray(y * width, Math.min(height, y + 100) * width));
    expect(existsSync(path)).toBe(false);
    await writer.finish();
    const read = decode(await readFile(path), { checkCrc: true });
    expect([read.width, read.height, read.depth, read.channels]).toEqual([width, height, 8, 1]);
    expect(Buffer.from(read.data).equals(ids)).toBe(true);
    expect(read.palette?.slice(0, 21)).toEqual(palette);
    const colours = await sharp(path).removeAlpha().raw().toBuffer();
    const wrong = ids.findIndex((id, i) => {
      const colour = palette[id] ?? [];
      return colour.some((value, channel) => colours[3 * i + channel] !== value);
    });
    expect(wrong).toBe(-1);
    expect(await readdir(folder)).toEqual(['ids.png']);
  });

  it('of more ids than a palette has colours has 16 bits', async () => {
    const path = join(folder, 'wide.png');
    const wide = Uint16Array.from({ length: 6 }, (_, i) => i * 12_345);
    const writer = await greyPngWriter(path, { width: 3, height: 2 }, 16);
    await writer.write(wide.subarray(0, 3));
    await writer.write(wide.subarray(3));
    await writer.finish();
    const read = decode(await readFile(path), { checkCrc: true });
    expect([read.depth, read.channels]).toEqual([16, 1]);
    expect([...read.data]).toEqual([...wide]);
  });

  it('of grey values has these', async () => {
    const path = join(folder, 'grey.png');
    const writer = await greyPngWriter(path, { width, height });
    await writer.write(ids);
    await writer.finish();
    const read = await sharp(path).toColourspace('b-w').raw().toBuffer();
    expect(read.equals(ids)).toBe(true);
  });

  it('is there only once it is whole', async () => {
    const path = join(folder, 'old.png');
    await writeFile(path, 'old');
    const writer = await greyPngWriter(path, { width, height });
    await writer.write(ids.subarray(0, width));
    await expect(writer.write(ids.subarray(0, 10))).rejects.toThrow(/10 pixels are no whole rows/);
    await expect(writer.finish()).rejects.toThrow(/216 of 217 rows are missing/);
    await writer.abandon();
    expect(await readdir(folder)).toEqual(['old.png']);
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it.each([
    [{ width: 0, height: 1 }, /no PNG has 0 x 1/],
    [{ width: 2 ** 31, height: 1 }, /no PNG has/],
  ])('of %j is refused', async (size, sentence) => {
    await expect(greyPngWriter(join(folder, 'x.png'), size)).rejects.toThrow(sentence);
    const palette: [number, number, number][] = [];
    const options = { width: 1, height: 1, palette };
    await expect(palettePngWriter(join(folder, 'x.png'), options)).rejects.toThrow(UsageError);
  });
});

describe('a disk that fails', () => {
  it('has its sentence, and leaves no half file', async () => {
    const none = greyPngWriter(join(folder, 'none', 'x.png'), { width, height });
    await expect(none).rejects.toThrow(TrainingError);
    await expect(none).rejects.toThrow(/PNG: cannot write .*x\.png: .*\(ENOENT\)/);

    const path = join(folder, 'map.npy');
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    const file = await openStreamed(path, 'array', async (at, flags) => {
      const opened = await open(at, flags);
      let left = 2;
      return {
        sync: () => opened.sync(),
        close: () => opened.close(),
        write: async (bytes, from, count, position) => {
          if (left-- === 0) throw full;
          // Systems may write less than was asked for.
          return opened.write(bytes, from, Math.min(count, 3), position);
        },
      };
    });
    await file.write(Uint8Array.of(1, 2, 3, 4));
    await expect(file.write(Uint8Array.of(5))).rejects.toThrow(
      /array: cannot write .*map\.npy: no space left on the device \(ENOSPC\).* free there\. Free some space/,
    );
    expect(await readdir(folder)).toEqual([]);
    await expect(file.finish()).rejects.toThrow(TrainingError);
  });
});

describe('an .npy', () => {
  it('takes its parts in any order', async () => {
    const path = join(folder, 'scores.npy');
    const [channels, h, w] = [3, 10, 12];
    const value = (c: number, y: number, x: number) => c * 1000 + y * 20 + x + 0.5;
    const writer = await npyWriter(path, { dims: [channels, h, w], dtype: 'float32' });
    for (const [top, left, rows, columns] of [
      [6, 0, 4, 12],
      [0, 5, 6, 7],
      [0, 0, 6, 5],
    ] as const) {
      const part = new Float32Array(channels * rows * columns);
      for (let i = 0; i < part.length; i++) {
        const [y, x] = [Math.floor(i / columns) % rows, i % columns];
        part[i] = value(Math.floor(i / (rows * columns)), top + y, left + x);
      }
      await writer.write(part, { top, left, height: rows, width: columns });
    }
    await writer.finish();
    const bytes = await readFile(path);
    const start = 10 + bytes.readUInt16LE(8);
    expect(start % 64).toBe(0);
    expect(bytes.subarray(1, 6).toString('latin1')).toBe('NUMPY');
    expect(bytes.subarray(10, start).toString('latin1')).toMatch(
      /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(3, 10, 12\), \} *\n$/,
    );
    expect(bytes.length).toBe(start + channels * h * w * 4);
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++)
          expect(bytes.readFloatLE(start + 4 * ((c * h + y) * w + x))).toBe(value(c, y, x));
    expect(await readdir(folder)).toEqual(['scores.npy']);
  });

  it('refuses parts that do not lie in it', async () => {
    const writer = await npyWriter(join(folder, 'a.npy'), { dims: [1, 4, 4], dtype: 'uint8' });
    const place = { top: 3, left: 0, height: 2, width: 4 };
    await expect(writer.write(new Uint8Array(8), place)).rejects.toThrow(/are no 1 x 2 x 4 part/);
    await expect(writer.write(new Float32Array(4), { ...place, height: 1 })).rejects.toThrow(
      UsageError,
    );
    await writer.abandon();
    expect(await readdir(folder)).toEqual([]);
  });
});
