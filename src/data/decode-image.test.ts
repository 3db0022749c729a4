import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { decodeImage, readImage } from './decode-image.js';

const grey = { height: 4, width: 4, channels: 1 } as const;
const colour = { height: 2, width: 2, channels: 3 } as const;

type Colour = string | { r: number; g: number; b: number; alpha?: number };

/** An image of one colour. */
const plain = (background: Colour, channels: 3 | 4 = 3, width = 8, height = 8) =>
  sharp({ create: { width, height, channels, background } });
const orange = plain({ r: 200, g: 100, b: 50 });

/** An image of noise, which no format makes small, so that half of it is surely missing when cut. */
const noise = sharp(Buffer.from(Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7919) % 251)), {
  raw: { width: 32, height: 32, channels: 3 },
});

/** Left half black, right half white. */
async function halves(width: number, height: number): Promise<Buffer> {
  const white = await plain('white', 3, width / 2, height)
    .png()
    .toBuffer();
  return plain('black', 3, width, height)
    .composite([{ input: white, left: width / 2, top: 0 }])
    .png()
    .toBuffer();
}

describe('decodeImage', () => {
  it.each([
    ['PNG', orange.clone().png()],
    ['PNG with a palette', orange.clone().png({ palette: true })],
    ['PNG of 16 bits', orange.clone().toColourspace('rgb16').png()],
    ['JPEG', orange.clone().jpeg({ quality: 100 })],
    ['WebP', orange.clone().webp({ lossless: true })],
  ])('reads %s in planes of red, green and blue', async (name, image) => {
    const bytes = await decodeImage(await image.toBuffer(), colour, name);
    expect([...bytes].map((value) => Math.round(value / 5) * 5)).toEqual([
      ...[200, 200, 200, 200],
      ...[100, 100, 100, 100],
      ...[50, 50, 50, 50],
    ]);
  });

  it('turns colours to grey, and grey to colours', async () => {
    const green = await decodeImage(await plain('lime').png().toBuffer(), grey, 'lime');
    const blue = await decodeImage(await plain('blue').png().toBuffer(), grey, 'blue');
    expect(green.length).toBe(16);
    expect(green[0]).toBeGreaterThan(blue[0] ?? 255);
    const bw = await plain({ r: 90, g: 90, b: 90 }).toColourspace('b-w').png().toBuffer();
    expect(new Set(await decodeImage(bw, colour, 'bw'))).toEqual(new Set([90]));
  });

  it('lays what is transparent on white', async () => {
    const clear = await plain({ r: 0, g: 0, b: 0, alpha: 0 }, 4).png().toBuffer();
    expect(new Set(await decodeImage(clear, colour, 'clear'))).toEqual(new Set([255]));
  });

  it('keeps proportions and cuts at the centre', async () => {
    const target = { height: 4, width: 4, channels: 1 } as const;
    const wide = await decodeImage(await halves(40, 8), target, 'wide');
    expect([wide[0], wide[3], wide[12], wide[15]]).toEqual([0, 255, 0, 255]);
  });

  it('turns the image as its orientation says', async () => {
    const turned = await sharp(await halves(8, 8))
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const bytes = await decodeImage(turned, colour, 'turned');
    expect([...bytes.subarray(0, 4)].map((value) => value > 127)).toEqual([
      ...[false, false],
      ...[true, true],
    ]);
  });

  it.each([
    ['PNG', noise.clone().png()],
    ['JPEG', noise.clone().jpeg()],
    ['WebP', noise.clone().webp()],
  ])('refuses half a %s', async (name, image) => {
    const bytes = await image.toBuffer();
    const half = bytes.subarray(0, bytes.length / 2);
    await expect(decodeImage(half, grey, name)).rejects.toThrow(
      new RegExp(`^${name} is corrupt: `),
    );
  });

  it('refuses a PNG whose content was changed', async () => {
    const bytes = await noise.clone().png().toBuffer();
    bytes.fill(0x55, bytes.length / 2, bytes.length / 2 + 20);
    await expect(decodeImage(bytes, grey, 'a.png')).rejects.toThrow(/^a\.png is corrupt/);
  });

  it.each([
    ['nothing', '', 'is empty'],
    ['text', 'hello', 'is not a PNG, JPEG or WebP image inside'],
    ['SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', 'is not a PNG'],
    ['a signature alone', '\x89PNG\r\n\x1a\n', 'is corrupt'],
  ])('refuses %s', async (name, content, reason) => {
    const error = await decodeImage(Buffer.from(content, 'latin1'), grey, name).catch((e) => e);
    expect(error).toBeInstanceOf(DataError);
    expect(error.details.actual).toContain(reason);
  });

  it('refuses an image of more pixels than the cap before decoding it', async () => {
    const bytes = await plain('red', 3, 100, 50).png().toBuffer();
    await expect(decodeImage(bytes, grey, 'big', 4999)).rejects.toThrow(
      'big is too large: 100 x 50 is 0.005 megapixels, of 0.004999 at most',
    );
    await expect(decodeImage(bytes, grey, 'big', 5000)).resolves.toHaveLength(16);
  });
});

it('says that a file is missing', async () => {
  await expect(readImage('/nowhere/a.png', grey)).rejects.toThrow(/cannot be read: no such file/);
});
