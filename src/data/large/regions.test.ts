import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../../errors.js';
import { openRegions } from './regions.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'regions-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const [width, height] = [61, 47];
const pixels = Buffer.from(
  Array.from({ length: width * height * 4 }, (_, i) => (i * 37 + (i >> 5) * 11) & 255),
);
const colour = () => sharp(pixels, { raw: { width, height, channels: 4 } });
const grey = () =>
  sharp(pixels.subarray(0, width * height), { raw: { width, height, channels: 1 } }).toColourspace(
    'b-w',
  );

/** Height, width, channels to channels, height, width. */
const planes = (data: Uint8Array, channels: number): number[] =>
  Array.from({ length: data.length }, (_, i) => {
    const area = data.length / channels;
    return data[(i % area) * channels + Math.floor(i / area)] ?? 0;
  });

const temporaries = async () =>
  (await readdir(tmpdir())).filter((name) => /^espalier-\w{6}$/.test(name));

describe('regions of an image', () => {
  const forms = {
    'colour.png': () => colour().removeAlpha().png(),
    'transparent.png': () => colour().png(),
    'grey.png': () => grey().png(),
    'photo.jpg': () => colour().removeAlpha().jpeg(),
    'lossy.webp': () => colour().webp(),
    'tiled.tif': () => colour().removeAlpha().tiff({ tile: true, tileWidth: 16, tileHeight: 16 }),
  };
  it.each(Object.keys(forms) as (keyof typeof forms)[])('%s are those of sharp', async (name) => {
    const path = join(folder, name);
    await forms[name]().toFile(path);
    const held = await openRegions(path);
    const converted = await openRegions(path, { inMemory: 0 });
    for (const { read, channels, ...size } of [held, converted]) {
      expect([size.width, size.height, channels]).toEqual([
        width,
        height,
        name.startsWith('grey') ? 1 : 3,
      ]);
      for (const [top, left, h, w] of [
        [0, 0, height, width],
        [5, 7, 11, 13],
        [46, 60, 1, 1],
      ] as const) {
        const expected = await sharp(path)
          .flatten({ background: 'white' })
          .extract({ top, left, height: h, width: w })
          .toColourspace(channels === 1 ? 'b-w' : 'srgb')
          .raw()
          .toBuffer();
        expect(Array.from(await read(top, left, h, w))).toEqual(planes(expected, channels));
      }
    }
    await held.close();
    await converted.close();
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('are turned as orientation %i says', async (orientation) => {
    const path = join(folder, `turned-${orientation}.png`);
    await colour().removeAlpha().withMetadata({ orientation }).png().toFile(path);
    const expected = await sharp(path).autoOrient().raw().toBuffer({ resolveWithObject: true });
    const regions = await openRegions(path, { inMemory: 0 });
    expect([regions.width, regions.height]).toEqual([expected.info.width, expected.info.height]);
    const part = { top: 9, left: 4, height: 20, width: 31 };
    const cut = await sharp(expected.data, {
      raw: { width: regions.width, height: regions.height, channels: 3 },
    })
      .extract(part)
      .raw()
      .toBuffer();
    expect(Array.from(await regions.read(9, 4, 20, 31))).toEqual(planes(cut, 3));
    await regions.close();
  });

  it('are grey where that is asked for, by either way alike', async () => {
    const path = join(folder, 'colour.png');
    const [held, converted] = [
      await openRegions(path, { channels: 1 }),
      await openRegions(path, { channels: 1, inMemory: 0 }),
    ];
    expect(await converted.read(3, 4, 20, 30)).toEqual(await held.read(3, 4, 20, 30));
    await converted.close();
  });
});

describe('an image that cannot be read', () => {
  it('is a DataError, and leaves no temporary file', async () => {
    const before = await temporaries();
    const whole = await colour().removeAlpha().png().toBuffer();
    const cut = join(folder, 'cut.png');
    await writeFile(cut, whole.subarray(0, whole.length >> 1));
    await expect(openRegions(cut, { inMemory: 0 })).rejects.toThrow(/cut\.png is corrupt/);
    const noise = join(folder, 'noise.png');
    await writeFile(noise, 'this is text and no image');
    await expect(openRegions(noise)).rejects.toThrow(/is not a PNG, JPEG, WebP or TIFF image/);
    await writeFile(noise, '');
    await expect(openRegions(noise)).rejects.toThrow(/is empty/);
    await expect(openRegions(join(folder, 'none.png'))).rejects.toThrow(DataError);
    await expect(openRegions(folder)).rejects.toThrow(/it is a folder/);
    expect(await temporaries()).toEqual(before);
  });

  it('is one of more pixels than there may be, by its header alone', async () => {
    const header = await readFile(join(folder, 'colour.png'));
    header.writeUInt32BE(100_000, 16);
    header.writeUInt32BE(100_000, 20);
    const path = join(folder, 'huge.png');
    await writeFile(path, header);
    await expect(openRegions(path)).rejects.toThrow(/100000 x 100000 is 10000 megapixels, of 2500/);
  });

  it('is a large one that no decoder reads row by row', async () => {
    const jpeg = await colour().removeAlpha().jpeg({ progressive: true }).toBuffer();
    // Start of a progressive frame: marker, length, bits, height, width.
    const frame = jpeg.indexOf(Uint8Array.of(0xff, 0xc2));
    jpeg.writeUInt16BE(10_000, frame + 5);
    jpeg.writeUInt16BE(10_100, frame + 7);
    const path = join(folder, 'progressive.jpg');
    await writeFile(path, jpeg);
    await expect(openRegions(path)).rejects.toThrow(/progressive and interlaced images above 100/);
  });
});

it('a signal in the middle leaves nothing behind', async () => {
  const module = fileURLToPath(new URL('temporary-folder.ts', import.meta.url));
  const program = join(folder, 'signalled.mts');
  await writeFile(
    program,
    `import { withTemporaryFolder } from ${JSON.stringify(module)};
await withTemporaryFolder(async (folder) => {
  console.log(folder);
  setTimeout(() => process.kill(process.pid, 'SIGINT'), 10);
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});`,
  );
  const failure = await promisify(execFile)(process.execPath, ['--import', 'tsx', program]).then(
    () => null,
    (error: { signal: string; stdout: string }) => error,
  );
  expect(failure?.signal).toBe('SIGINT');
  await expect(readdir(failure?.stdout.trim() ?? '')).rejects.toThrow(/ENOENT/);
});
