import { encode } from 'fast-png';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../errors.js';
import { parseColours } from './colours.js';
import { colourCoding, decodeMask, indexCoding } from './mask.js';
import { vocPalette } from './palette.js';

const ids = [0, 1, 2, 255, 1, 0];
const png = (data: number[], options: Partial<Parameters<typeof encode>[0]> = {}) =>
  encode({ width: 3, height: 2, channels: 1, depth: 8, data: Uint8Array.from(data), ...options });
const read = (bytes: Uint8Array, coding = indexCoding(3)) => [
  ...decodeMask(bytes, coding, 'masks/a.png').ids,
];

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return error instanceof DataError ? error.message : '';
  }
  throw new Error('nothing was refused');
}

describe('masks of numbers', () => {
  it('are read as they are written: grey, palette, 16 bits, grey with alpha', () => {
    expect(read(png(ids))).toEqual(ids);
    const palette = vocPalette(256).map((colour) => [...colour]);
    expect(read(png(ids, { palette }))).toEqual(ids);
    expect(read(png(ids, { depth: 16, data: Uint16Array.from(ids) }))).toEqual(ids);
    const withAlpha = ids.flatMap((id) => [id, 200]);
    expect(read(png(withAlpha, { channels: 2 }))).toEqual(ids);
  });

  it.each([1, 2, 4] as const)('of %d bits are taken apart', async (depth) => {
    // 11 pixels a row, so that no depth fills the last byte of one.
    const numbers = Array.from({ length: 22 }, (_, i) => (i * 7) % Math.min(3, 2 ** depth));
    const rows = [numbers.slice(0, 11), numbers.slice(11)];
    const data = rows.flatMap((row) => {
      const bits = row.map((number) => number.toString(2).padStart(depth, '0')).join('');
      const bytes = Math.ceil((11 * depth) / 8);
      const filled = bits.padEnd(8 * bytes, '0');
      return Array.from({ length: bytes }, (_, i) =>
        Number.parseInt(filled.slice(8 * i, 8 * i + 8), 2),
      );
    });
    expect(read(png(data, { width: 11, depth }))).toEqual(numbers);
  });

  it('that another program interlaced are read alike', async () => {
    const grey = Uint8Array.from({ length: 77 * 31 }, (_, i) => (i * i) % 3);
    const bytes = await sharp(grey, { raw: { width: 77, height: 31, channels: 1 } })
      .png({ progressive: true })
      .toColourspace('b-w')
      .toBuffer();
    expect(read(bytes)).toEqual([...grey]);
  });

  it('with a class id beyond the classes are refused, and where it is', () => {
    expect(refusal(() => read(png([0, 1, 2, 0, 7, 0])))).toBe(
      'masks/a.png has the class id 7 at row 1, column 1, where 3 classes are known (ids 0 to 2; void is 255): name more classes, or correct the mask',
    );
    expect(
      refusal(() => read(png(ids, { depth: 16, data: Uint16Array.from([300, 0, 0, 0, 0, 0]) }))),
    ).toContain('class id 300 at row 0');
  });

  it('of colours are refused with what to do', () => {
    const colours = [128, 0, 0, 0, 128, 0, 0, 0, 128, 1, 2, 3, 4, 5, 6, 128, 0, 0];
    expect(refusal(() => read(png(colours, { channels: 3 })))).toBe(
      "masks/a.png is of colours (5 of them: (128, 0, 0), (0, 128, 0), (0, 0, 128), (1, 2, 3), ...), where each pixel's number should be its class: " +
        'give the colours of the classes with --mask-colours FILE, or convert the masks to grey or palette PNG with the class ids',
    );
  });

  it('that are no PNG, empty or cut off are refused', async () => {
    const jpeg = await sharp({ create: { width: 3, height: 2, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    expect(refusal(() => read(jpeg))).toMatch(
      /^masks\/a\.png is not a PNG image inside: masks are PNG/,
    );
    expect(refusal(() => read(new Uint8Array(0)))).toBe('masks/a.png is empty');
    const bytes = png(ids);
    for (let length = 8; length < bytes.length - 12; length += 3)
      expect(refusal(() => read(bytes.subarray(0, length)))).toMatch(/is corrupt/);
  });

  it('that claim to be enormous are refused before they are decoded', () => {
    const bytes = Uint8Array.from(png(ids));
    new DataView(bytes.buffer).setUint32(16, 200_000);
    new DataView(bytes.buffer).setUint32(20, 200_000);
    expect(refusal(() => read(bytes))).toContain('is too large: 200000 x 200000 pixels');
  });

  it('shifted by one have void where they are 0', () => {
    const coding = indexCoding(2, { reduceZeroLabel: true });
    expect(read(png([0, 1, 2, 255, 1, 0]), coding)).toEqual([255, 0, 1, 255, 0, 255]);
    expect(refusal(() => read(png([0, 1, 3, 0, 0, 0]), coding))).toContain(
      'ids 1 to 2; void is 0, 255',
    );
  });

  it('cannot have more classes than bytes have numbers', () => {
    expect(refusal(() => indexCoding(256))).toContain('256 classes, where 255 are possible');
  });
});

describe('masks of colours', () => {
  const table = parseColours('road 128 64 128\nsky 70 130 180\nvoid 0 0 0\n', 'colours.txt');
  const coding = colourCoding(table);
  const [road, sky, none] = [
    [128, 64, 128],
    [70, 130, 180],
    [0, 0, 0],
  ] as const;
  const pixels = [road, sky, none, none, sky, road].flat();

  it('are looked up, in RGB and in palettes', () => {
    expect(table.classes).toEqual(['road', 'sky']);
    const expected = [0, 1, 255, 255, 1, 0];
    expect(read(png(pixels, { channels: 3 }), coding)).toEqual(expected);
    const palette = [[...sky], [...road], [...none]];
    expect(read(png([1, 0, 2, 2, 0, 1], { palette }), coding)).toEqual(expected);
  });

  it('may be grey: 255 as a class', () => {
    const binary = colourCoding(parseColours('background 0 0 0\nobject 255 255 255', 'c.txt'));
    expect(read(png([0, 255, 0, 255, 255, 0]), binary)).toEqual([0, 1, 0, 1, 1, 0]);
  });

  it('with a colour that is not in the table are refused', () => {
    const wrong = pixels.map((value, i) => (i === 3 ? 71 : value));
    expect(refusal(() => read(png(wrong, { channels: 3 }), coding))).toBe(
      'masks/a.png has the colour (71, 130, 180) at row 0, column 1, which is not among the 3 colours of colours.txt: add a line for it (void for pixels that do not count)',
    );
  });
});

describe('tables of colours', () => {
  it('are read in the forms that sets come with', () => {
    const forms = [
      'name,r,g,b\nSky,128,128,128\nClass 1,0,0,64\n',
      '128 128 128\tSky\r\n0 0 64\t\tClass 1\r\n',
      '# label:color_rgb:parts:actions\nSky:128,128,128::\nClass 1:0,0,64::\n',
      'Sky 128 128 128\nClass 1 0 0 64',
    ];
    for (const form of forms) {
      const { classes, palette } = parseColours(form, 'x');
      expect(classes).toEqual(['Sky', 'Class 1']);
      expect(palette).toEqual([
        [128, 128, 128],
        [0, 0, 64],
      ]);
    }
  });

  it('may give a class several colours, in the order of known classes', () => {
    const table = parseColours('b 1 1 1\na 2 2 2\nb 3 3 3', 'x', ['a', 'b']);
    expect(table.classes).toEqual(['a', 'b']);
    expect([...table.ids.values()]).toEqual([1, 0, 1]);
  });

  it.each([
    ['road', 'line 1 of x is no class'],
    ['road 1 2 300', 'line 1 of x is no class and colour: "road 1 2 300"'],
    ['road 1 1 1\nsky 1 1 1', 'gives the colour (1, 1, 1) to road and to sky'],
    ['', 'x names no class'],
  ])('with mistakes are refused: %j', (text, sentence) => {
    expect(refusal(() => parseColours(text.replace(/^road$/, 'road 1'), 'x'))).toContain(sentence);
  });

  it('must fit the classes', () => {
    expect(refusal(() => parseColours('c 1 1 1', 'x', ['a']))).toContain(
      'has a colour for c, which is none',
    );
    expect(refusal(() => parseColours('a 1 1 1', 'x', ['a', 'b']))).toContain(
      'has no colour for the class b',
    );
  });
});

it("VOC's palette is that of its development kit", () => {
  expect(vocPalette(256).filter((_, id) => [0, 1, 2, 15, 20, 255].includes(id))).toEqual([
    [0, 0, 0],
    [128, 0, 0],
    [0, 128, 0],
    [192, 128, 128],
    [0, 64, 128],
    [224, 224, 192],
  ]);
});
